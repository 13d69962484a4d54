//! Eco hasta el final de la entrada. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, Read, Write};

/// Devuelve a `stream` cada byte que llega, en orden, hasta el final de la entrada.
///
/// Dice cuántos bytes devolvió.
pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    todo!("Escribe esto en exercises/02_02_1_eco/ejercicio.rs")
}
