//! Los conjuntos de select. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::select::{FD_SETSIZE, FdSet, select};

/// Un cliente conectado.
#[derive(Debug)]
pub struct Client {
    /// Su socket, que siempre cabe en un conjunto.
    pub stream: TcpStream,
    /// Bytes que le faltan por recibir.
    pub output: Vec<u8>,
    /// Cerró su lado: ya no enviará nada más.
    pub ended: bool,
}

impl Client {
    /// Un cliente recién llegado, si su descriptor cabe en un conjunto.
    pub fn new(stream: TcpStream) -> Option<Client> {
        todo!("Escribe esto en exercises/02_03_3_conjuntos/ejercicio.rs")
    }
}

/// A quién se vigila.
#[derive(Debug)]
pub struct Watched<'a> {
    /// Para leer.
    pub reading: FdSet<'a>,
    /// Para escribir.
    pub writing: FdSet<'a>,
}

/// Llena los conjuntos de una vuelta.
pub fn watch<'a>(listener: &'a TcpListener, clients: &'a [Client]) -> Watched<'a> {
    todo!("Escribe esto en exercises/02_03_3_conjuntos/ejercicio.rs")
}

/// Quién está listo.
#[derive(Debug, PartialEq, Eq)]
pub struct Ready {
    /// El socket que escucha: alguien llama.
    pub listener: bool,
    /// Los lugares en `clients` de quienes tienen algo que leer.
    pub readable: Vec<usize>,
    /// Los de quienes tienen sitio para escribirles.
    pub writable: Vec<usize>,
}

/// Duerme hasta que alguien esté listo, y dice quién.
pub fn wait(listener: &TcpListener, clients: &[Client]) -> io::Result<Ready> {
    todo!("Escribe esto en exercises/02_03_3_conjuntos/ejercicio.rs")
}
