//! Toma el fallo de un cliente por un fallo del servidor, y termina.
//! Mensaje: «Antes de tiempo terminó esto: el bucle.»

use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use multiplexacion::connection::{ClientId, Connection, Fill, Limits};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use nix::sys::select::{FD_SETSIZE, FdSet, select};

pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let ready = wait(listener, &clients)?;
        for (place, client) in clients.iter_mut().enumerate() {
            if ready.readable.contains(&place) {
                client.hear();
            }
            client.answer(ready.writable.contains(&place));
            if client.broken {
                return Err(ErrorKind::InvalidData.into());
            }
        }
        clients.retain(|client| !client.broken && (!client.ended || client.wants_write()));
        if ready.listener {
            clients.extend(accept(listener)?);
        }
    }
}

struct Ready {
    listener: bool,
    readable: Vec<usize>,
    writable: Vec<usize>,
}

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

fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(true)?;
            Ok(Client::new(stream))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 8 * 1024 * 1024 };

struct Client {
    conn: Connection<TcpStream>,
    ended: bool,
    broken: bool,
}

impl Client {
    fn new(stream: TcpStream) -> Option<Client> {
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
        let conn = Connection::new(stream, ClientId(0), &LIMITS);
        fits.then_some(Client { conn, ended: false, broken: false })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }

    fn wants_write(&self) -> bool {
        self.conn.wants_write()
    }

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

    fn answer(&mut self, has_room: bool) {
        if has_room {
            self.conn.writable();
        }
        self.broken |= self.conn.flush().is_err();
    }
}
