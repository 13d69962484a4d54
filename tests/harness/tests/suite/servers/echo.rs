//! El eco, bien y mal.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use super::{serve, serve_on};

pub(crate) fn correct() -> SocketAddr {
    serve(echo)
}

pub(crate) fn correct_on(ip: IpAddr) -> io::Result<SocketAddr> {
    serve_on(ip, echo)
}

fn echo(mut stream: TcpStream) {
    // El final de un cliente, con orden o sin él, no es asunto de los demás.
    let _ = io::copy(&mut stream.try_clone().unwrap(), &mut stream);
}

/// T2-01: una lectura, y cierra.
pub(crate) fn answers_once() -> SocketAddr {
    serve(|mut stream| {
        let bytes = read_once(&mut stream);
        stream.write_all(&bytes).unwrap();
    })
}

pub(crate) fn drops_the_last_byte() -> SocketAddr {
    serve(|mut stream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes.pop();
        stream.write_all(&bytes).unwrap();
    })
}

/// T2-03: devuelve cómo se escriben los bytes, no los bytes.
pub(crate) fn describes_the_bytes() -> SocketAddr {
    serve(|mut stream| {
        let bytes = read_once(&mut stream);
        write!(stream, "b'{}'", bytes.escape_ascii()).unwrap();
    })
}

pub(crate) fn never_answers() -> SocketAddr {
    serve(|stream| {
        std::thread::park();
        drop(stream);
    })
}

pub(crate) fn never_closes() -> SocketAddr {
    serve(|stream| {
        echo(stream.try_clone().unwrap());
        std::thread::park();
        drop(stream);
    })
}

/// Pierde el byte un millón.
pub(crate) fn loses_a_byte_in_the_middle() -> SocketAddr {
    const LOST: usize = 1_000_000;
    serve(|mut stream| {
        let mut read = 0;
        loop {
            let mut bytes = read_once(&mut stream);
            if bytes.is_empty() {
                return;
            }
            let before = read;
            read += bytes.len();
            if (before..read).contains(&LOST) {
                bytes.remove(LOST - before);
            }
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

/// T2-02: cierra con bytes sin leer, y el núcleo reinicia la conexión.
pub(crate) fn closes_with_unread_bytes() -> SocketAddr {
    serve(|mut stream| {
        let mut chunk = [0; 1024];
        stream.read_exact(&mut chunk).unwrap();
        stream.write_all(&chunk).unwrap();
    })
}

fn read_once(stream: &mut TcpStream) -> Vec<u8> {
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk).unwrap_or(0);
    chunk[..count].to_vec()
}
