//! El eco de 02_02 en un solo hilo, sobre `poll(2)`.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use mas_alla::Place;
use multiplexacion::cli;
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::connection::{Connection, Fill, Limits};
use multiplexacion::errors;
use multiplexacion::listener::{self, Pause};
use multiplexacion::steps::{Shown, Step};
use multiplexacion::stop::Stop;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Bytes que se leen de un cliente, como mucho, cada vez que le toca.
const TURN: usize = 16 * 1024;

/// Nada se acumula: solo se lee de quien no tiene eco pendiente, y su lectura sale enseguida.
static LIMITS: Limits = Limits { input: TURN, output: TURN };

/// Eco sobre poll, en un solo hilo
#[derive(Args, Debug)]
struct Arguments {
    #[command(flatten)]
    place: Place,
}

fn main() -> ExitCode {
    cli::start("eco_poll", |common, arguments: Arguments| {
        let stop = Stop::on_signals()?;
        let listener = arguments.place.listen(&common)?;
        let (pause, ids, clients) = (Pause::default(), ClientIds::default(), BTreeMap::new());
        Ok(Echo { listener, pause, stop, ids, clients, scratch: vec![0; TURN] }.run()?)
    })
}

/// Un servidor de eco en un solo hilo.
struct Echo {
    listener: TcpListener,
    pause: Pause,
    stop: Stop,
    ids: ClientIds,
    clients: BTreeMap<ClientId, Connection>,
    scratch: Vec<u8>,
}

/// Lo que `poll` encontró listo.
#[derive(Default)]
struct Ready {
    stop: bool,
    listener: bool,
    clients: Vec<(ClientId, PollFlags)>,
}

impl Echo {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.stop {
                return Ok(());
            }
            for (id, events) in ready.clients {
                self.on_client(id, events);
            }
            if ready.listener {
                self.on_acceptable();
            }
            self.pause.resume(Instant::now(), &self.listener);
        }
    }

    // ANCHOR: wait
    /// El único punto en el que el programa espera.
    ///
    /// Un `PollFd` por descriptor: cuál, qué se quiere saber de él y, a la vuelta, qué hay. Lo
    /// pedido y lo hallado van en campos distintos, y ningún número es demasiado grande.
    fn wait(&self) -> io::Result<Ready> {
        let accepting =
            if self.pause.until().is_none() { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut watched = vec![
            PollFd::new(self.stop.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), accepting),
        ];
        for conn in self.clients.values() {
            // O se le escribe lo que le falta, o se le lee: quien no recoge su eco no puede
            // pedir más.
            let wanted = if conn.wants_write() { PollFlags::POLLOUT } else { PollFlags::POLLIN };
            watched.push(PollFd::new(conn.stream().as_fd(), wanted));
        }
        Step::Sleep { call: "poll", clients: self.clients.len() }.tell();
        let result = match poll(&mut watched, self.timeout()) {
            Ok(count) => usize::try_from(count).unwrap_or_default(),
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        };
        Step::Wake { call: "poll", result }.tell();
        let events: Vec<_> =
            watched.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).collect();
        let clients = self.clients.keys().copied().zip(events[2..].iter().copied());
        Ok(Ready {
            stop: !events[0].is_empty(),
            listener: !events[1].is_empty(),
            clients: clients.filter(|(_, events)| !events.is_empty()).collect(),
        })
    }
    // ANCHOR_END: wait

    fn timeout(&self) -> PollTimeout {
        let Some(until) = self.pause.until() else { return PollTimeout::NONE };
        let left = until.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }

    fn on_acceptable(&mut self) {
        let accepted = self.listener.accept();
        let welcomed = accepted.and_then(|(stream, address)| self.welcome(stream, address));
        welcomed.unwrap_or_else(|error| self.pause.after(&error, &self.listener));
    }

    fn welcome(&mut self, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        let (fd, client) = (stream.as_raw_fd(), self.ids.next_id());
        listener::prepare(&stream)?;
        Step::Accept { fd, client, address }.tell();
        self.clients.insert(client, Connection::new(stream, client, &LIMITS));
        Ok(())
    }

    // ANCHOR: on_client
    /// Algo pasó en la conexión de un cliente.
    fn on_client(&mut self, id: ClientId, events: PollFlags) {
        let Some(conn) = self.clients.get_mut(&id) else { return };
        let outcome = if events.contains(PollFlags::POLLOUT) {
            conn.on_writable().map(|()| true)
        } else {
            // POLLIN. También POLLERR y POLLHUP, que llegan sin pedirlos: la lectura contará qué
            // pasó.
            echo(conn, &mut self.scratch)
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => self.close(id, "se fue"),
            Err(error) => self.close(id, &errors::reason(&error)),
        }
    }
    // ANCHOR_END: on_client

    fn close(&mut self, id: ClientId, why: &str) {
        let Some(conn) = self.clients.remove(&id) else { return };
        Step::Close { fd: conn.raw_fd(), client: id, result: Shown(&why) }.tell();
        self.pause.shorten(Instant::now());
    }
}

// ANCHOR: echo
/// Una lectura, y de vuelta. Devuelve si la conversación sigue.
fn echo(conn: &mut Connection, scratch: &mut [u8]) -> io::Result<bool> {
    match conn.fill(scratch)? {
        Fill::Bytes(count) => {
            conn.consume(count);
            // Cabe: no se lee de quien tiene algo en la cola.
            let queued = conn.queue(&scratch[..count]);
            conn.flush()?;
            Ok(queued.is_ok())
        }
        Fill::Empty => Ok(true),
        Fill::End => Ok(false),
    }
}
// ANCHOR_END: echo
