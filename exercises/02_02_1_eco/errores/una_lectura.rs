//! Lee una sola vez: supone que un mensaje es una lectura.
//! Mensaje: «Antes de tiempo terminó esto: el eco con un cliente.»

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..count])?;
    Ok(count as u64)
}
