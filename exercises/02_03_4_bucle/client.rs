//! Lo que se da hecho: un cliente del bucle, y todo lo que se hace con él. Nada de esto espera, si su
//! socket es no bloqueante.

use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, Limits};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use nix::sys::select::FD_SETSIZE;

/// Lo que se guarda de cada cliente: medio marco, y hasta 8 MiB que aún no ha leído.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 8 * 1024 * 1024 };

/// Un cliente.
pub struct Client {
    conn: Connection<TcpStream>,
    /// Cerró su lado: no enviará nada más, y aún puede recibir.
    pub ended: bool,
    /// Ya no hay nada que hacer con él.
    pub broken: bool,
}

impl Client {
    /// Envuelve un socket, que debe ser no bloqueante. Si no cabe en un conjunto, lo cierra.
    pub fn new(stream: TcpStream) -> Option<Client> {
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
        let conn = Connection::new(stream, ClientId(0), &LIMITS);
        fits.then_some(Client { conn, ended: false, broken: false })
    }

    /// Su descriptor, para los conjuntos.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }

    /// Si tiene algo en la cola.
    pub fn wants_write(&self) -> bool {
        self.conn.wants_write()
    }

    /// Lee una vez, y pone en su cola la respuesta a cada mensaje entero.
    pub fn hear(&mut self) {
        match self.conn.fill(&mut [0; 16 * 1024]) {
            Ok(Fill::Bytes(_) | Fill::Empty) => {}
            Ok(Fill::End) => self.ended = true,
            Err(_) => self.broken = true,
        }
        loop {
            match frame::decode(self.conn.input()) {
                Ok(Some((text, used))) => {
                    let answer = frame::encode(text).unwrap_or_default();
                    // Sin sitio en la cola, es que no lee: no se guarda más por él.
                    self.broken |= self.conn.queue(&answer).is_err();
                    self.conn.consume(used);
                }
                Ok(None) => return,
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
    }

    /// Escribe lo que quepa de su cola. `has_room`: `select` dijo que hay sitio.
    pub fn answer(&mut self, has_room: bool) {
        let written = if has_room { self.conn.on_writable() } else { self.conn.flush() };
        self.broken |= written.is_err();
    }
}
