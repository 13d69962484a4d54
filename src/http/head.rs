//! La cabecera de una petición: dónde acaba y qué dice.

use std::mem::MaybeUninit;

use httparse::Status::{Complete, Partial};

use super::body::{Body, Chunk, MAX_BODY, TOO_LARGE};
use super::status::{Refusal, Status, bad};

/// Bytes que puede ocupar la cabecera de una petición.
pub const MAX_HEAD: usize = 8 * 1024;

/// Campos que puede tener una cabecera.
const MAX_FIELDS: usize = 100;

/// Qué se pide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// El recurso.
    Get,
    /// La cabecera de la respuesta que daría GET (RFC 9110 §9.3.2).
    Head,
    /// Otro de los métodos de la RFC 9110 §9, o PATCH.
    Known,
    /// Una palabra que no es ningún método conocido.
    Unknown,
}

/// Si la conexión sirve para otra petición (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// HTTP/1.1: sigue abierta sin necesidad de decirlo.
    Implicit,
    /// HTTP/1.0 con `Connection: keep-alive`: sigue abierta, y hay que decirlo.
    Explicit,
    /// Se cierra tras la respuesta.
    Close,
}

/// Una petición cuya cabecera ha llegado entera.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Bytes de la cabecera, con su línea vacía.
    pub head_length: usize,
    /// Qué se pide.
    pub method: Method,
    /// Si la conexión sobrevive.
    pub persistence: Persistence,
    /// Lo que sigue a la cabecera.
    pub body: Body,
    /// Si el cliente espera un 100 antes de enviar el cuerpo (RFC 9110 §10.1.1): con una
    /// respuesta final, quizá ya no lo envíe.
    pub expects_continue: bool,
}

/// Bytes de líneas vacías que preceden a una petición: se pasan por alto (RFC 9112 §2.2).
///
/// Un CR sin su LF no es una línea vacía, y el último byte puede ser uno que aún lo espera.
pub fn leading_blank(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// Dónde acaba la cabecera: la posición que sigue a la línea vacía.
///
/// `scanned` son los bytes ya examinados en llamadas anteriores sobre la misma petición; solo
/// se vuelve a los tres últimos, donde pudo quedar a medias el final. Una línea puede acabar
/// en LF a secas (RFC 9112 §2.2), que es lo que escribe una persona con `nc`.
pub fn end_of_head(bytes: &[u8], scanned: usize) -> Option<usize> {
    let start = scanned.saturating_sub(3);
    memchr::memchr_iter(b'\n', &bytes[start..]).find_map(|offset| {
        let next = start + offset + 1;
        match bytes[next..] {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        }
    })
}

/// Interpreta la cabecera con la que empiezan `bytes`, si ha llegado entera; `None` si aún no.
///
/// `scanned` son los bytes que ya se examinaron sin encontrar su final: así ninguno se examina dos
/// veces, por despacio que lleguen. Lo que se sabe mal escrito se rechaza sin esperar al resto.
/// Errores: la [`Refusal`] que merece por su sintaxis, su versión, su tamaño o unos campos que se
/// contradicen (RFC 9112 §6.3).
pub fn parse_head(bytes: &[u8], scanned: usize) -> Result<Option<Request>, Refusal> {
    if scanned > 0 && end_of_head(bytes, scanned).is_none() {
        return incomplete(bytes);
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let head_length = match parsed.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(Complete(length)) => length,
        Ok(Partial) if end_of_head(bytes, scanned).is_none() => return incomplete(bytes),
        Ok(Partial) => return Err(bad("la cabecera está incompleta")),
        // De una versión a medias aún no se sabe si es otra o si está mal escrita.
        Err(httparse::Error::Version) if !bytes.contains(&b'\n') => return incomplete(bytes),
        Err(error) => return Err(syntax_refusal(error, bytes)),
    };
    let minor = parsed.version.unwrap_or_default();
    let name = parsed.method.unwrap_or_default();
    check_target(name, parsed.path.unwrap_or_default())?;
    let fields = Fields::read(parsed.headers)?;
    // En HTTP/1.0 puede faltar, pero dos serían igual de ambiguos (RFC 9112 §3.2).
    if fields.hosts > 1 || (minor == 1 && fields.hosts == 0) {
        return Err(bad("la petición debe llevar un campo Host, y solo uno"));
    }
    Ok(Some(Request {
        head_length,
        method: method(name),
        persistence: fields.persistence(minor),
        body: fields.body(minor)?,
        expects_continue: fields.expects_continue,
    }))
}

/// Faltan bytes: habrá que leer más, si caben.
fn incomplete(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let status = Status::FIELDS_TOO_LARGE;
    let full = Refusal { status, reason: "la cabecera pasa de 8 KiB" };
    if bytes.len() < MAX_HEAD { Ok(None) } else { Err(full) }
}

fn syntax_refusal(error: httparse::Error, head: &[u8]) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => {
            Refusal { status: Status::FIELDS_TOO_LARGE, reason: "hay demasiados campos" }
        }
        httparse::Error::Version if names_a_version(head) => Refusal {
            status: Status::VERSION_NOT_SUPPORTED,
            reason: "este servidor habla HTTP/1.1 y HTTP/1.0",
        },
        _ => bad("la cabecera no cumple la sintaxis de HTTP/1.1"),
    }
}

