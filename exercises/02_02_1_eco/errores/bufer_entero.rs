//! Devuelve el búfer entero, con lo que quedaba de antes, y no solo lo que llegó.
//! Mensaje: ««cliente» recibió otros bytes.»

use std::io::{self, ErrorKind, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut buffer = [0; 4096];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        stream.write_all(&buffer)?;
        total += buffer.len() as u64;
    }
}
