//! Los argumentos de una llamada, como los escribe strace: descriptores, textos, conjuntos, plazos.

use std::net::SocketAddr;

/// Un descriptor y lo que es.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// Su número.
    pub(crate) number: i32,
    /// `TCP:[127.0.0.1:8802->127.0.0.1:40000]`; vacío si strace no lo explicó.
    pub(crate) what: String,
}

impl Descriptor {
    /// Si es un socket de TCP.
    pub(crate) fn is_tcp(&self) -> bool {
        self.what.starts_with("TCP")
    }

    /// Su dirección y, si está conectado, la del otro extremo.
    pub(crate) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let inside = self.what.split_once(":[").and_then(|(_, rest)| rest.strip_suffix(']'));
        match inside.map(|inside| inside.split_once("->").unwrap_or((inside, ""))) {
            Some((local, peer)) => (local.parse().ok(), peer.parse().ok()),
            None => (None, None),
        }
    }
}

/// Los argumentos, separados por sus comas: las de un texto, una lista o una estructura no separan.
pub(crate) fn split(arguments: &str) -> Vec<&str> {
    separated(arguments, b',')
}

/// Lo que hay en una lista, entre corchetes: `[{fd=3}, {fd=4}]`, o `[3<…> 4<…>]`, con su separador.
pub(crate) fn list(text: &str, separator: u8) -> Vec<&str> {
    let inside = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside
        .filter(|inside| !inside.is_empty())
        .map_or(Vec::new(), |inside| separated(inside, separator))
}

