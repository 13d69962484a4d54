//! epoll: añadir, cambiar, quitar y esperar. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

// <solo en la solución>
/// Eventos que se recogen de una vez.
const EVENTS: usize = 64;
// </solo en la solución>

/// Qué se espera de un socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nada, por ahora.
    Nothing,
    /// Que haya algo que leer: bytes, el final o, en uno que escucha, un cliente.
    Read,
    /// Que haya sitio para escribir.
    Write,
    /// Las dos cosas.
    Both,
    // <solo en la solución>
}

impl Interest {
    fn flags(self) -> EpollFlags {
        // Sin EPOLLET: por nivel es lo que se hace si no se dice otra cosa (epoll(7)).
        match self {
            Interest::Nothing => EpollFlags::empty(),
            Interest::Read => EpollFlags::EPOLLIN,
            Interest::Write => EpollFlags::EPOLLOUT,
            Interest::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
        }
    }
    // </solo en la solución>
}

/// Lo que le pasa a un socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// El número con el que se añadió.
    pub id: u64,
    /// EPOLLIN: hay algo que leer.
    pub readable: bool,
    /// EPOLLOUT: hay sitio para escribir.
    pub writable: bool,
    /// EPOLLERR o EPOLLHUP: la conexión ya no sirve. Llega aunque no se pida.
    pub broken: bool,
}

// <solo en la solución>
impl From<&EpollEvent> for Event {
    fn from(event: &EpollEvent) -> Event {
        let flags = event.events();
        Event {
            id: event.data(),
            readable: flags.contains(EpollFlags::EPOLLIN),
            writable: flags.contains(EpollFlags::EPOLLOUT),
            broken: flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP),
        }
    }
}
// </solo en la solución>

/// A quién se vigila, con epoll y por nivel.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
}

impl Poller {
    /// Sin nadie a quien vigilar.
    pub fn new() -> io::Result<Poller> {
        // <tu código>
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Poller { epoll })
        // </tu código>
    }

    /// Empieza a vigilar `socket`. En sus eventos volverá `id`.
    pub fn add(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        // <tu código>
        Ok(self.epoll.add(socket, EpollEvent::new(interest.flags(), id))?)
        // </tu código>
    }

    /// Cambia lo que se espera de `socket`, que ya se vigila.
    pub fn modify(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        // <tu código>
        // El evento nuevo sustituye al anterior entero, también su número (epoll_ctl(2)).
        Ok(self.epoll.modify(socket, &mut EpollEvent::new(interest.flags(), id))?)
        // </tu código>
    }

    /// Deja de vigilar `socket`.
    pub fn delete(&self, socket: impl AsFd) -> io::Result<()> {
        // <tu código>
        Ok(self.epoll.delete(socket)?)
        // </tu código>
    }

    /// Duerme hasta que haya algún evento, o hasta que pase `limit`, si lo hay.
    ///
    /// Devuelve los eventos que haya; ninguno, si se acabó el tiempo.
    pub fn wait(&self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        // <tu código>
        let timeout = match limit {
            Some(limit) => EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX),
            None => EpollTimeout::NONE,
        };
        // Si hay más de los que caben, no se pierden: epoll los dice en la vuelta siguiente.
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.wait(&mut events, timeout)?;
        // Solo los primeros `count` los llenó el núcleo.
        Ok(events[..count].iter().map(Event::from).collect())
        // </tu código>
    }
}
