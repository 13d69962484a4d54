//! Una respuesta HTTP/1.1 (RFC 9112), leída sin perdonar nada.

use std::time::SystemTime;

/// Más campos que estos no los manda nadie en este curso.
const MAX_HEADERS: usize = 64;

/// Lo que contestó el servidor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Si dice hablar HTTP/1.0, y no HTTP/1.1.
    pub(crate) is_http_1_0: bool,
    /// El código: 200, 404, 431…
    pub status: u16,
    /// La frase que acompaña al código.
    pub reason: String,
    /// Los campos de la cabecera, en su orden y con sus mayúsculas.
    pub headers: Vec<(String, String)>,
    /// El cuerpo, ya completo.
    pub body: Vec<u8>,
}

impl Response {
    /// El valor del primer campo con ese nombre, sin distinguir mayúsculas.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Si anuncia que esta conexión se cierra (RFC 9112, sección 9.6).
    pub fn announces_close(&self) -> bool {
        self.says_of_connection("close")
    }

    /// Si anuncia que sigue abierta, como ha de hacer con quien habla HTTP/1.0 (RFC 9112,
    /// apéndice C.2.2).
    pub(crate) fn announces_keep_alive(&self) -> bool {
        self.says_of_connection("keep-alive")
    }

    fn says_of_connection(&self, option: &str) -> bool {
        let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("Connection");
        let values = self.headers.iter().filter(named).flat_map(|(_, value)| value.split(','));
        values.into_iter().any(|said| said.trim().eq_ignore_ascii_case(option))
    }

    /// El tipo de contenido y sus parámetros, en minúsculas, sin comillas y sin los espacios que no
    /// cuentan (RFC 9110, sección 8.3.1).
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("Content-Type").unwrap_or_default().to_lowercase();
        let parts = value.split(';').map(|part| part.trim().replace('"', ""));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// El instante de `Date`, si está y tiene la forma IMF-fixdate (RFC 9110, sección 5.6.7).
    pub fn date(&self) -> Option<SystemTime> {
        imf_fixdate(self.header("Date")?)
    }
}

/// Dónde termina el cuerpo (RFC 9112, sección 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilEnd,
}

impl Framing {
    /// El cuerpo que hay al comienzo de esos bytes, y cuánto ocupa, si ya ha llegado entero. Con
    /// [`UntilEnd`](Self::UntilEnd) no se sabe: lo dice el final de la conexión.
    pub(crate) fn whole(self, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
        match self {
            Self::Length(length) => Ok(bytes.get(..length).map(|body| (body.to_vec(), length))),
            Self::Chunked => dechunked(bytes),
            Self::UntilEnd => Ok(None),
        }
    }
}

/// Un cuerpo por trozos (RFC 9112, sección 7.1), con su final y sin los campos que lo sigan.
fn dechunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let wrong = |_| "uno de sus trozos no empieza por su longitud".to_owned();
        let size = httparse::parse_chunk_size(&bytes[at..]).map_err(wrong)?;
        let httparse::Status::Complete((used, size)) = size else { return Ok(None) };
        at += used;
        if size == 0 {
            return after_trailers(bytes, at).map(|end| end.map(|end| (body, end)));
        }
        let size = usize::try_from(size).map_err(|_| "uno de sus trozos no cabe".to_owned())?;
        let Some(chunk) = bytes[at..].get(..size) else { return Ok(None) };
        body.extend_from_slice(chunk);
        at += size;
        match bytes[at..].get(..2) {
            None => return Ok(None),
            Some(b"\r\n") => at += 2,
            Some(_) => return Err("uno de sus trozos no acaba donde dice".to_owned()),
        }
    }
}

/// Dónde acaban los campos que pueden seguir al último trozo.
fn after_trailers(bytes: &[u8], at: usize) -> Result<Option<usize>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(&bytes[at..], &mut headers) {
        Ok(httparse::Status::Complete((used, _))) => Ok(Some(at + used)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(explain(error).to_owned()),
    }
}

/// La cabecera de una respuesta, y cuántos bytes ocupa.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) response: Response,
    pub(crate) length: usize,
}

