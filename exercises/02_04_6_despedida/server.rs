//! El servidor que usa lo que se escribe en el ejercicio: lo que se hace con un cliente, y el bucle.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use ejercicios::epoll::{names, wait};
use multiplexacion::{errors, listener};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ejercicio::{Client, Room};
use super::farewell::{Farewell, Reason};

/// Lo que se espera de quien todavía puede hablar.
pub const LISTENING: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLRDHUP);

/// Lo que se guarda de un cliente, como mucho.
const MAX_HEARD: usize = 64 * 1024 * 1024;

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Lo que dio una lectura.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Llegaron bytes.
    Bytes,
    /// No había nada que leer.
    Nothing,
    /// `read` dio cero: no dirá nada más.
    End,
}

impl Client {
    /// Un cliente que acaba de llegar, con su socket ya no bloqueante.
    pub fn new(stream: TcpStream) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        let (heard, out) = (Vec::new(), VecDeque::new());
        Ok(Client { stream, heard, out, ended: false, closing: None })
    }

    /// Lee una vez, y guarda lo que llegue en `heard`.
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

    /// Prepara su respuesta, que falta por escribir.
    pub fn reply(&mut self) {
        self.out.extend(format!("{} bytes:\n", self.heard.len()).bytes());
        self.out.extend(&self.heard);
    }

    /// Escribe lo que quepa de su respuesta, si le falta algo.
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
    /// Una sala vacía.
    pub fn new() -> io::Result<Room> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Room { epoll, clients: HashMap::new(), arrived: 0 })
    }

    /// Una vuelta: atiende los avisos, y despide a quien toque.
    pub fn round(&mut self, events: &[(u64, EpollFlags)]) -> Vec<Farewell> {
        for (id, flags) in events {
            self.on_client(*id, *flags);
            self.follow_up(*id);
        }
        self.reap()
    }

    /// Pone al día lo que se espera de un cliente.
    fn follow_up(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut event = EpollEvent::new(client.interest(), id);
        if let Err(error) = self.epoll.modify(&client.stream, &mut event) {
            client.closing = Some(Reason::Broken(io::Error::from(error).kind()));
        }
    }
}

/// Atiende a todos en este hilo. A `tell` se le cuenta cada paso.
pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut room = Room::new()?;
    room.epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut told = (LISTENER, EpollFlags::empty());
    loop {
        let mut events = wait(&room.epoll, EpollTimeout::NONE)?;
        for event @ (id, flags) in &events {
            if *id != LISTENER {
                // Un mensaje largo son muchos avisos iguales: se cuenta el primero.
                if *event != told {
                    tell(&format!("cliente {id}: {}", names(*flags)));
                    told = *event;
                }
            } else if let Some(stream) = listener::accept(listener)? {
                // Lo que vaya mal al entrar es cosa suya.
                match room.enter(stream) {
                    Ok(id) => tell(&format!("cliente {id}: entra")),
                    Err(error) => {
                        tell(&format!("alguien no pudo entrar: {}", errors::reason(&error)));
                    }
                }
            }
        }
        events.retain(|(id, _)| *id != LISTENER);
        for Farewell { id, reason, heard } in room.round(&events) {
            let why = match reason {
                Reason::Left => "terminó".to_owned(),
                Reason::Broken(kind) => errors::reason(&kind.into()),
            };
            tell(&format!("cliente {id}: fuera, tras {heard} bytes: {why}"));
        }
    }
}
