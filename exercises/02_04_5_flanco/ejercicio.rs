//! Por flanco: hasta el fondo, o para siempre. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado: `turn.rs`, con cómo acaba un turno, y `server.rs`, con el bucle.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::turn::{TURN, Turn};

/// Un cliente: se le devuelve lo que envía.
#[derive(Debug)]
pub struct Client<S> {
    /// Su socket, no bloqueante.
    pub stream: S,
    /// Hubo un aviso de que se puede leer, y ninguna lectura ha dicho aún `WouldBlock`.
    pub readable: bool,
    /// Lo mismo, para escribir.
    pub writable: bool,
    /// Lo leído que falta por devolver.
    pub pending: VecDeque<u8>,
    /// No enviará nada más: `read` dio cero.
    pub ended: bool,
}

/// Todos los clientes, y a quién le toca.
#[derive(Debug)]
pub struct Room<S> {
    /// Los clientes, por su número.
    pub clients: HashMap<u64, Client<S>>,
    /// Quiénes pueden avanzar sin esperar a otro aviso, por orden.
    pub ready: VecDeque<u64>,
}

/// Añade un socket a epoll, una vez para toda su vida: para leer y para escribir, por flanco.
pub fn watch(epoll: &Epoll, socket: impl AsFd, id: u64) -> io::Result<()> {
    todo!("Escribe esto en exercises/02_04_5_flanco/ejercicio.rs")
}

/// Recoge a todos los que esperan en la cola de `listener`, que es no bloqueante.
pub fn accept_all(listener: &TcpListener) -> io::Result<Vec<TcpStream>> {
    todo!("Escribe esto en exercises/02_04_5_flanco/ejercicio.rs")
}

impl<S: Read + Write> Client<S> {
    /// Un turno: devuelve lo que llegó, hasta que no se pueda seguir o se acabe el turno.
    pub fn turn(&mut self) -> io::Result<Turn> {
        todo!("Escribe esto en exercises/02_04_5_flanco/ejercicio.rs")
    }
}

impl<S: Read + Write> Room<S> {
    /// Da un turno, y solo uno, a cada uno de los que están en la lista.
    pub fn turns(&mut self) {
        todo!("Escribe esto en exercises/02_04_5_flanco/ejercicio.rs")
    }
}