/// Si la primera línea acaba en `HTTP/n.n`: entonces el problema es la versión y no la línea.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let word = line.trim_ascii_end().rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    matches!(word, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Method::Known,
        _ => Method::Unknown,
    }
}

/// Las cuatro formas de un destino (RFC 9112 §3.2): `/ruta`, `http://…`, `host:puerto` con
/// CONNECT y `*` con OPTIONS.
fn check_target(method: &str, target: &str) -> Result<(), Refusal> {
    let shaped = match method {
        "CONNECT" => true,
        "OPTIONS" if target == "*" => true,
        _ => target.starts_with('/') || target.contains("://"),
    };
    if shaped && target.is_ascii() { Ok(()) } else { Err(bad("el destino no es una ruta válida")) }
}

/// Los bytes que puede llevar el valor de `Host`. Lo trae toda petición y se mira letra a letra: con
/// una tabla cuesta la mitad que comparando.
static HOST_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        allowed[byte as usize] = !matches!(byte, b'/' | b'?' | b'#' | b'@' | b',' | b'\\');
        byte += 1;
    }
    allowed
};

/// Los campos de la cabecera que cambian cómo se lee lo que sigue.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Fields, Refusal> {
        let mut fields = Fields::default();
        for header in headers {
            fields.add(header.name, header.value)?;
        }
        Ok(fields)
    }

    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        // La longitud del nombre descarta casi todos los campos sin comparar letras.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => self.add_host(value)?,
            6 if name.eq_ignore_ascii_case("expect") => {
                self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if name.eq_ignore_ascii_case("connection") => self.add_connection(value),
            14 if name.eq_ignore_ascii_case("content-length") => self.add_length(value)?,
            17 if name.eq_ignore_ascii_case("transfer-encoding") => self.add_encoding(value)?,
            _ => {}
        }
        Ok(())
    }

    fn add_host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.hosts += 1;
        if value.iter().all(|&byte| HOST_BYTES[usize::from(byte)]) {
            Ok(())
        } else {
            Err(bad("el valor de Host no es válido"))
        }
    }

    fn add_connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(bad("Content-Length aparece más de una vez"));
        }
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(bad("Content-Length debe ser un número"));
        }
        let digits = str::from_utf8(value).unwrap_or_default();
        self.length = Some(digits.parse().unwrap_or(u64::MAX));
        Ok(())
    }

    fn add_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            let status = Status::NOT_IMPLEMENTED;
            return Err(Refusal { status, reason: "solo se admite Transfer-Encoding: chunked" });
        }
        self.chunked = true;
        Ok(())
    }

    fn persistence(&self, minor: u8) -> Persistence {
        match minor {
            _ if self.close => Persistence::Close,
            1 => Persistence::Implicit,
            _ if self.keep_alive => Persistence::Explicit,
            _ => Persistence::Close,
        }
    }

    /// RFC 9112 §6.3: con las dos formas de medir el cuerpo a la vez, un servidor y un
    /// intermediario podrían verlo acabar en sitios distintos.
    fn body(&self, minor: u8) -> Result<Body, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(bad("Content-Length y Transfer-Encoding se contradicen")),
            (true, None) if minor == 0 => Err(bad("HTTP/1.0 no tiene Transfer-Encoding")),
            (true, None) => Ok(Body::Chunked { next: Chunk::Size, total: 0 }),
            (false, Some(length)) if length > MAX_BODY => Err(TOO_LARGE),
            (false, length) => Ok(Body::Sized(length.unwrap_or(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Request, Refusal> {
        assert!(end_of_head(text.as_bytes(), 0).is_some(), "la cabecera está entera");
        Ok(parse_head(text.as_bytes(), 0)?.expect("la cabecera está entera"))
    }

    fn refused(text: &str) -> u16 {
        parse(text).expect_err(text).status.code
    }

    #[test]
    fn una_petición_corriente() {
        let request = parse("GET /a?b=c HTTP/1.1\r\nHost: x:80\r\n\r\nresto").unwrap();
        assert_eq!(request.head_length, 35);
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.persistence, Persistence::Implicit);
        assert!(request.body.is_done());
    }

    #[test]
    fn a_mano_con_nc_bastan_los_saltos_de_línea() {
        assert!(parse("GET / HTTP/1.1\nHost: x\n\n").is_ok());
    }

    #[test]
    fn las_líneas_vacías_de_antes_se_saltan() {
        assert_eq!(leading_blank(b"\r\n\nGET"), 3);
        assert_eq!(leading_blank(b"GET"), 0);
        assert_eq!(leading_blank(b"\n\r"), 1, "el LF puede estar por llegar");
        assert_eq!(leading_blank(b"\rGET"), 0, "un CR suelto no es una línea");
    }

    #[test]
    fn lo_que_está_mal_escrito_es_400() {
        for text in [
            "hola\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n seguido\r\n\r\n",
            "GET ruta HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /ñ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(refused(text), 400, "{text:?}");
        }
    }

    #[test]
    fn cada_otro_rechazo_tiene_su_código() {
        assert_eq!(refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
        assert_eq!(refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
        assert_eq!(refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"), 413);
        let many = "a: b\r\n".repeat(MAX_FIELDS + 1);
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\n{many}\r\n")), 431);
    }

    #[test]
    fn la_conexión_sigue_o_se_cierra_según_la_versión_y_el_campo() {
        let persistence = |text: &str| parse(text).unwrap().persistence;
        assert_eq!(persistence("GET / HTTP/1.0\r\n\r\n"), Persistence::Close);
        let explicit = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
        assert_eq!(persistence(explicit), Persistence::Explicit);
        let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n";
        assert_eq!(persistence(close), Persistence::Close);
    }

    #[test]
    fn t4_09_lo_ya_examinado_no_se_vuelve_a_mirar() {
        // Un final que se quedó atrás: si lo encontrara, habría vuelto a mirar desde el comienzo.
        let bytes = [b"\n\n", &[b'x'; 8000][..]].concat();
        assert_eq!(end_of_head(&bytes, 0), Some(2));
        for scanned in [5, 100, 8000, 8002] {
            assert_eq!(end_of_head(&bytes, scanned), None, "{scanned}");
        }
    }

    /// Entrega `bytes` en trozos de `size` y devuelve dónde acabó la cabecera.
    fn end_in_pieces(bytes: &[u8], size: usize) -> Option<usize> {
        let (mut received, mut scanned) = (0, 0);
        while received < bytes.len() {
            received = (received + size).min(bytes.len());
            if let Some(end) = end_of_head(&bytes[..received], scanned) {
                return Some(end);
            }
            scanned = received;
        }
        None
    }

    proptest! {
        #[test]
        fn cualquier_corte_encuentra_el_mismo_final(
            bytes in prop::collection::vec(prop::sample::select(b"\r\nab".to_vec()), 0..60),
            size in 1_usize..20,
        ) {
            prop_assert_eq!(end_in_pieces(&bytes, size), end_of_head(&bytes, 0));
        }

        #[test]
        fn ningunos_bytes_provocan_un_pánico(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = end_of_head(&bytes, 0);
            let _ = parse_head(&bytes, 0);
        }

        #[test]
        fn lo_que_sigue_a_una_cabecera_no_la_cambia(
            text in "(GET|X) [/a]{1,3} HTTP/1.[01]\r?\n((Host|a): ?[ -~]{0,9}\r?\n){0,4}\r?\n[a:\r\n]{0,20}",
        ) {
            let end = end_of_head(text.as_bytes(), 0).unwrap();
            let request = parse_head(text.as_bytes(), 0);
            prop_assert_eq!(&request, &parse_head(&text.as_bytes()[..end], 0));
            prop_assert!(request.is_err() || request.unwrap().unwrap().head_length == end);
        }

        #[test]
        fn ninguna_cabecera_parecida_provoca_un_pánico(text in "(GET|POST|X) [/a*:]{1,5} HTTP/[0-9.]{1,3}\r\n([A-Za-z-]{1,18}: ?[ -~]{0,10}\r\n){0,5}\r\n") {
            let _ = parse_head(text.as_bytes(), 0);
        }
    }
}
