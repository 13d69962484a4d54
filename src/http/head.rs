//! La cabecera de una petición: dónde acaba y qué dice.

use std::mem::MaybeUninit;

use httparse::Status::Complete;

use super::body::Body;
use super::fields::{Fields, Persistence};
use super::line::{CONTROL, MAX_FIELDS, MAX_HEAD, read_field};
use super::status::{Refusal, Status, bad, too_large};
use super::target;

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

impl Method {
    fn named(name: &str) -> Method {
        // Lo más corriente, primero y sin llamar a nadie.
        if name == "GET" { Method::Get } else { Method::other(name) }
    }

    fn other(name: &str) -> Method {
        match name {
            "HEAD" => Method::Head,
            "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Method::Known,
            _ => Method::Unknown,
        }
    }
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

/// Dónde acaba la cabecera, sin mirar qué dice: la posición que sigue a la línea vacía.
///
/// Una línea puede acabar en LF a secas (RFC 9112 §2.2), que es lo que escribe una persona con `nc`.
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|line_feed| match bytes[line_feed + 1..] {
        [b'\n', ..] => Some(line_feed + 2),
        [b'\r', b'\n', ..] => Some(line_feed + 3),
        _ => None,
    })
}

/// Interpreta la cabecera con la que empiezan `bytes`, ya sin [líneas vacías](leading_blank) delante,
/// si ha llegado entera; `None` si aún no.
///
/// `scanned` son los bytes que ya se examinaron en llamadas anteriores sobre la misma petición. Lo
/// que se sabe mal escrito se rechaza sin esperar al resto, y el veredicto es el mismo llegue en los
/// trozos que llegue: el de lo primero que está mal. Un trozo sin fin de línea se mira una vez; con
/// cada fin de línea se repasan las anteriores, que son como mucho 101. Errores: la [`Refusal`] que
/// merece por su sintaxis, su versión, su tamaño o unos campos que se contradicen (RFC 9112 §6.3).
pub fn parse_head(bytes: &[u8], scanned: usize) -> Result<Option<Request>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    match at_once(bytes, scanned) {
        None => by_lines(bytes, scanned),
        request => Ok(request),
    }
}

/// Lo corriente, en una sola pasada: una cabecera que llegó entera y a la que no se le puede
/// reprochar nada.
fn at_once(bytes: &[u8], scanned: usize) -> Option<Request> {
    if scanned > 0 {
        return None;
    }
    let mut headers = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let Ok(Complete(length)) = parsed.parse_with_uninit_headers(bytes, &mut headers) else {
        return None;
    };
    let line = RequestLine::new(parsed.method?, parsed.path?, parsed.version?)?;
    let mut fields = Fields::default();
    fields.read(parsed.headers).ok()?;
    line.request(&fields, length).ok()
}

/// Lo demás, línea a línea: hasta la que falta, o hasta la que está mal.
#[cold]
fn by_lines(bytes: &[u8], scanned: usize) -> Result<Option<Request>, Refusal> {
    check_opening(bytes)?;
    let news = &bytes[scanned..];
    if memchr::memchr(b'\n', news).is_some()
        && let Some(end) = memchr::memchr(b'\n', bytes)
    {
        let line = RequestLine::read(&bytes[..end])?;
        let (mut fields, mut length, mut count) = (Fields::default(), end + 1, 0);
        while let Some((field, used)) = read_field(&bytes[length..], &mut count)? {
            length += used;
            let Some(field) = field else { return line.request(&fields, length).map(Some) };
            fields.read(&[field])?;
            fields.check_so_far(line.minor)?;
        }
    }
    if news.iter().any(|byte| byte.is_ascii_control() && !b"\t\r\n".contains(byte)) {
        return Err(CONTROL);
    }
    if bytes.len() < MAX_HEAD { Ok(None) } else { Err(too_large("la cabecera pasa de 8 KiB")) }
}

/// Lo que se sabe desde el primer byte (o el segundo, tras un CR que promete una línea vacía).
fn check_opening(bytes: &[u8]) -> Result<(), Refusal> {
    match *bytes {
        // El comienzo de un ClientHello (RFC 8446 §5.1): un navegador al que le pidieron https.
        [0x16, ..] => Err(bad("esto es http, no https: escribe http:// en la dirección")),
        [b'\r'] => Ok(()),
        [first, ..] if is_token(first) => Ok(()),
        _ => Err(bad("no empieza por un método de HTTP")),
    }
}

/// Lo que puede llevar un nombre: un método, aquí (`tchar`, RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    let mark =
        matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
    mark || byte.is_ascii_alphanumeric()
}

/// La primera línea, ya comprobada.
struct RequestLine {
    method: Method,
    /// La segunda cifra de la versión; la primera es un 1.
    minor: u8,
}

impl RequestLine {
    /// `None` si el destino no tiene la forma que pide el método.
    #[inline]
    fn new(method: &str, target: &str, minor: u8) -> Option<RequestLine> {
        let line = RequestLine { method: Method::named(method), minor };
        target::is_valid(method, target).then_some(line)
    }

    /// `line` es la línea, sin su LF. Errores: su sintaxis, su destino o su versión.
    fn read(line: &[u8]) -> Result<RequestLine, Refusal> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words: Vec<_> = line.splitn(4, |&byte| byte == b' ').map(str::from_utf8).collect();
        let [Ok(method), Ok(target), Ok(version)] = words[..] else {
            return Err(bad("la primera línea se escribe «MÉTODO destino HTTP/1.1»"));
        };
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err(bad("el método no es válido"));
        }
        let minor = minor(version)?;
        RequestLine::new(method, target, minor).ok_or(bad("el destino no es válido"))
    }

    /// Con los campos, la petición. Errores: unos campos que faltan o se contradicen.
    fn request(&self, fields: &Fields, head_length: usize) -> Result<Request, Refusal> {
        Ok(Request {
            head_length,
            method: self.method,
            persistence: fields.persistence(self.minor),
            body: fields.body(self.minor)?,
            expects_continue: fields.expects_continue(self.minor),
        })
    }
}

/// La segunda cifra de la versión: 0 o 1. A una 1.2 se le habla como a una 1.1, la más alta de las
/// conocidas (RFC 9110 §2.5). Errores: no es una versión, o es otra.
fn minor(version: &str) -> Result<u8, Refusal> {
    match version.as_bytes() {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => {
            Ok((minor - b'0').min(1))
        }
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Refusal {
            status: Status::VERSION_NOT_SUPPORTED,
            reason: "este servidor habla HTTP/1.1 y HTTP/1.0",
        }),
        _ => Err(bad("la versión se escribe HTTP/1.1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn las_líneas_vacías_de_antes_se_saltan() {
        assert_eq!(leading_blank(b"\r\n\nGET"), 3);
        assert_eq!(leading_blank(b"GET"), 0);
        assert_eq!(leading_blank(b"\n\r"), 1, "el LF puede estar por llegar");
        assert_eq!(leading_blank(b"\rGET"), 0, "un CR suelto no es una línea");
    }

    proptest! {
        #[test]
        fn ningunos_bytes_provocan_un_pánico(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = end_of_head(&bytes);
            let _ = parse_head(&bytes, 0);
        }
    }
}
