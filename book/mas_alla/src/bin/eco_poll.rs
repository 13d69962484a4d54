//! El eco de 02_02 en un solo hilo, sobre `poll(2)`.

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mas_alla::Place;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::connection::{ClientId, Connection, Fill, Limits};
use multiplexacion::net::{self, Accept};
use multiplexacion::stop::Stop;
use multiplexacion::trace::counted;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::debug;

/// Bytes que se leen de un cliente, como mucho, cada vez que le toca.
const TURN: usize = 16 * 1024;

/// Nada se acumula: solo se lee de quien no tiene eco pendiente, y su lectura sale enseguida.
static LIMITS: Limits = Limits { input: TURN, output: TURN };

/// Sin descriptores libres, cuánto se espera antes de volver a intentar aceptar.
const PAUSE: Duration = Duration::from_secs(1);

/// Eco sobre poll, en un solo hilo
#[derive(Parser, Debug)]
#[command(
    name = "eco_poll",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "eco_poll [OPCIONES]",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    #[command(flatten)]
    place: Place,
}

impl cli::Arguments for Arguments {
    fn common(&self) -> &Common {
        &self.place.common
    }
}

fn main() -> ExitCode {
    cli::start(|arguments: Arguments| -> Result<(), Trouble> {
        let stop = Stop::on_signals()?;
        let listener = arguments.place.listen()?;
        let clients = BTreeMap::new();
        let scratch = vec![0; TURN];
        Ok(Echo { listener, stop, clients, next_id: 1, paused_until: None, scratch }.run()?)
    })
}

/// Un servidor de eco en un solo hilo.
struct Echo {
    listener: TcpListener,
    stop: Stop,
    clients: BTreeMap<ClientId, Connection<TcpStream>>,
    next_id: u64,
    paused_until: Option<Instant>,
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
                self.on_acceptable()?;
            }
            self.paused_until = self.paused_until.filter(|until| *until > Instant::now());
        }
    }

    // ANCHOR: wait
    /// El único punto en el que el programa espera.
    ///
    /// Un `PollFd` por descriptor: cuál, qué se quiere saber de él y, a la vuelta, qué hay. Lo
    /// pedido y lo hallado van en campos distintos, y ningún número es demasiado grande.
    fn wait(&self) -> io::Result<Ready> {
        let accepting =
            if self.paused_until.is_none() { PollFlags::POLLIN } else { PollFlags::empty() };
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
        debug!(
            what = "wait",
            "poll: a dormir, con {}",
            counted(self.clients.len(), "cliente", "clientes")
        );
        match poll(&mut watched, self.timeout()) {
            Ok(count) => {
                debug!(
                    what = "wait",
                    result = count,
                    "poll: {}",
                    counted(count, "listo", "listos")
                );
            }
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
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
        let Some(until) = self.paused_until else { return PollTimeout::NONE };
        let left = until.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }

    fn on_acceptable(&mut self) -> io::Result<()> {
        match net::accept(&self.listener)? {
            Accept::Client(stream, address) => {
                stream.set_nonblocking(true)?;
                let (fd, id) = (stream.as_raw_fd(), ClientId(self.next_id));
                debug!(what = "accept", fd, client = id.0, "accept: cliente {id} desde {address}");
                self.next_id += 1;
                self.clients.insert(id, Connection::new(stream, id, &LIMITS));
            }
            Accept::Empty => {}
            Accept::Full(_) => self.paused_until = Some(Instant::now() + PAUSE),
        }
        Ok(())
    }

    // ANCHOR: on_client
    /// Algo pasó en la conexión de un cliente.
    fn on_client(&mut self, id: ClientId, events: PollFlags) {
        let Some(conn) = self.clients.get_mut(&id) else { return };
        let outcome = if events.contains(PollFlags::POLLOUT) {
            conn.writable();
            conn.flush().map(|()| true)
        } else {
            // POLLIN. También POLLERR y POLLHUP, que llegan sin pedirlos: la lectura contará qué
            // pasó.
            echo(conn, &mut self.scratch)
        };
        if !outcome.unwrap_or(false) {
            let fd = conn.raw_fd();
            debug!(what = "close", fd, client = id.0, "close({fd}): cliente {id}");
            self.clients.remove(&id);
            self.paused_until = None;
        }
    }
    // ANCHOR_END: on_client
}

// ANCHOR: echo
/// Una lectura, y de vuelta. Devuelve si la conversación sigue.
fn echo(conn: &mut Connection<TcpStream>, scratch: &mut [u8]) -> io::Result<bool> {
    match conn.fill(scratch)? {
        Fill::Bytes(count) => {
            conn.consume(count);
            conn.send(&scratch[..count])?;
            Ok(true)
        }
        Fill::Empty => Ok(true),
        Fill::End => Ok(false),
    }
}
// ANCHOR_END: echo
