//! Lo que se da hecho: lo que se sabe de un cliente, a quién se vigila y quién está listo.

use std::net::TcpStream;

use nix::sys::select::FdSet;

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

/// A quién se vigila.
#[derive(Debug)]
pub struct Watched<'a> {
    /// Para leer.
    pub reading: FdSet<'a>,
    /// Para escribir.
    pub writing: FdSet<'a>,
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
