//! El servidor que usa lo que se escribe en el ejercicio: las vueltas, y el bucle.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;

use ejercicios::epoll::{names, wait};
use multiplexacion::{errors, listener};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ejercicio::Room;
use super::farewell::{Farewell, Reason};

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

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
