//! Despedirse sin dejar nada. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `client.rs`, con un cliente y lo que se hace con él;
//! `farewell.rs`, con los motivos y las despedidas, y `server.rs`, con el bucle.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::client::{Client, LISTENING};
use super::farewell::{Farewell, Reason};

// <solo en la solución>
use super::client::Heard;
// </solo en la solución>

/// Todos los clientes.
#[derive(Debug)]
pub struct Room {
    /// Quien los vigila, por nivel.
    pub epoll: Epoll,
    /// Los que están, por su número en epoll.
    pub clients: HashMap<u64, Client>,
    /// Cuántos han llegado.
    pub arrived: u64,
}

impl Client {
    /// Qué se espera de él ahora.
    pub fn interest(&self) -> EpollFlags {
        // <tu código>
        if !self.out.is_empty() {
            EpollFlags::EPOLLOUT
        } else if self.ended {
            // El final se puede leer para siempre: quien siga pidiendo EPOLLIN no duerme más.
            EpollFlags::empty()
        } else {
            LISTENING
        }
        // </tu código>
    }
}

impl Room {
    /// Entra un cliente. Devuelve su número, que no fue ni será de nadie más.
    pub fn enter(&mut self, stream: TcpStream) -> io::Result<u64> {
        // <tu código>
        let client = Client::new(stream)?;
        // El descriptor no sirve de número: el núcleo se lo da al siguiente en cuanto se cierra.
        self.arrived += 1;
        let id = self.arrived;
        self.epoll.add(&client.stream, EpollEvent::new(client.interest(), id))?;
        self.clients.insert(id, client);
        Ok(id)
        // </tu código>
    }

    /// Lo que dice epoll de un cliente. No cierra nada.
    pub fn on_client(&mut self, id: u64, flags: EpollFlags) {
        // <tu código>
        // Un aviso atrasado, de quien ya no está.
        let Some(client) = self.clients.get_mut(&id) else { return };
        if flags.contains(EpollFlags::EPOLLIN) {
            // Antes que EPOLLHUP y EPOLLERR, que vuelven mientras no se cierre: lo que dijo antes
            // de irse está en el núcleo, y después de leerlo el motivo lo da otra lectura.
            match client.hear() {
                Ok(Heard::Bytes | Heard::Nothing) => {}
                Ok(Heard::End) => {
                    client.ended = true;
                    client.reply();
                }
                Err(error) => client.closing = Some(Reason::Broken(error.kind())),
            }
        } else if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            // El error que guarda el socket, SO_ERROR, es de este cliente y de nadie más.
            let error = client.stream.take_error().ok().flatten();
            client.closing = Some(error.map_or(Reason::Left, |error| Reason::Broken(error.kind())));
        }
        if client.closing.is_none()
            && let Err(error) = client.say()
        {
            client.closing = Some(Reason::Broken(error.kind()));
        }
        // </tu código>
    }

    /// Despide a quien tiene un motivo, y a quien terminó y ya lo recibió todo. El único lugar
    /// que cierra.
    pub fn reap(&mut self) -> Vec<Farewell> {
        // <tu código>
        let done =
            |client: &Client| client.closing.is_some() || (client.ended && client.out.is_empty());
        let ids: Vec<u64> =
            self.clients.iter().filter(|(_, client)| done(client)).map(|(id, _)| *id).collect();
        let mut farewells = Vec::new();
        for id in ids {
            // Con el cliente se va todo lo suyo. Al cerrarse, el núcleo lo quita de epoll (epoll(7)).
            if let Some(client) = self.clients.remove(&id) {
                let reason = client.closing.unwrap_or(Reason::Left);
                farewells.push(Farewell { id, reason, heard: client.heard.len() });
            }
        }
        farewells
        // </tu código>
    }
}
