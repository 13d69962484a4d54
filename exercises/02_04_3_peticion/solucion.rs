//! EPOLLIN: una petición por partes. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado, en `step.rs`: lo que puede dar un EPOLLIN.

use std::io::{ErrorKind, Read};

use super::step::{MAX_HEAD, Step};

// <solo en la solución>
/// El fin de la última línea, y la línea vacía (RFC 9112 §2.1).
const END: &[u8] = b"\r\n\r\n";
// </solo en la solución>

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
        // <tu código>
        let mut buffer = [0; 4096];
        // Una lectura por aviso: si queda algo, epoll lo repetirá (disparo por nivel), y entre
        // tanto se atiende a los demás.
        match stream.read(&mut buffer) {
            Ok(0) if self.input.is_empty() => return Step::Left,
            Ok(0) => return Step::CutShort,
            Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Step::Wait;
            }
            Err(error) => return Step::Broken(error.kind()),
        }
        match end_of_head(&self.input, self.scanned) {
            Some(end) if end <= MAX_HEAD => {
                self.scanned = 0;
                // Lo que llegó detrás ya es otra cosa: el cuerpo, o la petición siguiente.
                Step::Head(self.input.drain(..end).collect())
            }
            None if self.input.len() < MAX_HEAD => {
                self.scanned = self.input.len();
                Step::Wait
            }
            _ => Step::TooLong,
        }
        // </tu código>
    }
}

/// Cuántos bytes ocupa la cabecera con la que empieza `input`, si está entera.
///
/// En los primeros `scanned` ya se sabe que no está el final entero.
pub fn end_of_head(input: &[u8], scanned: usize) -> Option<usize> {
    // <tu código>
    // El final pudo empezar en los tres últimos: `\r\n\r` antes, y `\n` ahora.
    let from = scanned.saturating_sub(END.len() - 1);
    let found = input.get(from..)?.windows(END.len()).position(|bytes| bytes == END)?;
    Some(from + found + END.len())
    // </tu código>
}
