//! `epoll(7)`, disparo por flanco: avisa de lo nuevo, una vez.

use std::io;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;

use super::epoll::EpollSelector;
use super::{Events, File, Ready, Selector};

/// `EpollSelector` con EPOLLET, que el módulo de Python no ofrece.
pub(crate) struct EdgeSelector(EpollSelector);

impl EdgeSelector {
    pub(crate) fn new() -> io::Result<EdgeSelector> {
        Ok(EdgeSelector(EpollSelector::new()?))
    }
}

// ANCHOR: edge
impl Selector for EdgeSelector {
    const EDGE: bool = true;

    // Se piden los dos sucesos, de una vez y para siempre: que haya sitio para escribir solo se
    // avisa cuando deja de no haberlo, y no en cada vuelta. Por eso `modify` no tiene nada que
    // hacer, y se ahorra su llamada.
    fn register(&mut self, file: &File, _: Events, data: usize) -> io::Result<()> {
        let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        self.0.add(file, both, data)
    }

    fn modify(&mut self, _: &File, _: Events, _: usize) -> io::Result<()> {
        Ok(())
    }
    // ANCHOR_END: edge

    fn unregister(&mut self, file: &File) -> io::Result<()> {
        self.0.unregister(file)
    }

    fn select(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.0.select(timeout, ready)
    }

    fn calls(&self) -> u64 {
        self.0.calls()
    }
}
