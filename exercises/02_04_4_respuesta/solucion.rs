//! EPOLLOUT: una respuesta que no cabe. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado: `client.rs`, con un cliente y lo que se le debe, y `server.rs`,
//! con el bucle.

use std::io::{self, Write};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::client::{Client, Outgoing};

// <solo en la solución>
use std::io::ErrorKind;
// </solo en la solución>

impl Outgoing {
    /// Responde `bytes`: escribe ya lo que quepa, y guarda el resto.
    pub fn send<W: Write>(&mut self, stream: &mut W, bytes: &[u8]) -> io::Result<()> {
        // <tu código>
        // Si algo espera, es que no cabía: lo nuevo va detrás, y EPOLLOUT ya está pedido.
        let written = if self.pending.is_empty() { write(stream, bytes)? } else { 0 };
        self.pending.extend(&bytes[written..]);
        Ok(())
        // </tu código>
    }

    /// EPOLLOUT: vuelve a haber sitio para lo que falta.
    pub fn on_writable<W: Write>(&mut self, stream: &mut W) -> io::Result<()> {
        // <tu código>
        // Una cola circular tiene dos mitades. Si tras la primera aún hay sitio, epoll lo repite.
        let (front, _) = self.pending.as_slices();
        let written = write(stream, front)?;
        self.pending.drain(..written);
        Ok(())
        // </tu código>
    }
}

impl Client {
    /// Pone al día lo que se espera de este cliente, que ya está en `epoll` con su número.
    pub fn follow_up(&self, epoll: &Epoll) -> io::Result<()> {
        // <tu código>
        // Una cosa o la otra: quien no recoge lo que pidió no pide más. Es la contrapresión.
        let interest =
            if self.out.pending.is_empty() { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT };
        Ok(epoll.modify(&self.stream, &mut EpollEvent::new(interest, self.id))?)
        // </tu código>
    }
}

// <solo en la solución>
/// Una escritura: cuántos bytes admitió el núcleo, quizá ninguno.
fn write<W: Write>(stream: &mut W, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        outcome => outcome,
    }
}
// </solo en la solución>
