//! Usa `write` una vez y no mira cuántos bytes aceptó.
//! Mensaje: «de los 15 del marco salieron 3»

use std::io::{self, ErrorKind, Write};

pub const HEADER: usize = 4;
pub const MAX_TEXT: usize = 65_536;

pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    if text.len() > MAX_TEXT {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut frame = (text.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(text.as_bytes());
    loop {
        match stream.write(&frame) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