/// La cabecera que hay al comienzo de esos bytes; `Ok(None)` si aún no ha llegado entera.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(explain(error).to_owned()),
    };
    let response = Response {
        is_http_1_0: parsed.version == Some(0),
        status: parsed.code.unwrap_or_default(),
        reason: parsed.reason.unwrap_or_default().to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value).into_owned();
                (header.name.to_owned(), value)
            })
            .collect(),
        body: Vec::new(),
    };
    Ok(Some(Head { response, length }))
}

fn explain(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::Version => "no empieza por HTTP/1.1",
        httparse::Error::Status => "el código no son tres cifras",
        httparse::Error::HeaderName => "el nombre de un campo tiene un carácter prohibido",
        httparse::Error::HeaderValue => "el valor de un campo tiene un carácter prohibido",
        httparse::Error::NewLine => "hay un retorno de carro sin su salto de línea",
        httparse::Error::TooManyHeaders => "tiene demasiados campos",
        httparse::Error::Token => "tiene un carácter donde no puede ir",
    }
}

impl Head {
    /// Si es una respuesta provisional, detrás de la cual viene la de verdad.
    pub(crate) fn is_interim(&self) -> bool {
        matches!(self.response.status, 100 | 102..=199)
    }

    /// Dónde acaba el cuerpo de esta respuesta a una petición que no era HEAD.
    pub(crate) fn framing(&self) -> Result<Framing, String> {
        let response = &self.response;
        if matches!(response.status, 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        if let Some(coding) = response.header("Transfer-Encoding") {
            if response.header("Content-Length").is_some() {
                return Err("lleva Transfer-Encoding y Content-Length a la vez".to_owned());
            }
            let last = coding.rsplit(',').next().unwrap_or_default().trim();
            let chunked = last.eq_ignore_ascii_case("chunked");
            return Ok(if chunked { Framing::Chunked } else { Framing::UntilEnd });
        }
        match response.header("Content-Length") {
            None => Ok(Framing::UntilEnd),
            Some(value) => value
                .parse()
                .map(Framing::Length)
                .map_err(|_| format!("su Content-Length no es un número: «{value}»")),
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, con su día de la semana y sin ninguna otra de las formas que se
/// admiten a quien lee.
fn imf_fixdate(text: &str) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(text).ok()?;
    (httpdate::fmt_http_date(date) == text).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let date = imf_fixdate(text)?;
        date.duration_since(SystemTime::UNIX_EPOCH).ok().map(|span| span.as_secs())
    }

    #[test]
    fn la_fecha_del_rfc_es_la_que_dice_el_rfc() {
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
    }

    #[test]
    fn una_fecha_mal_escrita_no_es_una_fecha() {
        for wrong in [
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon, 1 Apr 2013 01:01:01 GMT",
            "",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn la_cabecera_se_lee_entera_o_no_se_lee() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: Close\r\n\r\nhola";
        assert!(parse_head(&bytes[..30]).unwrap().is_none());
        let head = parse_head(bytes).unwrap().unwrap();
        assert_eq!(head.length, bytes.len() - 4);
        assert_eq!(head.framing(), Ok(Framing::Length(4)));
        assert!(head.response.announces_close());
        assert_eq!(head.response.header("content-length"), Some("4"));
        assert!(parse_head(b"hola\r\n\r\n").is_err());
    }

    #[test]
    fn un_cuerpo_por_trozos_se_lee_hasta_su_final_y_ni_un_byte_más() {
        let whole = b"3\r\nhol\r\n1;a=b\r\na\r\n0\r\nX: 1\r\n\r\n";
        let got = Framing::Chunked.whole(&[whole.as_slice(), b"HTTP/1.1"].concat());
        assert_eq!(got, Ok(Some((b"hola".to_vec(), whole.len()))));
        for cut in 0..whole.len() {
            assert_eq!(Framing::Chunked.whole(&whole[..cut]), Ok(None), "{cut}");
        }
        assert!(Framing::Chunked.whole(b"xyz\r\n").is_err());
        assert!(Framing::Chunked.whole(b"3\r\nhola\r\n").is_err());
    }
}
