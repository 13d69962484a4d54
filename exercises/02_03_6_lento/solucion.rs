//! El que lee despacio. El enunciado está en enunciado.md, en esta misma carpeta.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use multiplexacion::frame;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};

// <solo en la solución>
use std::collections::VecDeque;
// </solo en la solución>

/// Bytes que pueden esperar en la cola de un cliente, como mucho.
pub const LIMIT: usize = 256 * 1024;

/// Lo último que se le dice a quien no lee.
pub const NOT_READING: &str = "ERROR: no lees lo que se te envía, y no se guarda más";

/// Lo que espera a salir hacia un cliente.
pub struct Outbox {
    // <solo al principio> Pon aquí los campos que necesites.
    // <solo en la solución>
    /// Una cola de dos extremos: se añade por el final y se quita por el principio, sin mover lo
    /// demás.
    bytes: VecDeque<u8>,
    limit: usize,
    /// Ya están puestas las últimas palabras.
    closed: bool,
    // </solo en la solución>
}

/// Eso no cabe en la cola.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Outbox {
    /// Una cola vacía, en la que pueden esperar `limit` bytes.
    pub fn new(limit: usize) -> Outbox {
        // <tu código>
        Outbox { bytes: VecDeque::new(), limit, closed: false }
        // </tu código>
    }

    /// Pone `bytes` al final si caben enteros; si no, no guarda ninguno.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<(), Full> {
        // <tu código>
        // Antes de guardar: un límite que se mira después ya se ha pasado. Y todo o nada: con
        // medio marco dentro, quien recibe no sabría dónde empieza el siguiente.
        if self.closed || self.bytes.len() + bytes.len() > self.limit {
            return Err(Full);
        }
        self.bytes.extend(bytes);
        Ok(())
        // </tu código>
    }

    /// Pone unas últimas palabras al final, quepan o no. Después no se admite nada más.
    pub fn queue_last(&mut self, bytes: &[u8]) {
        // <tu código>
        self.bytes.extend(bytes);
        self.closed = true;
        // </tu código>
    }

    /// Escribe lo que el socket, que es no bloqueante, admita ahora; el resto se queda.
    pub fn flush<W: Write>(&mut self, socket: &mut W) -> io::Result<()> {
        // <tu código>
        while self.wants_write() {
            // La memoria de la cola da la vuelta: esto es su primer trozo seguido.
            let (front, _) = self.bytes.as_slices();
            match socket.write(front) {
                // Solo se quita lo que el núcleo dice que aceptó.
                Ok(count) => drop(self.bytes.drain(..count)),
                // No hay sitio. No es un fallo, y tampoco hay que insistir: `select` avisará.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
        // </tu código>
    }

    /// Si hay que pedir a `select` que avise cuando se pueda escribir.
    pub fn wants_write(&self) -> bool {
        // <tu código>
        !self.bytes.is_empty()
        // </tu código>
    }
}

impl Client {
    /// Le deja un marco en la cola; si no cabe, lo despide.
    fn send(&mut self, frame: &[u8]) {
        // <tu código>
        if self.dismissed || self.outbox.queue(frame).is_ok() {
            return;
        }
        // Lo encolado no se toca: puede haber un marco a medio salir, y la razón va detrás.
        self.outbox.queue_last(&frame::encode(NOT_READING).unwrap_or_default());
        self.dismissed = true;
        // </tu código>
    }
}

// ---- Desde aquí no hay nada que cambiar: es el bucle de los ejercicios anteriores ----------

/// Un cliente.
pub struct Client {
    stream: TcpStream,
    /// Lo que llegó de él y aún no es un marco entero.
    pending: Vec<u8>,
    /// Lo que espera a salir hacia él.
    outbox: Outbox,
    /// Se le despide: cuando reciba lo que le queda, o pase [`FAREWELL`], se cierra.
    dismissed: bool,
    /// Hasta cuándo se le espera, si se le despide.
    until: Option<Instant>,
    /// Cerró su lado: no enviará nada más, y aún puede recibir.
    ended: bool,
    /// Ya no hay nada que hacer con él.
    broken: bool,
}

/// Cuánto se espera a que un despedido lea lo que le queda y cierre.
const FAREWELL: Duration = Duration::from_secs(5);

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
        let (acceptable, readable) = room.wait(listener)?;
        for id in readable {
            room.hear(id);
        }
        if acceptable {
            room.accept(listener)?;
        }
        room.settle();
    }
}

impl Room {
    /// El único punto en el que el programa espera. Devuelve si alguien llama, y a quién leer; a
    /// quien tenga sitio se le escribirá en [`Room::settle`], que lo intenta con todos.
    fn wait(&self, listener: &TcpListener) -> io::Result<(bool, Vec<u64>)> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        reading.insert(listener.as_fd());
        for client in self.clients.values() {
            if !client.ended {
                reading.insert(client.stream.as_fd());
            }
            if client.outbox.wants_write() {
                writing.insert(client.stream.as_fd());
            }
        }
        let mut timeout = self.timeout();
        select(None, &mut reading, &mut writing, None, timeout.as_mut())?;
        let readable = self.clients.iter().filter(|(_, it)| reading.contains(it.stream.as_fd()));
        Ok((reading.contains(listener.as_fd()), readable.map(|(id, _)| *id).collect()))
    }

    /// Lo que falta para que se acabe la paciencia con algún despedido.
    fn timeout(&self) -> Option<TimeVal> {
        let next = self.clients.values().filter_map(|client| client.until).min()?;
        let left = next.saturating_duration_since(Instant::now());
        Some(TimeVal::microseconds(i64::try_from(left.as_micros()).unwrap_or(i64::MAX) + 1))
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                // Un mensaje corto sale ya, sin esperar a que confirmen el anterior.
                stream.set_nodelay(true)?;
                self.arrived += 1;
                self.clients.extend(Client::new(stream).map(|client| (self.arrived, client)));
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lee una vez de un cliente, y envía a los demás cada mensaje entero.
    fn hear(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        for text in client.receive() {
            let frame = frame::encode(&text).unwrap_or_default();
            let others = self.clients.iter_mut().filter(|(other, _)| **other != id);
            others.for_each(|(_, client)| client.send(&frame));
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
    /// Envuelve un socket no bloqueante. Si no cabe en un conjunto, lo cierra.
    fn new(stream: TcpStream) -> Option<Client> {
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
        fits.then(|| Client {
            stream,
            pending: Vec::new(),
            outbox: Outbox::new(LIMIT),
            dismissed: false,
            until: None,
            ended: false,
            broken: false,
        })
    }

    /// Lee una vez. Devuelve los mensajes enteros, que a un despedido ya no se le escuchan.
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

    /// Escribe lo que quepa. A un despedido que ya lo tiene todo se le cierra nuestro lado: si se
    /// cerraran los dos con algo suyo sin leer, el reinicio podría destruir lo que aún no ha leído.
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
