//! Espera al final de la entrada para responder: dos que conversan se esperarían para siempre.
//! Mensaje: «tu código sigue dentro de `recv`»

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut everything = Vec::new();
    stream.read_to_end(&mut everything)?;
    stream.write_all(&everything)?;
    Ok(everything.len() as u64)
}
