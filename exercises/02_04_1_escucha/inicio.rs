//! El socket que escucha. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

/// Conexiones completas que el núcleo guarda mientras no las aceptas.
pub const BACKLOG: i32 = 1024;

/// Un socket no bloqueante que ya escucha en `address`.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    todo!("Escribe esto en exercises/02_04_1_escucha/ejercicio.rs")
}

/// Acepta a un cliente, sin esperar; `None`, si no hay nadie en la cola.
///
/// Su socket es no bloqueante y tiene TCP_NODELAY.
pub fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    todo!("Escribe esto en exercises/02_04_1_escucha/ejercicio.rs")
}
