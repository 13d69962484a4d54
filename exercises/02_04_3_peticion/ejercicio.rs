//! EPOLLIN: una petición por partes. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado, en `step.rs`: lo que puede dar un EPOLLIN.

use std::io::{ErrorKind, Read};

use super::step::{MAX_HEAD, Step};

/// Una petición que va llegando.
#[derive(Debug, Default)]
pub struct Request {
    /// Lo que ha llegado y aún no se ha entregado.
    pub input: Vec<u8>,
    /// Cuántos bytes de `input` ya se examinaron, sin encontrar el final.
    pub scanned: usize,
}

impl Request {
    /// Hay algo que leer en `stream`, o llegó el final.
    pub fn on_readable<R: Read>(&mut self, stream: &mut R) -> Step {
        todo!("Escribe esto en exercises/02_04_3_peticion/ejercicio.rs")
    }
}

/// Cuántos bytes ocupa la cabecera con la que empieza `input`, si está entera.
///
/// En los primeros `scanned` ya se sabe que no está el final entero.
pub fn end_of_head(input: &[u8], scanned: usize) -> Option<usize> {
    todo!("Escribe esto en exercises/02_04_3_peticion/ejercicio.rs")
}
