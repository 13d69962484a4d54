//! El eco de 02_02 en un solo hilo, sobre `epoll(7)` con disparo por flanco.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use clap::Parser;
use mas_alla::Place;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::connection::{ClientId, Connection, Fill, Limits};
use multiplexacion::net::{self, Accept};
use multiplexacion::stop::Stop;
use multiplexacion::trace::counted;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tracing::debug;

const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// Eventos que se recogen de una vez.
const EVENTS: usize = 256;

/// Lecturas que se conceden a un cliente cada vez que le toca, de hasta tantos bytes.
const READS: usize = 4;
const TURN: usize = 16 * 1024;

static LIMITS: Limits = Limits { input: TURN, output: TURN };

/// Sin descriptores libres, milisegundos que se espera antes de volver a intentar aceptar.
const PAUSE: u16 = 1000;

/// Eco sobre epoll, con disparo por flanco
#[derive(Parser, Debug)]
#[command(
    name = "eco_flanco",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "eco_flanco [OPCIONES]",
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
        Ok(Echo::new(listener, &stop)?.run()?)
    })
}

// ANCHOR: state
/// Un servidor de eco en un solo hilo.
struct Echo {
    epoll: Epoll,
    listener: TcpListener,
    clients: BTreeMap<ClientId, Connection<TcpStream>>,
    next_id: u64,
    /// A quién le queda algo por leer, que sepamos. El núcleo no lo repetirá: la lista es nuestra.
    unfinished: BTreeSet<ClientId>,
    /// Si puede quedar alguien en la cola de espera.
    more_to_accept: bool,
    scratch: Vec<u8>,
}
// ANCHOR_END: state

impl Echo {
    fn new(listener: TcpListener, stop: &Stop) -> io::Result<Echo> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&listener, EpollEvent::new(edge, LISTENER))?;
        epoll.add(stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        Ok(Echo {
            epoll,
            listener,
            clients: BTreeMap::new(),
            next_id: 1,
            unfinished: BTreeSet::new(),
            more_to_accept: false,
            scratch: vec![0; TURN],
        })
    }

    // ANCHOR: run
    fn run(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let ready = self.wait(&mut events)?;
            for event in &events[..ready] {
                match event.data() {
                    LISTENER => self.more_to_accept = true,
                    STOP => return Ok(()),
                    id => self.on_event(ClientId(id), event.events()),
                }
            }
            // Un turno a cada uno de los que tienen algo, lo haya dicho el núcleo ahora o nos lo
            // debamos de antes.
            for id in std::mem::take(&mut self.unfinished) {
                self.attend(id);
            }
            self.accept_all()?;
        }
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    /// El único punto en el que el programa espera; y solo si no le queda trabajo apuntado.
    fn wait(&self, events: &mut [EpollEvent]) -> io::Result<usize> {
        let timeout = if !self.unfinished.is_empty() {
            EpollTimeout::ZERO
        } else if self.more_to_accept {
            // No quedaban descriptores: nadie avisará de que se liberan.
            EpollTimeout::from(PAUSE)
        } else {
            EpollTimeout::NONE
        };
        // ANCHOR_END: wait
        debug!(
            what = "wait",
            "epoll_wait: a dormir, con {} y {} a medias",
            counted(self.clients.len(), "cliente", "clientes"),
            self.unfinished.len()
        );
        let ready = match self.epoll.wait(events, timeout) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        debug!(what = "wait", result = ready, "epoll_wait: {}", counted(ready, "listo", "listos"));
        Ok(ready)
    }

    // ANCHOR: accept_all
    /// Acepta a todos los que esperan: por los que se queden en la cola no habrá otro aviso.
    fn accept_all(&mut self) -> io::Result<()> {
        while self.more_to_accept {
            match net::accept(&self.listener)? {
                Accept::Client(stream, _) => self.welcome(stream)?,
                Accept::Empty => self.more_to_accept = false,
                Accept::Full(_) => return Ok(()),
            }
        }
        Ok(())
    }
    // ANCHOR_END: accept_all

    // ANCHOR: welcome
    /// Un registro para toda la vida: lectura y escritura a la vez, por flanco. No hará falta
    /// ningún otro `epoll_ctl`.
    fn welcome(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let id = ClientId(self.next_id);
        self.next_id += 1;
        let edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        self.epoll.add(&stream, EpollEvent::new(edge, id.0))?;
        let fd = stream.as_raw_fd();
        debug!(what = "accept", fd, client = id.0, "accept: cliente {id}, descriptor {fd}");
        self.clients.insert(id, Connection::new(stream, id, &LIMITS));
        Ok(())
    }
    // ANCHOR_END: welcome

    fn on_event(&mut self, id: ClientId, events: EpollFlags) {
        let Some(conn) = self.clients.get_mut(&id) else { return };
        if events.contains(EpollFlags::EPOLLOUT) {
            conn.writable();
        }
        self.unfinished.insert(id);
    }

    fn attend(&mut self, id: ClientId) {
        let Some(conn) = self.clients.get_mut(&id) else { return };
        match take_turn(conn, &mut self.scratch) {
            Ok(Turn::Drained) => {}
            Ok(Turn::Unfinished) => drop(self.unfinished.insert(id)),
            Ok(Turn::Over) | Err(_) => {
                let fd = conn.raw_fd();
                debug!(what = "close", fd, client = id.0, "close({fd}): cliente {id}");
                self.clients.remove(&id);
            }
        }
    }
}

// ANCHOR: turn
/// Cómo quedó un cliente después de su turno.
enum Turn {
    /// El núcleo dijo «ahora no», al leer o al escribir: cuando cambie, avisará.
    Drained,
    /// Puede quedar algo por leer, y el núcleo no lo repetirá.
    Unfinished,
    /// No enviará más.
    Over,
}

/// Lee y devuelve hasta que el núcleo diga «ahora no», o hasta que se acabe el turno.
fn take_turn(conn: &mut Connection<TcpStream>, scratch: &mut [u8]) -> io::Result<Turn> {
    conn.flush()?;
    for _ in 0..READS {
        if conn.wants_write() {
            return Ok(Turn::Drained);
        }
        match conn.fill(scratch)? {
            Fill::Bytes(count) => {
                conn.consume(count);
                conn.send(&scratch[..count])?;
            }
            Fill::Empty => return Ok(Turn::Drained),
            Fill::End => return Ok(Turn::Over),
        }
    }
    Ok(Turn::Unfinished)
}
// ANCHOR_END: turn
