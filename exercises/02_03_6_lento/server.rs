//! Lo que se da hecho: el bucle de los ejercicios anteriores, con tu cola en cada cliente.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ejercicios::readiness::{Ready, Watch, accept, wait};
use multiplexacion::frame;

use super::ejercicio::Outbox;
use super::given::LIMIT;

/// Un cliente.
struct Client {
    stream: TcpStream,
    /// Lo que llegó de él y aún no es un marco entero.
    pending: Vec<u8>,
    /// Lo que espera a salir hacia él.
    outbox: Outbox,
    /// Se le ha echado: cuando reciba lo que le queda, o pase [`FAREWELL`], se cierra.
    dismissed: bool,
    /// Hasta cuándo se le espera, si se le ha echado.
    until: Option<Instant>,
    /// Cerró su lado: no enviará nada más, y aún puede recibir.
    ended: bool,
    /// Ya no hay nada que hacer con él.
    broken: bool,
}

/// Cuánto se espera a que un expulsado lea lo que le queda y cierre.
const FAREWELL: Duration = Duration::from_secs(30);

/// Todos los clientes, por orden de llegada.
#[derive(Default)]
struct Room {
    clients: BTreeMap<u64, Client>,
    arrived: u64,
}

/// Atiende a todos en este hilo: lo que dice cada uno les llega a los demás.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut room = Room::default();
    loop {
        let ready = room.wait(listener)?;
        for id in ready.readable {
            room.hear(id);
        }
        if ready.listener
            && let Some((stream, _)) = accept(listener)?
        {
            room.arrived += 1;
            room.clients.insert(room.arrived, Client::new(stream));
        }
        room.settle();
    }
}

impl Room {
    /// El único punto en el que el programa espera. A quien tenga sitio se le escribirá en
    /// [`Room::settle`], que lo intenta con todos.
    fn wait(&self, listener: &TcpListener) -> io::Result<Ready<u64>> {
        let watched = self.clients.iter().map(|(id, client)| Watch {
            id: *id,
            socket: &client.stream,
            reading: !client.ended,
            writing: client.outbox.wants_write(),
        });
        // Hasta que se acabe la paciencia con algún expulsado.
        let until = self.clients.values().filter_map(|client| client.until).min();
        wait(listener, &watched.collect::<Vec<_>>(), until)
    }

    /// Lee una vez de un cliente, y envía a los demás cada mensaje entero.
    fn hear(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        for text in client.receive() {
            let frame = frame::encode(&text).unwrap_or_default();
            let others = self.clients.iter_mut().filter(|(other, _)| **other != id);
            others.for_each(|(_, client)| client.dismissed |= client.outbox.send(&frame).is_err());
        }
    }

    /// Escribe lo que quepa a cada uno, y quita a los que ya no están.
    fn settle(&mut self) {
        let now = Instant::now();
        for client in self.clients.values_mut() {
            client.write(now);
        }
        self.clients.retain(|_, it| !it.broken && (!it.ended || it.outbox.wants_write()));
    }
}

impl Client {
    fn new(stream: TcpStream) -> Client {
        Client {
            stream,
            pending: Vec::new(),
            outbox: Outbox::new(LIMIT),
            dismissed: false,
            until: None,
            ended: false,
            broken: false,
        }
    }

    /// Lee una vez. Devuelve los mensajes enteros; los de un expulsado ya no se escuchan.
    fn receive(&mut self) -> Vec<String> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.broken = true,
        }
        let (mut messages, mut start) = (Vec::new(), 0);
        while let Some(next) = frame::decode(&self.pending[start..]).transpose() {
            let Ok((text, used)) = next else {
                self.broken = true;
                break;
            };
            messages.push(text.to_owned());
            start += used;
        }
        self.pending.drain(..start);
        if self.dismissed { Vec::new() } else { messages }
    }

    /// Escribe lo que quepa. A un expulsado que ya lo tiene todo se le cierra nuestro lado: si se
    /// cerraran los dos con algo suyo sin leer, el reinicio podría llevarse lo que aún no llegó.
    fn write(&mut self, now: Instant) {
        self.broken |= self.outbox.flush(&mut self.stream).is_err();
        if self.dismissed {
            let until = *self.until.get_or_insert(now + FAREWELL);
            let done = !self.outbox.wants_write();
            self.broken |= now >= until;
            self.broken |= done && self.stream.shutdown(Shutdown::Write).is_err();
        }
    }
}