fn separated(text: &str, separator: u8) -> Vec<&str> {
    let (mut pieces, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    let letters = text.as_bytes();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        match letter {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' | b'(' | b'<' => depth += 1,
            // La flecha de `[uno->otro]` no cierra nada.
            b'>' if at > 0 && letters[at - 1] == b'-' => {}
            b']' | b'}' | b')' | b'>' => depth = depth.saturating_sub(1),
            other if other == separator && depth == 0 => {
                pieces.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(text[start..].trim());
    pieces
}

/// El descriptor de `3<TCP:[127.0.0.1:8802]>`, o de `3`.
pub(crate) fn descriptor(text: &str) -> Option<Descriptor> {
    let (number, what) = match text.trim().split_once('<') {
        Some((number, rest)) => (number, rest.strip_suffix('>').unwrap_or(rest)),
        None => (text.trim(), ""),
    };
    Some(Descriptor { number: number.trim().parse().ok()?, what: what.to_owned() })
}

/// Un campo de una estructura, hasta su coma: `events` de `{events=EPOLLIN, data={…}}`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let inside = text.trim();
    let inside = inside.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(inside);
    separated(inside, b',')
        .into_iter()
        .find_map(|piece| piece.strip_prefix(name)?.strip_prefix('='))
}

/// Los descriptores de un conjunto de lo que devolvió select(2): `(in [3 4], out [5])`.
pub(crate) fn set(text: &str, title: &str) -> Vec<i32> {
    let Some((_, rest)) = text.split_once(&format!("{title} [")) else { return Vec::new() };
    let inside = rest.split(']').next().unwrap_or_default();
    inside.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Un plazo, en milisegundos, redondeado hacia arriba: `{tv_sec=1, tv_nsec=500}`. Sin plazo, nada.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let seconds: i64 = field(text, "tv_sec")?.parse().ok()?;
    let nanos: i64 = match field(text, "tv_nsec") {
        Some(nanos) => nanos.parse().ok()?,
        None => field(text, "tv_usec")?.parse::<i64>().ok()?.checked_mul(1000)?,
    };
    seconds.checked_mul(1000)?.checked_add((nanos + 999_999) / 1_000_000)
}

/// La dirección de una estructura de connect(2) o bind(2).
pub(crate) fn address(text: &str) -> Option<SocketAddr> {
    let after = |mark: &str, end: char| text.split_once(mark)?.1.split(end).next();
    let port = after("htons(", ')')?.parse().ok()?;
    let host = after("inet_addr(\"", '"').or_else(|| after("inet_pton(AF_INET6, \"", '"'))?;
    Some(SocketAddr::new(host.parse().ok()?, port))
}

/// Todos los textos entre comillas de `argument`, uno tras otro, con sus bytes de verdad: los de
/// writev(2) van a trozos.
pub(crate) fn bytes(argument: &str) -> Vec<u8> {
    let (mut bytes, mut letters) = (Vec::new(), argument.bytes().peekable());
    while letters.any(|letter| letter == b'"') {
        while let Some(letter) = letters.next() {
            match letter {
                b'"' => break,
                b'\\' => bytes.extend(escaped(&mut letters)),
                _ => bytes.push(letter),
            }
        }
    }
    bytes
}

/// El byte que sigue a una barra: `\n`, `\302`.
fn escaped(letters: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Option<u8> {
    Some(match letters.next()? {
        digit @ b'0'..=b'7' => {
            let mut value = u32::from(digit - b'0');
            for _ in 0..2 {
                let next = letters.next_if(|next| (b'0'..=b'7').contains(next));
                let Some(next) = next else { break };
                value = value * 8 + u32::from(next - b'0');
            }
            u8::try_from(value).unwrap_or(b'?')
        }
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        b'f' => 0x0C,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_argumentos_se_separan_por_las_comas_de_fuera() {
        let arguments = r#"4<TCP:[127.0.0.1:1->127.0.0.1:2]>, "a, \"b", [{x=1, y=2}, {x=3}], 0</dev/null<char 1:3>>, 9"#;
        assert_eq!(
            split(arguments),
            [
                "4<TCP:[127.0.0.1:1->127.0.0.1:2]>",
                r#""a, \"b""#,
                "[{x=1, y=2}, {x=3}]",
                "0</dev/null<char 1:3>>",
                "9"
            ]
        );
        assert_eq!(list("[3<a b> 4<c>]", b' '), ["3<a b>", "4<c>"]);
        assert!(list("[]", b' ').is_empty() && list("NULL", b' ').is_empty());
    }

    #[test]
    fn un_descriptor_dice_sus_direcciones() {
        let socket = descriptor("4<TCPv6:[[::1]:8802->[::1]:44056]>").unwrap();
        assert!(socket.is_tcp());
        assert_eq!(socket.addresses(), ("[::1]:8802".parse().ok(), "[::1]:44056".parse().ok()));
        assert_eq!(descriptor("5").unwrap().addresses(), (None, None));
        assert_eq!(descriptor("4<TCP:[12345]>").unwrap().addresses(), (None, None));
        assert_eq!(descriptor("AT_FDCWD</tmp>"), None);
    }

    #[test]
    fn textos_campos_y_plazos() {
        let pieces = r#"[{iov_base="\302\241ay\r\n", iov_len=6}, {iov_base="a\"", iov_len=2}]"#;
        assert_eq!(bytes(pieces), "¡ay\r\na\"".as_bytes());
        assert_eq!(
            field("{events=EPOLLIN|EPOLLET, data={u32=7, u64=8}}", "events"),
            Some("EPOLLIN|EPOLLET")
        );
        assert_eq!(field("{events=EPOLLIN, data={u32=7, u64=8}}", "data"), Some("{u32=7, u64=8}"));
        assert_eq!(milliseconds("{tv_sec=9, tv_nsec=999942000}"), Some(10_000));
        assert_eq!(milliseconds("{tv_sec=0, tv_usec=500}"), Some(1));
        assert_eq!(milliseconds("NULL"), None);
        let sent =
            r#"{sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "::1", &sin6_addr)}"#;
        assert_eq!(address(sent), "[::1]:80".parse().ok());
    }

    #[test]
    fn lo_listo_para_select() {
        assert_eq!(set("(in [3 4], out [5])", "in"), [3, 4]);
        assert_eq!(set("(in [3 4], out [5])", "out"), [5]);
        assert!(set("(Timeout)", "in").is_empty());
    }
}
