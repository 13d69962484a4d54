//! Pide EPOLLET: avisa una sola vez de lo que llega.
//! Mensaje: «por nivel se repite mientras quede algo»

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const EVENTS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    Nothing,
    Read,
    Write,
    Both,
}

impl Interest {
    fn flags(self) -> EpollFlags {
        match self {
            Interest::Nothing => EpollFlags::empty(),
            Interest::Read => EpollFlags::EPOLLIN | EpollFlags::EPOLLET,
            Interest::Write => EpollFlags::EPOLLOUT,
            Interest::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: u64,
    pub readable: bool,
    pub writable: bool,
    pub broken: bool,
}

impl From<&EpollEvent> for Event {
    fn from(event: &EpollEvent) -> Event {
        let flags = event.events();
        Event {
            id: event.data(),
            readable: flags.contains(EpollFlags::EPOLLIN),
            writable: flags.contains(EpollFlags::EPOLLOUT),
            broken: flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP),
        }
    }
}

#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
}

impl Poller {
    pub fn new() -> io::Result<Poller> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Poller { epoll })
    }

    pub fn add(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(interest.flags(), id))?)
    }

    pub fn modify(&self, socket: impl AsFd, id: u64, interest: Interest) -> io::Result<()> {
        Ok(self.epoll.modify(socket, &mut EpollEvent::new(interest.flags(), id))?)
    }

    pub fn delete(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(socket)?)
    }

    pub fn wait(&self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        let timeout = match limit {
            Some(limit) => EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX),
            None => EpollTimeout::NONE,
        };
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.wait(&mut events, timeout)?;
        Ok(events[..count].iter().map(Event::from).collect())
    }
}
