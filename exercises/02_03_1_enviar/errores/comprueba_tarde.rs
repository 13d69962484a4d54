//! Comprueba el máximo después de haber enviado el marco.
//! Mensaje: «El texto no cabe en un marco, y aun así salieron 65541 bytes»

use std::io::{self, ErrorKind, Write};

pub const HEADER: usize = 4;
pub const MAX_TEXT: usize = 65_536;

pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    let mut frame = (text.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame)?;
    if text.len() > MAX_TEXT {
        return Err(ErrorKind::InvalidInput.into());
    }
    Ok(())
}
