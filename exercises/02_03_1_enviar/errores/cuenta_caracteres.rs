//! Cuenta caracteres: con tildes y eñes, la longitud se queda corta.
//! Mensaje: «La longitud de «año» dice 3, que son sus caracteres»

use std::io::{self, ErrorKind, Write};

pub const HEADER: usize = 4;
pub const MAX_TEXT: usize = 65_536;

pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    if text.len() > MAX_TEXT {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut frame = (text.chars().count() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame)
}
