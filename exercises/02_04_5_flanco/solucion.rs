//! Por flanco: hasta el fondo, o para siempre. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado: `turn.rs`, con cómo acaba un turno, y `server.rs`, con el bucle.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::turn::{TURN, Turn};

// <solo en la solución>
use std::io::ErrorKind;
// </solo en la solución>

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
    // <tu código>
    // EPOLLOUT no molesta: por flanco, solo despierta cuando un búfer lleno se vacía.
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
    Ok(epoll.add(socket, EpollEvent::new(flags, id))?)
    // </tu código>
}

/// Recoge a todos los que esperan en la cola de `listener`, que es no bloqueante.
pub fn accept_all(listener: &TcpListener) -> io::Result<Vec<TcpStream>> {
    // <tu código>
    let mut streams = Vec::new();
    loop {
        match listener.accept() {
            Ok((stream, _)) => streams.push(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(streams),
            // Ni quien se arrepintió ni una señal dicen que la cola esté vacía (accept(2)).
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
    // </tu código>
}

impl<S: Read + Write> Client<S> {
    /// Un turno: devuelve lo que llegó, hasta que no se pueda seguir o se acabe el turno.
    pub fn turn(&mut self) -> io::Result<Turn> {
        // <tu código>
        let mut buffer = [0; 16 * 1024];
        let mut read = 0;
        loop {
            // Primero se devuelve lo leído: así nunca se guarda más que un búfer.
            while !self.pending.is_empty() {
                if !self.writable {
                    // `readable` se queda como está: su aviso ya llegó, y no se repite.
                    return Ok(Turn::Wait);
                }
                match self.stream.write(self.pending.as_slices().0) {
                    Ok(count) => drop(self.pending.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if self.ended {
                return Ok(Turn::Done);
            }
            if !self.readable {
                return Ok(Turn::Wait);
            }
            if read >= TURN {
                return Ok(Turn::Again);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.pending.extend(&buffer[..count]);
                    read += count;
                }
                // Lo único que dice que no queda nada. Una lectura corta no: detrás puede estar
                // el final, que llegó con los mismos bytes y en el mismo aviso.
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // Nadie volverá a avisar: se repite ahora.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // </tu código>
    }
}

impl<S: Read + Write> Room<S> {
    /// Da un turno, y solo uno, a cada uno de los que están en la lista.
    pub fn turns(&mut self) {
        // <tu código>
        // Los que vuelvan a ella esperan a la vuelta siguiente: antes hay que oír a los demás.
        for id in std::mem::take(&mut self.ready) {
            let Some(client) = self.clients.get_mut(&id) else { continue };
            match client.turn() {
                Ok(Turn::Again) => self.ready.push_back(id),
                Ok(Turn::Wait) => {}
                Ok(Turn::Done) | Err(_) => {
                    self.clients.remove(&id);
                }
            }
        }
        // </tu código>
    }
}
