//! Lo que se da hecho: el bucle del ejercicio anterior, que usa `Room::broadcast` y `Room::settle`.

use std::io;
use std::net::TcpListener;

use ejercicios::readiness::{Ready, Watch, accept, wait};
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::Fill;
use multiplexacion::frame;

use super::room::{Client, Reason, Room};

/// Atiende a todos en este hilo: lo que dice cada uno les llega a los demás.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut room = Room::default();
    loop {
        let ready = room.wait(listener)?;
        for id in ready.writable {
            if let Some(client) = room.clients.get_mut(&id) {
                // Si falla, la próxima escritura fallará también.
                let _ = client.conn.on_writable();
            }
        }
        for id in ready.readable {
            room.hear(id);
        }
        if ready.listener
            && let Some((stream, _)) = accept(listener)?
        {
            room.enter(stream)?;
        }
        room.settle();
    }
}

impl Room {
    fn wait(&self, listener: &TcpListener) -> io::Result<Ready<ClientId>> {
        let watched = self.clients.iter().map(|(id, client)| Watch {
            id: *id,
            socket: client.conn.stream(),
            reading: true,
            writing: client.conn.wants_write(),
        });
        wait(listener, &watched.collect::<Vec<_>>(), None)
    }

    /// Lee una vez de un cliente, y difunde cada mensaje entero.
    fn hear(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        for text in client.receive() {
            self.broadcast(id, &text);
        }
    }
}

impl Client {
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
