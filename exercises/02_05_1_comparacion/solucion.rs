//! Los mismos clientes, tres motores. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado: `selectors.rs`, con lo que todo motor promete; `kernel.rs`,
//! con las llamadas al sistema y su contador, y `comparison.rs`, con el servicio y las medidas.

use std::io;
use std::time::Duration;

use super::kernel::{Kernel, Work};
use super::selectors::{Engine, Event, Interest, Predictions, Registry, Selector, Socket};

// <solo en la solución>
use super::selectors::{Watched, descriptor};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::select::{FD_SETSIZE, FdSet};
use std::io::ErrorKind;
// </solo en la solución>

// <solo en la solución>
/// Eventos que se recogen de una vez.
const EVENTS: usize = 64;
// </solo en la solución>

/// Lo que crees que va a pasar. Escríbelo antes que lo demás.
pub fn predict() -> Predictions {
    // <tu código>
    Predictions {
        // `select` los examina todos cada vez; `epoll`, solo los de la lista de listos; y a un
        // hilo lo despierta su socket.
        grows: Engine::Select,
        // El mapa de bits de `select` tiene sitio para 1024 descriptores.
        stops: Engine::Select,
        // `select` no tiene memoria: la lista la guarda el programa.
        calls_to_register_with_select: 0,
        // En `epoll` la guarda el núcleo: una llamada por socket, y una sola vez.
        calls_to_register_with_epoll: 100,
        select_examines: 100,
        epoll_examines: 1,
        // Si hablan todos, todos están en la lista: `epoll` no tiene nada que ahorrarse.
        epoll_examines_if_all_talk: 100,
    }
    // </tu código>
}

/// Vigila con select(2).
pub struct SelectSelector {
    kernel: Kernel,
    registry: Registry,
    // <solo al principio> Lo que necesites recordar, además.
}

impl SelectSelector {
    /// Sin nadie a quien vigilar. Toda llamada al sistema pasa por `kernel`.
    pub fn new(kernel: Kernel) -> io::Result<SelectSelector> {
        // <tu código>
        Ok(SelectSelector { kernel, registry: Registry::default() })
        // </tu código>
    }
}

impl Selector for SelectSelector {
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()> {
        // <tu código>
        // Más allá del último bit del mapa, `nix` entraría en pánico, y C escribiría donde no debe.
        if usize::try_from(descriptor(&socket)).is_ok_and(|fd| fd >= FD_SETSIZE) {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.registry.is_new(id, &socket)?;
        self.registry.0.insert(id, Watched { socket, interest });
        Ok(())
        // </tu código>
    }

    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()> {
        // <tu código>
        self.registry.find(id)?.interest = interest;
        Ok(())
        // </tu código>
    }

    fn unregister(&mut self, id: u64) -> io::Result<()> {
        // <tu código>
        self.registry.find(id)?;
        self.registry.0.remove(&id);
        Ok(())
        // </tu código>
    }

    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        // <tu código>
        // Conjuntos nuevos cada vez: el núcleo deja en ellos solo a los que están listos.
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
        // Y otra vez por todos: `select` no dice quiénes, sino que hay que buscarlos.
        let events = self.registry.0.iter().map(|(&id, watched)| Event {
            id,
            readable: reading.contains(watched.socket.as_fd()),
            writable: writing.contains(watched.socket.as_fd()),
        });
        Ok(events.filter(|event| event.readable || event.writable).collect())
        // </tu código>
    }

    fn work(&self) -> Work {
        self.kernel.work()
    }
}

/// Vigila con epoll(7).
pub struct EpollSelector {
    kernel: Kernel,
    // <solo en la solución>
    epoll: Epoll,
    // </solo en la solución>
    registry: Registry,
    // <solo al principio> Lo que necesites recordar, además.
}

impl EpollSelector {
    /// Sin nadie a quien vigilar. Toda llamada al sistema pasa por `kernel`.
    pub fn new(kernel: Kernel) -> io::Result<EpollSelector> {
        // <tu código>
        let epoll = kernel.epoll_create()?;
        Ok(EpollSelector { kernel, epoll, registry: Registry::default() })
        // </tu código>
    }
}

impl Selector for EpollSelector {
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()> {
        // <tu código>
        self.registry.is_new(id, &socket)?;
        self.kernel.epoll_add(&self.epoll, &socket, wish(id, interest))?;
        self.registry.0.insert(id, Watched { socket, interest });
        Ok(())
        // </tu código>
    }

    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()> {
        // <tu código>
        let watched = self.registry.find(id)?;
        self.kernel.epoll_modify(&self.epoll, &watched.socket, wish(id, interest))?;
        watched.interest = interest;
        Ok(())
        // </tu código>
    }

    fn unregister(&mut self, id: u64) -> io::Result<()> {
        // <tu código>
        let watched = self.registry.find(id)?;
        self.kernel.epoll_delete(&self.epoll, &watched.socket)?;
        self.registry.0.remove(&id);
        Ok(())
        // </tu código>
    }

    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        // <tu código>
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.kernel.epoll_wait(&self.epoll, &mut events, limit)?;
        // Aquí no hay a quién buscar: los que vienen son los que están listos.
        Ok(events[..count].iter().filter_map(|event| self.event(*event)).collect())
        // </tu código>
    }

    fn work(&self) -> Work {
        self.kernel.work()
    }
}

// <solo en la solución>
impl EpollSelector {
    fn event(&self, event: EpollEvent) -> Option<Event> {
        let (id, flags) = (event.data(), event.events());
        let interest = self.registry.0.get(&id)?.interest;
        // Una conexión rota está lista para todo: quien lea o escriba verá el error.
        let broken = flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        Some(Event {
            id,
            readable: interest.reads() && (broken || flags.contains(EpollFlags::EPOLLIN)),
            writable: interest.writes() && (broken || flags.contains(EpollFlags::EPOLLOUT)),
        })
    }
}

/// Lo que se pide a epoll, por nivel.
fn wish(id: u64, interest: Interest) -> EpollEvent {
    let mut flags = EpollFlags::empty();
    flags.set(EpollFlags::EPOLLIN, interest.reads());
    flags.set(EpollFlags::EPOLLOUT, interest.writes());
    EpollEvent::new(flags, id)
}
// </solo en la solución>
