//! EPOLLIN: una petición a trozos. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{ErrorKind, Read};

/// Bytes que puede ocupar una cabecera, como mucho.
pub const MAX_HEAD: usize = 8192;

/// Lo que dio un EPOLLIN.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Falta algo: hay que esperar a otro EPOLLIN.
    Wait,
    /// La cabecera entera, con su línea vacía.
    Head(Vec<u8>),
    /// La cabecera pasa de [`MAX_HEAD`] bytes.
    TooLong,
    /// El otro lado cerró, y no había dejado nada a medias.
    Left,
    /// El otro lado cerró a mitad de una cabecera.
    CutShort,
    /// El socket falló, y cómo.
    Broken(ErrorKind),
}

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
