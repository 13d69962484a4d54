//! Cómo se escribe una respuesta.

use std::io::Write;
use std::time::SystemTime;

use super::fields::Persistence;
use super::status::{Refusal, Status};

/// Una respuesta por escribir.
#[derive(Debug)]
pub struct Response<'a> {
    /// La primera línea.
    pub status: Status,
    /// El cuerpo, texto.
    pub body: &'a str,
    /// Si se envía el cuerpo, o solo su longitud: la respuesta a HEAD.
    pub with_body: bool,
    /// Qué se dice de la conexión.
    pub persistence: Persistence,
}

impl Response<'_> {
    /// Los bytes de la respuesta, con `now` como fecha (RFC 9110 §6.6.1).
    ///
    /// `Content-Length` se cuenta del cuerpo: en bytes, no en caracteres.
    pub fn encode(&self, now: SystemTime) -> Vec<u8> {
        let Status { code, phrase } = self.status;
        let allow =
            if self.status == Status::METHOD_NOT_ALLOWED { "Allow: GET, HEAD\r\n" } else { "" };
        let connection = match self.persistence {
            Persistence::Implicit => "",
            Persistence::Explicit => "Connection: keep-alive\r\n",
            Persistence::Close => "Connection: close\r\n",
        };
        let date = httpdate::fmt_http_date(now);
        let length = self.body.len();
        let mut bytes = Vec::with_capacity(256 + length);
        let _ = write!(
            bytes,
            "HTTP/1.1 {code} {phrase}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Date: {date}\r\n\
             Content-Length: {length}\r\n\
             {allow}{connection}\r\n"
        );
        if self.with_body {
            bytes.extend_from_slice(self.body.as_bytes());
        }
        bytes
    }
}

impl Refusal {
    /// Los bytes de la respuesta a lo que se rechaza: la razón, en una línea, y el cierre. A un HEAD,
    /// `to_head`, sin contenido (RFC 9110 §9.3.2).
    pub fn encode(&self, to_head: bool, now: SystemTime) -> Vec<u8> {
        let Refusal { status, reason } = *self;
        let body = &format!("Petición rechazada: {reason}.\n");
        let (with_body, persistence) = (!to_head, Persistence::Close);
        Response { status, body, with_body, persistence }.encode(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_longitud_se_cuenta_en_bytes_y_la_fecha_es_imf_fixdate() {
        let response = Response {
            status: Status::OK,
            body: "¡Hola desde EpollServer!\n",
            with_body: true,
            persistence: Persistence::Implicit,
        };
        let moment = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777);
        assert_eq!(
            String::from_utf8(response.encode(moment)).unwrap(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 26\r\n\r\n\
             ¡Hola desde EpollServer!\n"
        );
    }
}
