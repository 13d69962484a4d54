//! Usa `write` y no mira cuántos bytes aceptó.
//! Mensaje: «lo escrito si cada `write` acepta 3 bytes»

use std::io::{self, ErrorKind, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut buffer = [0; 4096];
    let mut total = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let _ = stream.write(&buffer[..count])?;
        total += count as u64;
    }
}
