//! Espera `TimedOut`, y lo que llega es `WouldBlock`.
//! Mensaje: «Tu función devolvió Os { code: 11, kind: WouldBlock»

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub const FAREWELL: &str = "Adiós: llevas demasiado tiempo en silencio.\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Silent,
    Deaf,
}

pub fn attend(mut stream: &TcpStream, patience: Duration) -> io::Result<End> {
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
}

fn is_late(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut
}
