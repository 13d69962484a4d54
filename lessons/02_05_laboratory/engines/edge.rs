//! `epoll(7)`, disparo por flanco: avisa de lo nuevo, una vez.

use std::io;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::{Events, File, Ready, Selector, epoll};

/// `EpollSelector` con EPOLLET, que el módulo de Python no ofrece.
pub(crate) struct EdgeSelector {
    epoll: Epoll,
    calls: u64,
}

impl EdgeSelector {
    /// Crea la lista, vacía, dentro del núcleo.
    pub(crate) fn new() -> io::Result<EdgeSelector> {
        Ok(EdgeSelector { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, calls: 1 })
    }
}

// ANCHOR: edge
impl Selector for EdgeSelector {
    const EDGE: bool = true;

    // Se piden los dos sucesos, de una vez y para siempre: que haya sitio para escribir solo se
    // avisa cuando deja de no haberlo, y no en cada vuelta. Por eso `modify` no tiene nada que
    // hacer, y se ahorra su llamada.
    fn register(&mut self, file: &File, _: Events, data: usize) -> io::Result<()> {
        self.calls += 1;
        let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        Ok(self.epoll.add(file, EpollEvent::new(both, data as u64))?)
    }

    fn modify(&mut self, _: &File, _: Events, _: usize) -> io::Result<()> {
        Ok(())
    }
    // ANCHOR_END: edge

    fn unregister(&mut self, file: &File) -> io::Result<()> {
        self.calls += 1;
        Ok(self.epoll.delete(file)?)
    }

    fn select(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.calls += 1;
        epoll::wait(&self.epoll, timeout, ready)
    }

    fn calls(&self) -> u64 {
        self.calls
    }
}
