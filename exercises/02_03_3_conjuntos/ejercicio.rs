//! Los conjuntos de select. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::select::{FD_SETSIZE, FdSet, select};

use super::given::{Client, Ready, Watched};

impl Client {
    /// Un cliente recién llegado, si su descriptor cabe en un conjunto.
    pub fn new(stream: TcpStream) -> Option<Client> {
        todo!("Escribe esto en exercises/02_03_3_conjuntos/ejercicio.rs")
    }
}

/// Llena los conjuntos de una vuelta.
pub fn watch<'a>(listener: &'a TcpListener, clients: &'a [Client]) -> Watched<'a> {
    todo!("Escribe esto en exercises/02_03_3_conjuntos/ejercicio.rs")
}

/// Duerme hasta que alguien esté listo, y dice quién.
pub fn wait(listener: &TcpListener, clients: &[Client]) -> io::Result<Ready> {
    todo!("Escribe esto en exercises/02_03_3_conjuntos/ejercicio.rs")
}
