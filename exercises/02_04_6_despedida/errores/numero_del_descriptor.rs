//! Usa el descriptor como número: el núcleo se lo da al siguiente.
//! Mensaje: «que ya fue de otro cliente»

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use multiplexacion::cli;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

pub const LISTENING: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLRDHUP);

#[derive(Debug)]
pub struct Room {
    pub epoll: Epoll,
    pub clients: HashMap<u64, Client>,
    pub arrived: u64,
}

#[derive(Debug)]
pub struct Client {
    pub stream: TcpStream,
    pub heard: Vec<u8>,
    pub out: VecDeque<u8>,
    pub ended: bool,
    pub closing: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Left,
    Broken(ErrorKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    pub id: u64,
    pub reason: Reason,
    pub heard: usize,
}

impl Client {
    pub fn interest(&self) -> EpollFlags {
        if !self.out.is_empty() {
            EpollFlags::EPOLLOUT
        } else if self.ended {
            EpollFlags::empty()
        } else {
            LISTENING
        }
    }
}

impl Room {
    pub fn enter(&mut self, stream: TcpStream) -> io::Result<u64> {
        let client = Client::new(stream)?;
        let id = client.stream.as_raw_fd().cast_unsigned().into();
        self.epoll.add(&client.stream, EpollEvent::new(client.interest(), id))?;
        self.clients.insert(id, client);
        Ok(id)
    }

    pub fn on_client(&mut self, id: u64, flags: EpollFlags) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if flags.contains(EpollFlags::EPOLLIN) {
            match client.hear() {
                Ok(Heard::Bytes | Heard::Nothing) => {}
                Ok(Heard::End) => {
                    client.ended = true;
                    client.reply();
                }
                Err(error) => client.closing = Some(Reason::Broken(error.kind())),
            }
        } else if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            let error = client.stream.take_error().ok().flatten();
            client.closing = Some(error.map_or(Reason::Left, |error| Reason::Broken(error.kind())));
        }
        if client.closing.is_none()
            && let Err(error) = client.say()
        {
            client.closing = Some(Reason::Broken(error.kind()));
        }
    }

    pub fn reap(&mut self) -> Vec<Farewell> {
        let done =
            |client: &Client| client.closing.is_some() || (client.ended && client.out.is_empty());
        let ids: Vec<u64> =
            self.clients.iter().filter(|(_, client)| done(client)).map(|(id, _)| *id).collect();
        let mut farewells = Vec::new();
        for id in ids {
            if let Some(client) = self.clients.remove(&id) {
                let reason = client.closing.unwrap_or(Reason::Left);
                farewells.push(Farewell { id, reason, heard: client.heard.len() });
            }
        }
        farewells
    }
}

const MAX_HEARD: usize = 64 * 1024 * 1024;

const LISTENER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Bytes,
    Nothing,
    End,
}

impl Client {
    pub fn new(stream: TcpStream) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        let (heard, out) = (Vec::new(), VecDeque::new());
        Ok(Client { stream, heard, out, ended: false, closing: None })
    }

    pub fn hear(&mut self) -> io::Result<Heard> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(Heard::End),
            Ok(count) if self.heard.len() + count > MAX_HEARD => Err(ErrorKind::InvalidData.into()),
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                Ok(Heard::Bytes)
            }
            Err(error) if not_now(&error) => Ok(Heard::Nothing),
            Err(error) => Err(error),
        }
    }

    pub fn reply(&mut self) {
        self.out.extend(format!("{} bytes:\n", self.heard.len()).bytes());
        self.out.extend(&self.heard);
    }

    pub fn say(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(self.out.make_contiguous()) {
            Ok(count) => drop(self.out.drain(..count)),
            Err(error) if not_now(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Room {
    pub fn new() -> io::Result<Room> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Room { epoll, clients: HashMap::new(), arrived: 0 })
    }

    pub fn round(&mut self, events: &[(u64, EpollFlags)]) -> Vec<Farewell> {
        for (id, flags) in events {
            self.on_client(*id, *flags);
            self.follow_up(*id);
        }
        self.reap()
    }

    fn follow_up(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut event = EpollEvent::new(client.interest(), id);
        if let Err(error) = self.epoll.modify(&client.stream, &mut event) {
            client.closing = Some(Reason::Broken(io::Error::from(error).kind()));
        }
    }

    pub fn wait(&self, timeout: EpollTimeout) -> io::Result<Vec<(u64, EpollFlags)>> {
        let mut events = [EpollEvent::empty(); 64];
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(events[..count].iter().map(|event| (event.data(), event.events())).collect())
    }
}

pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut room = Room::new()?;
    room.epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut told = (LISTENER, EpollFlags::empty());
    loop {
        let mut events = room.wait(EpollTimeout::NONE)?;
        for event @ (id, flags) in &events {
            if *id != LISTENER {
                if *event != told {
                    let names: Vec<_> = flags.iter_names().map(|(name, _)| name).collect();
                    tell(&format!("cliente {id}: {}", names.join(" | ")));
                    told = *event;
                }
            } else if let Some(stream) = accept(listener)? {
                match room.enter(stream) {
                    Ok(id) => tell(&format!("cliente {id}: entra")),
                    Err(error) => tell(&format!("alguien no pudo entrar: {}", cli::reason(&error))),
                }
            }
        }
        events.retain(|(id, _)| *id != LISTENER);
        for Farewell { id, reason, heard } in room.round(&events) {
            let why = match reason {
                Reason::Left => "terminó".to_owned(),
                Reason::Broken(kind) => cli::reason(&kind.into()),
            };
            tell(&format!("cliente {id}: fuera, tras {heard} bytes: {why}"));
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
