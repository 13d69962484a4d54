//! A qué se dirige una petición: su destino (RFC 9112 §3.2) y `Host`, con la gramática de la
//! RFC 3986 §3.2.

use std::net::Ipv6Addr;

/// Lo que puede llevar un nombre de máquina sin más ceremonia: `unreserved` y `sub-delims`. `Host` lo
/// trae toda petición y se mira letra a letra: con una tabla cuesta la mitad que comparando.
static NAME_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        allowed[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || matches!(byte, b'!' | b'$' | b'&'..=b',' | b';' | b'=');
        byte += 1;
    }
    allowed
};

/// Si es una máquina, con puerto o sin él: `uri-host [ ":" port ]` (RFC 9110 §7.2). Las dos pueden
/// estar vacías: así lo envía quien pide algo que no tiene máquina (RFC 9112 §3.2).
pub(super) fn is_host(value: &[u8]) -> bool {
    let name = match value.iter().rposition(|byte| !byte.is_ascii_digit()) {
        Some(colon) if value[colon] == b':' => &value[..colon],
        _ => value,
    };
    is_plain(name) || is_odd_name(name)
}

fn is_plain(name: &[u8]) -> bool {
    // Sin parar en el primero que falle: lo corriente es que no falle ninguno.
    name.iter().fold(true, |plain, &byte| plain & NAME_BYTES[usize::from(byte)])
}

// Lo poco frecuente va aparte (`cold`): así lo corriente cabe en pocas instrucciones.
#[cold]
fn is_odd_name(name: &[u8]) -> bool {
    is_address(name) || is_escaped(name)
}

/// Con bytes escritos como `%C3%B1`.
fn is_escaped(name: &[u8]) -> bool {
    let mut pieces = name.split(|&byte| byte == b'%');
    pieces.next().is_some_and(is_plain)
        && pieces.all(|piece| match piece {
            [high, low, rest @ ..] => {
                high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && is_plain(rest)
            }
            _ => false,
        })
}

/// `[::1]`, o `[v7.algo]`.
fn is_address(name: &[u8]) -> bool {
    let [b'[', address @ .., b']'] = name else { return false };
    let address = str::from_utf8(address).unwrap_or_default();
    address.parse::<Ipv6Addr>().is_ok() || is_future(address)
}

/// Una dirección de las que aún no existen: `IPvFuture`.
fn is_future(address: &str) -> bool {
    let Some((version, rest)) = address.get(1..).and_then(|after| after.split_once('.')) else {
        return false;
    };
    let is_rest = |byte: u8| byte == b':' || NAME_BYTES[usize::from(byte)];
    address.starts_with(['v', 'V'])
        && !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !rest.is_empty()
        && rest.bytes().all(is_rest)
}

/// Si es un destino con la forma que pide su método (RFC 9112 §3.2): `/ruta`, `http://…`,
/// `host:puerto` con CONNECT y `*` con OPTIONS.
///
/// En la ruta se admite cualquier carácter visible, como hacen los navegadores con `[`, `|` o `%`;
/// salvo `#`: un fragmento no sale nunca del cliente (RFC 3986 §3.5).
pub(super) fn is_valid(method: &str, target: &str) -> bool {
    let is_path = target.starts_with('/') && method != "CONNECT";
    (is_path || is_odd_target(method, target))
        && target.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#')
}

#[cold]
fn is_odd_target(method: &str, target: &str) -> bool {
    match method {
        "CONNECT" => is_authority(target),
        "OPTIONS" if target == "*" => true,
        _ => is_absolute(target),
    }
}

/// `host:puerto`, los dos de verdad (RFC 9110 §9.3.6).
fn is_authority(target: &str) -> bool {
    let Some((host, port)) = target.rsplit_once(':') else { return false };
    !host.is_empty() && is_host(target.as_bytes()) && port.parse::<u16>().is_ok()
}

/// `esquema://máquina/ruta`. De los demás esquemas solo se mira que lo sean; `http` exige una
/// máquina, y no quiere contraseñas a la vista (RFC 9110 §4.2.1 y §4.2.4).
fn is_absolute(target: &str) -> bool {
    let Some((scheme, rest)) = target.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_named =
        !authority.is_empty() && !authority.starts_with(':') && is_host(authority.as_bytes());
    is_scheme && (is_named || !is_web)
}
