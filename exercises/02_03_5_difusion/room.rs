//! Lo que se da hecho: quiénes están en el chat, y qué se guarda de cada uno.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Limits};
use multiplexacion::frame::{HEADER, MAX_TEXT};

/// Lo que se guarda de cada cliente: medio marco, y hasta 1 MiB que aún no ha leído.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 1024 * 1024 };

/// Todos los que están en el chat, por orden de llegada.
#[derive(Default)]
pub struct Room {
    /// Los clientes.
    pub clients: BTreeMap<ClientId, Client>,
    /// Cuántos han llegado.
    arrived: u64,
}

/// Un cliente.
pub struct Client {
    /// Su conexión: el socket, lo recibido sin usar y lo encolado sin escribir.
    pub conn: Connection<TcpStream>,
    /// Por qué hay que quitarlo, si hay que quitarlo.
    pub closing: Option<Reason>,
}

/// Por qué se quita a un cliente.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Cerró su lado.
    Left,
    /// La conexión falló, o lo que llegó no son marcos.
    Broken,
    /// No lee, y en su cola no cabe más.
    NotReading,
}

impl Room {
    /// Entra un cliente.
    pub fn enter(&mut self, stream: TcpStream) -> io::Result<ClientId> {
        stream.set_nonblocking(true)?;
        self.arrived += 1;
        let id = ClientId(self.arrived);
        let conn = Connection::new(stream, id, &LIMITS);
        self.clients.insert(id, Client { conn, closing: None });
        Ok(id)
    }
}

/// El aviso de que alguien se fue.
pub fn left(id: ClientId) -> String {
    format!("(se fue el cliente {id})")
}
