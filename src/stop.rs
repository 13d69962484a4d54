//! Ctrl-C y SIGTERM como un descriptor más.
//!
//! Una señal interrumpe el programa en cualquier punto; un descriptor espera su turno en
//! `select` o en `epoll`, junto a los sockets. `signalfd(2)` convierte lo uno en lo otro.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Un descriptor que se vuelve legible cuando alguien pide terminar.
///
/// Nadie lo lee: una vez pedida la parada, sigue legible para siempre, de modo que todos los
/// bucles que lo vigilan (uno por hilo) se enteran.
#[derive(Debug)]
pub struct Stop {
    signals: SignalFd,
}

impl Stop {
    /// Aparta SIGINT y SIGTERM de su camino habitual y los entrega por un descriptor.
    ///
    /// Debe llamarse antes de crear hilos: la máscara de señales es de cada hilo y los nuevos
    /// heredan la de quien los crea (pthread_sigmask(3)). Un hilo que no la tuviera recibiría
    /// la señal a la antigua, y el proceso moriría. Errores: los de `signalfd(2)`: no quedan
    /// descriptores.
    pub fn on_signals() -> io::Result<Stop> {
        requests().thread_block()?;
        Stop::already_set_aside()
    }

    /// El mismo descriptor, en un programa que ya apartó las señales. En otro cualquiera no se
    /// entera de nada: ahí Ctrl-C termina a la antigua. Errores: los de `signalfd(2)`.
    pub fn already_set_aside() -> io::Result<Stop> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Stop { signals: SignalFd::with_flags(&requests(), flags)? })
    }

    /// Duerme hasta que alguien pida terminar. Errores: los de `poll(2)`, salvo EINTR, tras el que
    /// vuelve a dormir.
    pub fn wait(&self) -> io::Result<()> {
        loop {
            let mut watched = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            match poll(&mut watched, PollTimeout::NONE) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Si alguien ha pedido ya terminar. No espera.
    pub fn is_requested(&self) -> bool {
        let mut watched = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut watched, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

/// Las señales con las que se pide terminar.
fn requests() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}
