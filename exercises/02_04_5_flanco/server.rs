//! El servidor que usa lo que se escribe en el ejercicio: el bucle, y lo que anota de cada aviso.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::TcpListener;

use ejercicios::epoll::{names, wait};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollFlags, EpollTimeout};

use super::ejercicio::{Client, Room, accept_all, watch};

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Atiende a todos en este hilo, por flanco. A `tell` se le cuenta cada paso.
pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    watch(&epoll, listener, LISTENER)?;
    let mut room = Room::default();
    let mut arrived = 0;
    loop {
        // Con alguien en la lista no se duerme: solo se recogen los avisos que haya.
        let timeout = if room.ready.is_empty() { EpollTimeout::NONE } else { EpollTimeout::ZERO };
        for (id, flags) in wait(&epoll, timeout)? {
            if id == LISTENER {
                for stream in accept_all(listener)? {
                    arrived += 1;
                    stream.set_nonblocking(true)?;
                    watch(&epoll, &stream, arrived)?;
                    room.clients.insert(arrived, Client::new(stream));
                }
            } else {
                tell(&format!("cliente {id}: {}", names(flags)));
                room.note(id, flags);
            }
        }
        room.turns();
        if !room.ready.is_empty() {
            tell(&format!("esperan otro turno: {:?}", room.ready));
        }
    }
}

impl<S> Client<S> {
    /// Un cliente del que epoll aún no ha dicho nada.
    pub fn new(stream: S) -> Client<S> {
        let pending = VecDeque::new();
        Client { stream, readable: false, writable: false, pending, ended: false }
    }
}

impl<S> Room<S> {
    /// Anota un aviso, que no se repetirá, y pone a ese cliente en la lista.
    pub fn note(&mut self, id: u64, flags: EpollFlags) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        // Si la conexión se rompió, lo dirá la lectura.
        let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        client.readable |= flags.intersects(EpollFlags::EPOLLIN | broken);
        client.writable |= flags.intersects(EpollFlags::EPOLLOUT | broken);
        if !self.ready.contains(&id) {
            self.ready.push_back(id);
        }
    }
}

impl<S> Default for Room<S> {
    fn default() -> Room<S> {
        Room { clients: HashMap::new(), ready: VecDeque::new() }
    }
}
