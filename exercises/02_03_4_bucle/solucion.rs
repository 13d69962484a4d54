//! Un bucle para todos. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, Limits};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use nix::sys::select::{FD_SETSIZE, FdSet, select};

/// Atiende a todos en este hilo: devuelve a cada cliente cada mensaje que envía.
///
/// Solo vuelve si falla `accept` o `select`.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    // <tu código>
    // Quien llama puede arrepentirse antes de que lo recojamos, y `accept` dormiría (select(2)).
    listener.set_nonblocking(true)?;
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let ready = wait(listener, &clients)?;
        for (place, client) in clients.iter_mut().enumerate() {
            if ready.readable.contains(&place) {
                client.hear();
            }
            client.answer(ready.writable.contains(&place));
        }
        // Quien terminó se queda mientras le falte algo por recibir.
        clients.retain(|client| !client.broken && (!client.ended || client.wants_write()));
        // Lo último: hasta aquí, los lugares son los que vio `select`.
        if ready.listener {
            clients.extend(accept(listener)?);
        }
    }
    // </tu código>
}

// <solo en la solución>
/// Quién está listo: los clientes, por su lugar.
struct Ready {
    listener: bool,
    readable: Vec<usize>,
    writable: Vec<usize>,
}

/// El único punto en el que el programa espera.
fn wait(listener: &TcpListener, clients: &[Client]) -> io::Result<Ready> {
    let mut reading = FdSet::new();
    let mut writing = FdSet::new();
    reading.insert(listener.as_fd());
    for client in clients {
        if !client.ended {
            reading.insert(client.fd());
        }
        if client.wants_write() {
            writing.insert(client.fd());
        }
    }
    select(None, &mut reading, &mut writing, None, None)?;
    let among = |set: &FdSet<'_>| {
        let ready = clients.iter().enumerate().filter(|(_, client)| set.contains(client.fd()));
        ready.map(|(place, _)| place).collect()
    };
    Ok(Ready {
        listener: reading.contains(listener.as_fd()),
        readable: among(&reading),
        writable: among(&writing),
    })
}

/// Recoge a quien llama, si sigue ahí. No se le lee nada: hablará cuando hable.
fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
    match listener.accept() {
        Ok((stream, _)) => {
            // El modo del que escucha no se hereda (accept(2)).
            stream.set_nonblocking(true)?;
            Ok(Client::new(stream))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
// </solo en la solución>

/// Lo que se guarda de cada cliente: medio marco, y hasta 8 MiB que aún no ha leído.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 8 * 1024 * 1024 };

/// Un cliente. Lo que hay aquí no hace falta cambiarlo.
struct Client {
    conn: Connection<TcpStream>,
    /// Cerró su lado: no enviará nada más, y aún puede recibir.
    ended: bool,
    /// Ya no hay nada que hacer con él.
    broken: bool,
}

impl Client {
    /// Envuelve un socket, que debe ser no bloqueante. Si no cabe en un conjunto, lo cierra.
    fn new(stream: TcpStream) -> Option<Client> {
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
        let conn = Connection::new(stream, ClientId(0), &LIMITS);
        fits.then_some(Client { conn, ended: false, broken: false })
    }

    /// Su descriptor, para los conjuntos.
    fn fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }

    /// Si tiene algo en la cola.
    fn wants_write(&self) -> bool {
        self.conn.wants_write()
    }

    /// Lee una vez, y pone en su cola la respuesta a cada mensaje entero.
    fn hear(&mut self) {
        match self.conn.fill(&mut [0; 16 * 1024]) {
            Ok(Fill::Bytes(_) | Fill::Empty) => {}
            Ok(Fill::End) => self.ended = true,
            Err(_) => self.broken = true,
        }
        loop {
            match frame::decode(self.conn.input()) {
                Ok(Some((text, used))) => {
                    let answer = frame::encode(text).unwrap_or_default();
                    // Sin sitio en la cola, es que no lee: no se guarda más por él.
                    self.broken |= self.conn.queue(&answer).is_err();
                    self.conn.consume(used);
                }
                Ok(None) => return,
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
    }

    /// Escribe lo que quepa de su cola. `has_room`: `select` dijo que hay sitio.
    fn answer(&mut self, has_room: bool) {
        let written = if has_room { self.conn.on_writable() } else { self.conn.flush() };
        self.broken |= written.is_err();
    }
}
