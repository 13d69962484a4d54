//! Enviar: la longitud delante. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, Write};

/// Bytes de la longitud que va delante.
pub const HEADER: usize = 4;

/// Bytes de texto que admite un marco, como mucho.
pub const MAX_TEXT: usize = 65_536;

/// Envía `text` como un marco: su longitud en orden de red y, detrás, el texto.
pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    todo!("Escribe esto en exercises/02_03_1_enviar/ejercicio.rs")
}
