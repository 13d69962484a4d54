//! Peticiones seguidas por una conexión. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `request.rs`, que lee una cabecera y escribe una respuesta,
//! y `server.rs`, el bucle.

use multiplexacion::http::Persistence;

use super::request::{MAX_QUEUED, Request};

// <solo en la solución>
use super::request::refusal;
use multiplexacion::http::Status;
// </solo en la solución>

/// Si la conexión sigue abierta tras responder a `request` (RFC 9112 §9.3).
pub fn persistence(request: &Request) -> Persistence {
    // <tu código>
    let asks = |option: &str| {
        let mut options = request.values("connection").flat_map(|value| value.split(','));
        options.any(|word| word.trim().eq_ignore_ascii_case(option))
    };
    match request.minor {
        // Cerrar manda, diga lo que diga lo demás.
        _ if asks("close") => Persistence::Close,
        1 => Persistence::Implicit,
        // En HTTP/1.0 solo sigue quien lo pide, y hay que decirle que sí.
        _ if asks("keep-alive") => Persistence::Explicit,
        _ => Persistence::Close,
    }
    // </tu código>
}

/// Cuántos bytes de cuerpo siguen a la cabecera de `request`; nada, si no se puede saber.
pub fn body_length(request: &Request) -> Option<usize> {
    // <tu código>
    let mut lengths = request.values("content-length");
    let Some(length) = lengths.next() else { return Some(0) };
    // Con dos, aunque sean iguales, otro programa podría quedarse con el que no es (RFC 9112 §6.3).
    // Y `parse` admite un signo, «+5», que HTTP no tiene.
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if lengths.next().is_some() || !digits { None } else { length.parse().ok() }
    // </tu código>
}

/// Una conversación: lo que ha llegado, lo que hay que decir y por dónde va.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Lo recibido y aún sin usar.
    pub input: Vec<u8>,
    /// Las respuestas sin escribir, en su orden.
    pub output: Vec<u8>,
    /// La petición a la que le falta cuerpo, y cuántos bytes.
    pub unfinished: Option<(Request, usize)>,
    /// Tras lo que hay en `output`, se cierra.
    pub closing: bool,
}

impl Exchange {
    /// Atiende cuantas peticiones enteras haya en `input`, mientras quepan sus respuestas.
    pub fn advance(&mut self) {
        // <tu código>
        while !self.closing && self.output.len() < MAX_QUEUED {
            let Some((request, missing)) = self.next_request() else { return };
            // Del cuerpo solo importa dónde acaba.
            let arrived = missing.min(self.input.len());
            self.input.drain(..arrived);
            if arrived < missing {
                self.unfinished = Some((request, missing - arrived));
                return;
            }
            let persistence = persistence(&request);
            self.closing = persistence == Persistence::Close;
            self.output.extend_from_slice(&request.response(persistence));
        }
        // </tu código>
    }

    // <solo en la solución>
    /// La petición que toca, y cuánto falta de su cuerpo: la que esperaba, o la que empieza en
    /// `input` si su cabecera está entera.
    fn next_request(&mut self) -> Option<(Request, usize)> {
        if let Some(unfinished) = self.unfinished.take() {
            return Some(unfinished);
        }
        match Request::read(&self.input) {
            Ok(None) => None,
            Ok(Some((request, used))) => {
                self.input.drain(..used);
                match body_length(&request) {
                    Some(length) => Some((request, length)),
                    None => self.refuse(Status::BAD_REQUEST),
                }
            }
            Err(status) => self.refuse(status),
        }
    }

    /// No se sabe dónde empezaría otra: se despide.
    fn refuse(&mut self, status: Status) -> Option<(Request, usize)> {
        self.output.extend_from_slice(&refusal(status));
        self.closing = true;
        None
    }
    // </solo en la solución>
}
