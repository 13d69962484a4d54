//! Al acabarse el turno espera otro aviso, que no llegará.
//! Mensaje: «Se acabó el turno con bytes por leer, y `turn` dio Wait»

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

pub const TURN: usize = 64 * 1024;

#[derive(Debug)]
pub struct Client<S> {
    pub stream: S,
    pub readable: bool,
    pub writable: bool,
    pub pending: VecDeque<u8>,
    pub ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Again,
    Wait,
    Done,
}

#[derive(Debug)]
pub struct Room<S> {
    pub clients: HashMap<u64, Client<S>>,
    pub ready: VecDeque<u64>,
}

pub fn watch(epoll: &Epoll, socket: impl AsFd, id: u64) -> io::Result<()> {
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
    Ok(epoll.add(socket, EpollEvent::new(flags, id))?)
}

pub fn accept_all(listener: &TcpListener) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    loop {
        match listener.accept() {
            Ok((stream, _)) => streams.push(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(streams),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
}

impl<S: Read + Write> Client<S> {
    pub fn turn(&mut self) -> io::Result<Turn> {
        let mut buffer = [0; 16 * 1024];
        let mut read = 0;
        loop {
            while !self.pending.is_empty() {
                if !self.writable {
                    return Ok(Turn::Wait);
                }
                match self.stream.write(self.pending.as_slices().0) {
                    Ok(count) => drop(self.pending.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if self.ended {
                return Ok(Turn::Done);
            }
            if !self.readable {
                return Ok(Turn::Wait);
            }
            if read >= TURN {
                return Ok(Turn::Wait);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.pending.extend(&buffer[..count]);
                    read += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<S: Read + Write> Room<S> {
    pub fn turns(&mut self) {
        for id in std::mem::take(&mut self.ready) {
            let Some(client) = self.clients.get_mut(&id) else { continue };
            match client.turn() {
                Ok(Turn::Again) => self.ready.push_back(id),
                Ok(Turn::Wait) => {}
                Ok(Turn::Done) | Err(_) => {
                    self.clients.remove(&id);
                }
            }
        }
    }
}

const LISTENER: u64 = u64::MAX;

pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    watch(&epoll, listener, LISTENER)?;
    let mut room = Room::default();
    let mut arrived = 0;
    loop {
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
                let names: Vec<_> = flags.iter_names().map(|(name, _)| name).collect();
                tell(&format!("cliente {id}: {}", names.join(" | ")));
                room.note(id, flags);
            }
        }
        room.turns();
        if !room.ready.is_empty() {
            tell(&format!("esperan otro turno: {:?}", room.ready));
        }
    }
}

pub fn wait(epoll: &Epoll, timeout: EpollTimeout) -> io::Result<Vec<(u64, EpollFlags)>> {
    let mut events = [EpollEvent::empty(); 64];
    let count = match epoll.wait(&mut events, timeout) {
        Ok(count) => count,
        Err(Errno::EINTR) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(events[..count].iter().map(|event| (event.data(), event.events())).collect())
}

impl<S> Client<S> {
    pub fn new(stream: S) -> Client<S> {
        let pending = VecDeque::new();
        Client { stream, readable: false, writable: false, pending, ended: false }
    }
}

impl<S> Room<S> {
    pub fn note(&mut self, id: u64, flags: EpollFlags) {
        let Some(client) = self.clients.get_mut(&id) else { return };
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
