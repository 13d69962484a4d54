//! epoll: añadir, cambiar, quitar y esperar. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado, en `events.rs`: qué se pide y qué se recibe.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::events::{Event, Interest};

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
