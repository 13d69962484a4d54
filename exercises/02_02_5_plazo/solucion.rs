//! Un plazo para quien calla. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use super::given::{End, FAREWELL};

// <solo en la solución>
use std::io::{ErrorKind, Read, Write};
// </solo en la solución>

/// Devuelve al cliente lo que envía, mientras dé noticias al menos cada `patience`.
pub fn attend(stream: &TcpStream, patience: Duration) -> io::Result<End> {
    // <tu código>
    let mut stream = stream;
    // SO_RCVTIMEO y SO_SNDTIMEO valen para cada llamada: cada `read` empieza a contar de nuevo.
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut buffer = [0; 4096];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(End::Closed),
            Ok(count) => count,
            Err(error) if is_late(&error) => {
                stream.write_all(FAREWELL.as_bytes())?;
                return Ok(End::Silent);
            }
            Err(error) => return Err(error),
        };
        match stream.write_all(&buffer[..count]) {
            Ok(()) => {}
            Err(error) if is_late(&error) => return Ok(End::Deaf),
            Err(error) => return Err(error),
        }
    }
    // </tu código>
}

// <solo en la solución>
/// Si lo que pasó es que venció el plazo. En un socket bloqueante, EAGAIN no puede ser otra cosa
/// (socket(7)).
fn is_late(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
// </solo en la solución>
