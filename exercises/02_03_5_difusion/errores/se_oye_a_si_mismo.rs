//! Difunde a todos, y también a quien habla.
//! Mensaje: «Quien habla no debe oírse»

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use multiplexacion::connection::{ClientId, Connection, Fill, Limits, Overflow};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use nix::sys::select::{FD_SETSIZE, FdSet, select};

#[derive(Default)]
pub struct Room {
    pub clients: BTreeMap<ClientId, Client>,
    arrived: u64,
}

pub struct Client {
    pub conn: Connection<TcpStream>,
    pub closing: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Left,
    Broken,
    NotReading,
}

impl Room {
    pub fn broadcast(&mut self, from: ClientId, text: &str) {
        let frame = frame::encode(text).unwrap_or_default();
        for (id, client) in &mut self.clients {
            if client.closing.is_none() && client.conn.queue(&frame) == Err(Overflow) {
                client.closing = Some(Reason::NotReading);
            }
        }
    }

    pub fn settle(&mut self) {
        loop {
            for client in self.clients.values_mut() {
                if client.conn.flush().is_err() {
                    client.closing.get_or_insert(Reason::Broken);
                }
            }
            let closing = self.clients.iter().filter(|(_, client)| client.closing.is_some());
            let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
            if closing.is_empty() {
                return;
            }
            for id in &closing {
                self.clients.remove(id);
            }
            for id in closing {
                self.broadcast(id, &left(id));
            }
        }
    }
}

pub fn left(id: ClientId) -> String {
    format!("(se fue el cliente {id})")
}

static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 1024 * 1024 };

pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut room = Room::default();
    loop {
        let ready = room.wait(listener)?;
        for id in ready.writable {
            if let Some(client) = room.clients.get_mut(&id) {
                client.conn.writable();
            }
        }
        for id in ready.readable {
            room.hear(id);
        }
        if ready.listener {
            match listener.accept() {
                Ok((stream, _)) if fits(&stream) => drop(room.enter(stream)?),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        room.settle();
    }
}

fn fits(stream: &TcpStream) -> bool {
    usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE)
}

struct Ready {
    listener: bool,
    readable: Vec<ClientId>,
    writable: Vec<ClientId>,
}

impl Room {
    pub fn enter(&mut self, stream: TcpStream) -> io::Result<ClientId> {
        stream.set_nonblocking(true)?;
        self.arrived += 1;
        let id = ClientId(self.arrived);
        let conn = Connection::new(stream, id, &LIMITS);
        self.clients.insert(id, Client { conn, closing: None });
        Ok(id)
    }

    fn wait(&self, listener: &TcpListener) -> io::Result<Ready> {
        let mut reading = FdSet::new();
        let mut writing = FdSet::new();
        reading.insert(listener.as_fd());
        for client in self.clients.values() {
            reading.insert(client.fd());
            if client.conn.wants_write() {
                writing.insert(client.fd());
            }
        }
        select(None, &mut reading, &mut writing, None, None)?;
        let among = |set: &FdSet<'_>| {
            let ready = self.clients.iter().filter(|(_, client)| set.contains(client.fd()));
            ready.map(|(id, _)| *id).collect()
        };
        Ok(Ready {
            listener: reading.contains(listener.as_fd()),
            readable: among(&reading),
            writable: among(&writing),
        })
    }

    fn hear(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let messages = client.receive();
        for text in messages {
            self.broadcast(id, &text);
        }
    }
}

impl Client {
    fn fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }

    fn receive(&mut self) -> Vec<String> {
        match self.conn.fill(&mut [0; 16 * 1024]) {
            Ok(Fill::Bytes(_) | Fill::Empty) => {}
            Ok(Fill::End) => self.closing = Some(Reason::Left),
            Err(_) => self.closing = Some(Reason::Broken),
        }
        let mut messages = Vec::new();
        loop {
            match frame::decode(self.conn.input()) {
                Ok(Some((text, used))) => {
                    messages.push(text.to_owned());
                    self.conn.consume(used);
                }
                Ok(None) => return messages,
                Err(_) => {
                    self.closing = Some(Reason::Broken);
                    return messages;
                }
            }
        }
    }
}
