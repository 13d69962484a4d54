//! EPOLLOUT: una respuesta que no cabe. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado: `client.rs`, con un cliente y lo que se le debe, y `server.rs`,
//! con el bucle.

use std::io::{self, Write};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::client::{Client, Outgoing};

impl Outgoing {
    /// Responde `bytes`: escribe ya lo que quepa, y guarda el resto.
    pub fn send<W: Write>(&mut self, stream: &mut W, bytes: &[u8]) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_04_4_respuesta/ejercicio.rs")
    }

    /// EPOLLOUT: vuelve a haber sitio para lo que falta.
    pub fn on_writable<W: Write>(&mut self, stream: &mut W) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_04_4_respuesta/ejercicio.rs")
    }
}

impl Client {
    /// Pone al día lo que se espera de este cliente, que ya está en `epoll` con su número.
    pub fn follow_up(&self, epoll: &Epoll) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_04_4_respuesta/ejercicio.rs")
    }
}
