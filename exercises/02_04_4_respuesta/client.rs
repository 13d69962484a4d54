//! Un cliente, y lo que se le debe.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;

/// Lo que se le debe a un cliente: lo respondido que aún no ha salido.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Los bytes que faltan, en el orden en que han de salir.
    pub pending: VecDeque<u8>,
}

/// Un cliente.
#[derive(Debug)]
pub struct Client {
    /// Su número en epoll.
    pub id: u64,
    /// Su socket, no bloqueante.
    pub stream: TcpStream,
    /// Lo que se le debe.
    pub out: Outgoing,
    /// Lo que ha llegado y aún no se ha usado.
    pub input: Vec<u8>,
}

impl Client {
    /// Envuelve un socket aceptado, y lo hace no bloqueante.
    pub fn new(stream: TcpStream, id: u64) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        Ok(Client { id, stream, out: Outgoing::default(), input: Vec::new() })
    }
}
