//! Lo que se da hecho: el bucle de los ejercicios anteriores, que usa `Chat::on_message` y
//! `Chat::on_departure`.

use std::io;
use std::net::TcpListener;
use std::time::Instant;

use ejercicios::readiness::{Ready, Watch, accept, wait};
use multiplexacion::client_id::ClientId;

use super::clients::{Chat, Client};

/// Atiende a todos en este hilo.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut chat = Chat::default();
    let mut arrived = 0;
    loop {
        let ready = chat.wait(listener)?;
        for id in ready.writable {
            if let Some(client) = chat.clients.get_mut(&id) {
                // Si falla, la próxima escritura fallará también.
                let _ = client.conn.on_writable();
            }
        }
        for id in ready.readable {
            chat.hear(id);
        }
        if ready.listener
            && let Some((stream, address)) = accept(listener)?
        {
            // No se le lee nada: su nombre llegará cuando llegue.
            arrived += 1;
            let id = ClientId(arrived);
            chat.clients.insert(id, Client::new(stream, address.ip(), id));
        }
        chat.settle();
    }
}

impl Chat {
    fn wait(&self, listener: &TcpListener) -> io::Result<Ready<ClientId>> {
        let watched = self.clients.iter().map(|(id, client)| Watch {
            id: *id,
            socket: client.conn.stream(),
            reading: client.conn.wants_read(),
            writing: client.conn.wants_write(),
        });
        let until = self.clients.values().filter_map(|client| client.until).min();
        wait(listener, &watched.collect::<Vec<_>>(), until)
    }

    /// Lee una vez de un cliente, y atiende cada mensaje entero.
    fn hear(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (messages, end) = client.receive();
        for text in messages {
            // Tras un mensaje por el que se le echa, los que venían detrás no cuentan.
            if self.clients.get(&id).is_some_and(Client::is_welcome) {
                self.on_message(id, &text);
            }
        }
        if let (Some(reason), Some(client)) = (end, self.clients.get_mut(&id)) {
            client.closing.get_or_insert(reason);
        }
    }

    /// Escribe lo que quepa y quita a quien toca, hasta que no quede nada por hacer.
    fn settle(&mut self) {
        let now = Instant::now();
        loop {
            self.clients.values_mut().for_each(|client| client.flush(now));
            let closing = self.clients.iter().filter(|(_, client)| client.closing.is_some());
            let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
            if closing.is_empty() {
                return;
            }
            for id in closing {
                self.dismiss(id, now);
            }
        }
    }

    /// El único lugar que cierra conexiones.
    fn dismiss(&mut self, id: ClientId, now: Instant) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(reason) = client.closing.take() else { return };
        let member = client.member.take();
        if !client.can_leave_later(&reason, now) {
            self.clients.remove(&id);
        }
        if let Some(member) = member {
            self.on_departure(&member);
        }
    }
}
