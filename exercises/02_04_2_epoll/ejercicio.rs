//! epoll: añadir, cambiar, quitar y esperar. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

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

/// A quién se vigila, con epoll y por nivel.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
}

impl Poller {
    /// Sin nadie a quien vigilar.
    pub fn new() -> io::Result<Poller> {
        todo!("Escribe esto en exercises/02_04_2_epoll/ejercicio.rs")
    }

    /// Empieza a vigilar `socket`. En sus eventos volverá `id`.
    pub fn add(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_04_2_epoll/ejercicio.rs")
    }

    /// Cambia lo que se espera de `socket`, que ya se vigila.
    pub fn modify(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_04_2_epoll/ejercicio.rs")
    }

    /// Deja de vigilar `socket`.
    pub fn delete(&self, socket: impl AsFd) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_04_2_epoll/ejercicio.rs")
    }

    /// Duerme hasta que haya algún evento, o hasta que pase `limit`, si lo hay.
    ///
    /// Devuelve los eventos que haya; ninguno, si se acabó el tiempo.
    pub fn wait(&self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        todo!("Escribe esto en exercises/02_04_2_epoll/ejercicio.rs")
    }
}
