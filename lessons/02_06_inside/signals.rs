//! Ctrl-C y SIGTERM mientras se graba: son para el servidor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

/// Las señales con las que se pide terminar. SIGHUP: se cerró la terminal.
fn requests() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect()
}

/// Un programa hereda las señales que su padre tenga apartadas: mientras nace, ninguna. Errores: los
/// de `spawn`.
pub(crate) fn without_aside<T>(spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = requests().thread_swap_mask(SigmaskHow::SIG_UNBLOCK)?;
    let spawned = spawn();
    before.thread_set_mask()?;
    spawned
}

/// Las señales que se han pedido, como un descriptor más.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Las aparta de su camino, en este hilo y en los que cree después. Errores: los de `signalfd(2)`.
    pub fn aside() -> io::Result<Signals> {
        let requests = requests();
        requests.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Signals(SignalFd::with_flags(&requests, flags)?))
    }

    /// Duerme hasta que llegue alguna. Errores: los de `poll(2)`, salvo EINTR, tras el que vuelve a
    /// dormir.
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

    /// La que haya llegado, si llegó alguna.
    pub(crate) fn take(&self) -> Option<Request> {
        let info = self.0.read_signal().ok()??;
        let signal = Signal::try_from(info.ssi_signo.cast_signed()).ok()?;
        Some(Request { signal, to_all: info.ssi_code > 0 })
    }
}

/// Alguien pide terminar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) signal: Signal,
    /// Si la mandó el núcleo, como el Ctrl-C de la terminal: entonces le llegó a todo el grupo, y
    /// pasarla sería repetirla.
    pub(crate) to_all: bool,
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Manda una señal a cada proceso. El que ya no esté no la necesita.
pub(crate) fn send(signal: Signal, processes: impl Iterator<Item = u32>) {
    for pid in processes {
        let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
    }
}
