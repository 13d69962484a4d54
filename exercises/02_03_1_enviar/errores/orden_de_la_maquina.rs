//! Escribe la longitud en el orden de la máquina, y no en el de la red.
//! Mensaje: «La longitud de «hola» va al revés»

use std::io::{self, ErrorKind, Write};

pub const HEADER: usize = 4;
pub const MAX_TEXT: usize = 65_536;

pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    if text.len() > MAX_TEXT {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut frame = (text.len() as u32).to_ne_bytes().to_vec();
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame)
}
