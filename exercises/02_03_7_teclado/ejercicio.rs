//! Teclado y socket a la vez. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, Overflow};
use multiplexacion::frame;
use nix::sys::select::{FdSet, select};

use super::given::{End, LIMITS};

/// Conversa con el servidor que está al otro lado de `socket`: le envía cada línea de `keyboard`, y
/// escribe en `screen` cada mensaje suyo. Vuelve cuando el servidor cierra.
///
/// `keyboard` es un descriptor cualquiera: una terminal, una tubería, un archivo.
pub fn chat<K: Read + AsFd, S: Write>(
    keyboard: K,
    socket: TcpStream,
    screen: S,
) -> io::Result<End> {
    // Empieza por envolver el socket, que ha de ser no bloqueante:
    // Connection::new(socket, ClientId(0), &LIMITS).
    todo!("Escribe esto en exercises/02_03_7_teclado/ejercicio.rs")
}
