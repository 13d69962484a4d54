//! Escribe la longitud y el texto por separado.
//! Mensaje: «Tu función llamó 2 veces a `write` para un solo mensaje»

use std::io::{self, ErrorKind, Write};

pub const HEADER: usize = 4;
pub const MAX_TEXT: usize = 65_536;

pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    if text.len() > MAX_TEXT {
        return Err(ErrorKind::InvalidInput.into());
    }
    stream.write_all(&(text.len() as u32).to_be_bytes())?;
    stream.write_all(text.as_bytes())
}
