//! Difundir, con uno que ya no está. El enunciado está en enunciado.md, en esta misma carpeta.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, Limits, Overflow};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use nix::sys::select::{FD_SETSIZE, FdSet, select};

/// Todos los que están en el chat, por orden de llegada.
#[derive(Default)]
pub struct Room {
    /// Los clientes.
    pub clients: BTreeMap<ClientId, Client>,
    /// Cuántos han llegado.
    arrived: u64,
}

/// Un cliente.
pub struct Client {
    /// Su conexión: el socket, lo recibido sin usar y lo encolado sin escribir.
    pub conn: Connection<TcpStream>,
    /// Por qué hay que despedirlo, si hay que despedirlo.
    pub closing: Option<Reason>,
}

/// Por qué se despide a un cliente.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Cerró su lado.
    Left,
    /// La conexión falló, o lo que llegó no son marcos.
    Broken,
    /// No lee, y en su cola no cabe más.
    NotReading,
}

impl Room {
    /// Difunde un mensaje a todos menos a quien lo envió.
    pub fn broadcast(&mut self, from: ClientId, text: &str) {
        // <tu código>
        // Un marco no lleva más que MAX_TEXT bytes; este texto llegó en uno, o es un aviso corto.
        let frame = frame::encode(text).unwrap_or_default();
        for (id, client) in &mut self.clients {
            // A quien se va a despedir no se le da nada más: el recorrido sigue con los demás.
            if *id != from && client.closing.is_none() && client.conn.queue(&frame) == Err(Overflow)
            {
                // El problema es suyo: ni de quien habla ni de los que vienen detrás.
                client.closing = Some(Reason::NotReading);
            }
        }
        // </tu código>
    }

    /// Escribe lo encolado y despide a quien toca, hasta que no quede nada por hacer.
    pub fn settle(&mut self) {
        // <tu código>
        loop {
            for client in self.clients.values_mut() {
                if client.conn.flush().is_err() {
                    client.closing.get_or_insert(Reason::Broken);
                }
            }
            let closing = self.clients.iter().filter(|(_, client)| client.closing.is_some());
            let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
            // Nadie más que despedir: los avisos de la pasada anterior ya están escritos.
            if closing.is_empty() {
                return;
            }
            // Primero fuera todos, que los avisos son para quienes se quedan.
            for id in &closing {
                self.clients.remove(id);
            }
            for id in closing {
                self.broadcast(id, &left(id));
            }
        }
        // </tu código>
    }
}

/// El aviso de que alguien se fue.
pub fn left(id: ClientId) -> String {
    format!("(se fue el cliente {id})")
}

// ---- Desde aquí no hay nada que cambiar: es el bucle del ejercicio anterior ----------------

/// Lo que se guarda de cada cliente: medio marco, y hasta 1 MiB que aún no ha leído.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 1024 * 1024 };

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
        if ready.listener {
            match listener.accept() {
                Ok((stream, _)) if fits(&stream) => drop(room.enter(stream)?),
                // El que no cabe en un conjunto se cierra.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        room.settle();
    }
}

/// Si su descriptor cabe en un conjunto de `select`.
fn fits(stream: &TcpStream) -> bool {
    usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE)
}

/// Quién está listo.
struct Ready {
    listener: bool,
    readable: Vec<ClientId>,
    writable: Vec<ClientId>,
}

impl Room {
    /// Entra un cliente.
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

    /// Lee una vez de un cliente, y difunde cada mensaje entero.
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
