//! Enviar: la longitud delante. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, Write};

use super::given::{HEADER, MAX_TEXT};

/// Envía `text` como un marco: su longitud en orden de red y, detrás, el texto.
pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    todo!("Escribe esto en exercises/02_03_1_enviar/ejercicio.rs")
}
