//! Los campos de una cabecera que cambian cómo se lee lo que sigue.

use std::mem;

use httparse::Header;

use super::body::{Body, Chunk, MAX_BODY, TOO_LARGE};
use super::status::{Refusal, Status, bad};
use super::target;

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

/// Lo que dicen los campos que importan, según van llegando.
#[derive(Default)]
pub(super) struct Fields {
    host: bool,
    length: Option<u64>,
    encoding: Encoding,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

/// Las codificaciones de `Transfer-Encoding` que van, en el orden en el que se aplicaron.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Encoding {
    /// No hay tal campo.
    #[default]
    Absent,
    /// Lo hay, y no nombra ninguna.
    Empty,
    /// Ninguna es chunked.
    Others,
    /// Solo chunked.
    Chunked,
    /// Otras, y al final chunked.
    OthersThenChunked,
    /// Dos veces chunked, o algo detrás. Sin él al final, y solo al final, no se sabe dónde acaba el
    /// cuerpo (RFC 9112 §6.1 y §6.3).
    Hopeless,
}

impl Fields {
    /// Anota unos campos. Errores: el valor de uno no es válido, o no admitía repetirse.
    pub(super) fn read(&mut self, fields: &[Header<'_>]) -> Result<(), Refusal> {
        fields.iter().try_for_each(|field| self.add(field.name, field.value))
    }

    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        match name.as_bytes() {
            // El que trae toda petición, letra a letra: es más corto que llamar a otra función.
            [b'H' | b'h', b'O' | b'o', b'S' | b's', b'T' | b't'] => self.add_host(value),
            // La primera letra y la longitud descartan a casi todos los demás.
            [b'C' | b'c' | b'E' | b'e' | b'T' | b't', ..]
                if matches!(name.len(), 6 | 10 | 14 | 17) =>
            {
                self.add_rare(name, value)
            }
            _ => Ok(()),
        }
    }

    /// Aparte (`cold`), para que lo corriente quepa en pocas instrucciones.
    #[cold]
    fn add_rare(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case("expect") {
            self.expects_continue |=
                items(value).any(|item| item.eq_ignore_ascii_case(b"100-continue"));
        } else if name.eq_ignore_ascii_case("connection") {
            self.add_connection(value);
        } else if name.eq_ignore_ascii_case("content-length") {
            self.add_length(value)?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.encoding.add(value);
        }
        Ok(())
    }

    fn add_host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if mem::replace(&mut self.host, true) {
            // En HTTP/1.0 puede faltar, pero dos serían igual de ambiguos (RFC 9112 §3.2).
            return Err(ONE_HOST);
        }
        if target::is_host(value) { Ok(()) } else { Err(bad("el valor de Host no es válido")) }
    }

    fn add_connection(&mut self, value: &[u8]) {
        for option in items(value) {
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

    /// Lo que ya no puede arreglar ningún campo que falte por llegar.
    ///
    /// RFC 9112 §6.3: con las dos formas de medir el cuerpo a la vez, un servidor y un
    /// intermediario podrían verlo acabar en sitios distintos.
    pub(super) fn check_so_far(&self, minor: u8) -> Result<(), Refusal> {
        match (self.encoding, self.length) {
            (Encoding::Absent, Some(length)) if length > MAX_BODY => Err(TOO_LARGE),
            (Encoding::Absent, _) => Ok(()),
            (_, Some(_)) => Err(bad("Content-Length y Transfer-Encoding se contradicen")),
            _ if minor == 0 => Err(bad("HTTP/1.0 no tiene Transfer-Encoding")),
            (Encoding::Hopeless, _) => Err(CHUNKED_LAST),
            _ => Ok(()),
        }
    }

    /// El cuerpo que sigue, cuando ya no quedan campos. Errores: los que faltan, o los que se
    /// contradicen.
    pub(super) fn body(&self, minor: u8) -> Result<Body, Refusal> {
        if !self.host && minor == 1 {
            return Err(ONE_HOST);
        }
        self.check_so_far(minor)?;
        match self.encoding {
            Encoding::Absent => Ok(Body::Sized(self.length.unwrap_or(0))),
            Encoding::Chunked => Ok(Body::Chunked { next: Chunk::Size, total: 0 }),
            Encoding::OthersThenChunked => {
                let status = Status::NOT_IMPLEMENTED;
                Err(Refusal { status, reason: "solo se admite Transfer-Encoding: chunked" })
            }
            _ => Err(CHUNKED_LAST),
        }
    }

    pub(super) fn persistence(&self, minor: u8) -> Persistence {
        match minor {
            _ if self.close => Persistence::Close,
            1 => Persistence::Implicit,
            _ if self.keep_alive => Persistence::Explicit,
            _ => Persistence::Close,
        }
    }

    /// En HTTP/1.0 no se hace caso (RFC 9110 §10.1.1). Tampoco de lo que no sea 100-continue, ni se
    /// responde el 417, que es optativo.
    pub(super) fn expects_continue(&self, minor: u8) -> bool {
        self.expects_continue && minor == 1
    }
}

const ONE_HOST: Refusal = bad("la petición debe llevar un campo Host, y solo uno");

const CHUNKED_LAST: Refusal = bad("chunked debe ser la última codificación, y una sola vez");

impl Encoding {
    /// El campo puede repetirse: la lista sigue (RFC 9110 §5.3).
    fn add(&mut self, value: &[u8]) {
        if *self == Encoding::Absent {
            *self = Encoding::Empty;
        }
        for coding in items(value) {
            *self = match (*self, coding.eq_ignore_ascii_case(b"chunked")) {
                (Encoding::Empty, true) => Encoding::Chunked,
                (Encoding::Others, true) => Encoding::OthersThenChunked,
                (Encoding::Empty | Encoding::Others, false) => Encoding::Others,
                _ => Encoding::Hopeless,
            }
        }
    }
}

/// Los elementos de una lista; los vacíos no cuentan (RFC 9110 §5.6.1).
fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}
