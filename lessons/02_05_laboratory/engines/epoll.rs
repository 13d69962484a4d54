//! `epoll(7)`, disparo por nivel: la lista la guarda el núcleo.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Events, File, Ready, Selector};

/// Avisos que se recogen de una vez; los que no quepan vienen en la vuelta siguiente.
const BATCH: usize = 256;

/// El `selectors.EpollSelector` de Python.
pub(crate) struct EpollSelector {
    epoll: Epoll,
    calls: u64,
}

impl EpollSelector {
    /// Crea la lista, vacía, dentro del núcleo.
    pub(crate) fn new() -> io::Result<EpollSelector> {
        Ok(EpollSelector { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, calls: 1 })
    }

    /// Añade un archivo a la lista.
    pub(super) fn add(&mut self, file: &File, flags: EpollFlags, data: usize) -> io::Result<()> {
        self.calls += 1;
        Ok(self.epoll.add(file, EpollEvent::new(flags, data as u64))?)
    }
}

impl Selector for EpollSelector {
    // Cada cambio es una llamada; a cambio, entre un cambio y otro no hay que decir nada.
    fn register(&mut self, file: &File, events: Events, data: usize) -> io::Result<()> {
        self.add(file, flags(events), data)
    }

    fn modify(&mut self, file: &File, events: Events, data: usize) -> io::Result<()> {
        self.calls += 1;
        Ok(self.epoll.modify(file, &mut EpollEvent::new(flags(events), data as u64))?)
    }

    fn unregister(&mut self, file: &File) -> io::Result<()> {
        self.calls += 1;
        Ok(self.epoll.delete(file)?)
    }

    // ANCHOR: epoll
    fn select(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.calls += 1;
        // Ningún recorrido: lo que se mira aquí es lo que el núcleo ya apartó.
        wait(&self.epoll, timeout, ready)
    }
    // ANCHOR_END: epoll

    fn calls(&self) -> u64 {
        self.calls
    }
}

/// Recoge los avisos. Una señal la interrumpe sin ninguno.
fn wait(epoll: &Epoll, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
    let timeout = timeout.map_or(EpollTimeout::NONE, |time| {
        EpollTimeout::try_from(time).unwrap_or(EpollTimeout::MAX)
    });
    let mut events = [EpollEvent::empty(); BATCH];
    let count = match epoll.wait(&mut events, timeout) {
        Ok(count) => count,
        Err(Errno::EINTR) => 0,
        Err(error) => return Err(error.into()),
    };
    ready.extend(events[..count].iter().map(|event| Ready {
        data: usize::try_from(event.data()).unwrap_or(usize::MAX),
        // EPOLLERR y EPOLLHUP llegan sin pedirlos, y valen por los dos.
        events: Events {
            read: event.events().intersects(!EpollFlags::EPOLLOUT),
            write: event.events().intersects(!EpollFlags::EPOLLIN),
        },
    }));
    Ok(())
}

fn flags(events: Events) -> EpollFlags {
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLIN, events.read);
    flags.set(EpollFlags::EPOLLOUT, events.write);
    flags
}
