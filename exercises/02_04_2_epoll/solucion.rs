//! epoll: añadir, cambiar, quitar y esperar. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado, en `events.rs`: qué se pide y qué se recibe.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::events::{Event, Interest};

// <solo en la solución>
/// Eventos que se recogen de una vez.
const EVENTS: usize = 64;
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
        Ok(self.epoll.add(socket, EpollEvent::new(flags(interest), id))?)
        // </tu código>
    }

    /// Cambia lo que se espera de `socket`, que ya se vigila.
    pub fn modify(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        // <tu código>
        // El evento nuevo sustituye al anterior entero, también su número (epoll_ctl(2)).
        Ok(self.epoll.modify(socket, &mut EpollEvent::new(flags(interest), id))?)
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
        Ok(events[..count].iter().map(understood).collect())
        // </tu código>
    }
}

// <solo en la solución>
/// Lo que se le pide al núcleo.
fn flags(interest: Interest) -> EpollFlags {
    // Sin EPOLLET: por nivel es lo que se hace si no se dice otra cosa (epoll(7)).
    match interest {
        Interest::Nothing => EpollFlags::empty(),
        Interest::Read => EpollFlags::EPOLLIN,
        Interest::Write => EpollFlags::EPOLLOUT,
        Interest::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
    }
}

/// Lo que dijo el núcleo.
fn understood(event: &EpollEvent) -> Event {
    let flags = event.events();
    Event {
        id: event.data(),
        readable: flags.contains(EpollFlags::EPOLLIN),
        writable: flags.contains(EpollFlags::EPOLLOUT),
        broken: flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP),
    }
}
// </solo en la solución>
