//! Peticiones seguidas por una conexión. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `request.rs`, que lee una cabecera y escribe una respuesta,
//! y `server.rs`, el bucle.

use multiplexacion::http::Persistence;

use super::request::{MAX_QUEUED, Request};

/// Si la conexión sigue abierta tras responder a `request` (RFC 9112 §9.3).
pub fn persistence(request: &Request) -> Persistence {
    todo!("Escribe esto en exercises/02_04_7_seguidas/ejercicio.rs")
}

/// Cuántos bytes de cuerpo siguen a la cabecera de `request`; nada, si no se puede saber.
pub fn body_length(request: &Request) -> Option<usize> {
    todo!("Escribe esto en exercises/02_04_7_seguidas/ejercicio.rs")
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
        todo!("Escribe esto en exercises/02_04_7_seguidas/ejercicio.rs")
    }
}
