//! Deja de vigilar, pero se guarda el socket para siempre.
//! Mensaje: «si tu motor no lo suelta, la conexión no se cierra»

use std::io::{self, ErrorKind};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::select::{FD_SETSIZE, FdSet};

use super::kernel::{Kernel, Work};
use super::selectors::{
    Engine, Event, Interest, Predictions, Registry, Selector, Socket, Watched, descriptor,
};

const EVENTS: usize = 64;

pub fn predict() -> Predictions {
    Predictions {
        grows: Engine::Select,
        stops: Engine::Select,
        calls_to_register_with_select: 0,
        calls_to_register_with_epoll: 100,
        select_examines: 100,
        epoll_examines: 1,
        epoll_examines_if_all_talk: 100,
    }
}

pub struct SelectSelector {
    kernel: Kernel,
    registry: Registry,
}

impl SelectSelector {
    pub fn new(kernel: Kernel) -> io::Result<SelectSelector> {
        Ok(SelectSelector { kernel, registry: Registry::default() })
    }
}

impl Selector for SelectSelector {
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()> {
        if usize::try_from(descriptor(&socket)).is_ok_and(|fd| fd >= FD_SETSIZE) {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.registry.is_new(id, &socket)?;
        self.registry.0.insert(id, Watched { socket, interest });
        Ok(())
    }

    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()> {
        self.registry.find(id)?.interest = interest;
        Ok(())
    }

    fn unregister(&mut self, id: u64) -> io::Result<()> {
        self.registry.find(id)?;
        self.registry.0.remove(&id);
        Ok(())
    }

    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        for watched in self.registry.0.values() {
            if watched.interest.reads() {
                reading.insert(watched.socket.as_fd());
            }
            if watched.interest.writes() {
                writing.insert(watched.socket.as_fd());
            }
        }
        self.kernel.select(&mut reading, &mut writing, limit)?;
        let events = self.registry.0.iter().map(|(&id, watched)| Event {
            id,
            readable: reading.contains(watched.socket.as_fd()),
            writable: writing.contains(watched.socket.as_fd()),
        });
        Ok(events.filter(|event| event.readable || event.writable).collect())
    }

    fn work(&self) -> Work {
        self.kernel.work()
    }
}

pub struct EpollSelector {
    kernel: Kernel,
    epoll: Epoll,
    registry: Registry,
}

impl EpollSelector {
    pub fn new(kernel: Kernel) -> io::Result<EpollSelector> {
        let epoll = kernel.epoll_create()?;
        Ok(EpollSelector { kernel, epoll, registry: Registry::default() })
    }
}

impl Selector for EpollSelector {
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()> {
        self.registry.is_new(id, &socket)?;
        self.kernel.epoll_add(&self.epoll, &socket, wish(id, interest))?;
        self.registry.0.insert(id, Watched { socket, interest });
        Ok(())
    }

    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()> {
        let watched = self.registry.find(id)?;
        self.kernel.epoll_modify(&self.epoll, &watched.socket, wish(id, interest))?;
        watched.interest = interest;
        Ok(())
    }

    fn unregister(&mut self, id: u64) -> io::Result<()> {
        let watched = self.registry.find(id)?;
        self.kernel.epoll_delete(&self.epoll, &watched.socket)
    }

    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.kernel.epoll_wait(&self.epoll, &mut events, limit)?;
        Ok(events[..count].iter().filter_map(|event| self.event(*event)).collect())
    }

    fn work(&self) -> Work {
        self.kernel.work()
    }
}

impl EpollSelector {
    fn event(&self, event: EpollEvent) -> Option<Event> {
        let (id, flags) = (event.data(), event.events());
        let interest = self.registry.0.get(&id)?.interest;
        let broken = flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        Some(Event {
            id,
            readable: interest.reads() && (broken || flags.contains(EpollFlags::EPOLLIN)),
            writable: interest.writes() && (broken || flags.contains(EpollFlags::EPOLLOUT)),
        })
    }
}

fn wish(id: u64, interest: Interest) -> EpollEvent {
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLIN, interest.reads());
    flags.set(EpollFlags::EPOLLOUT, interest.writes());
    EpollEvent::new(flags, id)
}
