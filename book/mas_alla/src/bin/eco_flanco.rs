//! El eco de 02_02 en un solo hilo, sobre `epoll(7)` con disparo por flanco.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
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
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// Eventos que se recogen de una vez.
const EVENTS: usize = 256;

/// Lecturas que se conceden a un cliente cada vez que le toca, de hasta tantos bytes.
const READS: usize = 4;
const TURN: usize = 16 * 1024;

static LIMITS: Limits = Limits { input: TURN, output: TURN };

/// Eco sobre epoll, con disparo por flanco
#[derive(Args, Debug)]
struct Arguments {
    #[command(flatten)]
    place: Place,
}

fn main() -> ExitCode {
    cli::start("eco_flanco", |common, arguments: Arguments| {
        let stop = Stop::on_signals()?;
        let listener = arguments.place.listen(&common)?;
        Ok(Echo::new(listener, &stop)?.run()?)
    })
}

// ANCHOR: state
/// Un servidor de eco en un solo hilo.
struct Echo {
    epoll: Epoll,
    listener: TcpListener,
    /// Si puede quedar alguien en la cola de espera.
    more_to_accept: bool,
    pause: Pause,
    ids: ClientIds,
    clients: BTreeMap<ClientId, Connection>,
    /// A quién le queda algo por leer, que sepamos. El núcleo no lo repetirá: la lista es nuestra.
    unfinished: BTreeSet<ClientId>,
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
            more_to_accept: false,
            pause: Pause::default(),
            ids: ClientIds::default(),
            clients: BTreeMap::new(),
            unfinished: BTreeSet::new(),
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
                    id => drop(self.unfinished.insert(ClientId(id))),
                }
            }
            // Un turno a cada uno de los que tienen algo, lo haya dicho el núcleo ahora o nos lo
            // debamos de antes.
            for id in mem::take(&mut self.unfinished) {
                self.on_client(id);
            }
            self.pause.resume(Instant::now(), &self.listener);
            self.on_acceptable();
        }
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    /// El único punto en el que el programa espera; y solo si no le queda trabajo apuntado.
    fn wait(&self, events: &mut [EpollEvent]) -> io::Result<usize> {
        let timeout = if !self.unfinished.is_empty() {
            EpollTimeout::ZERO
        } else if let Some(until) = self.pause.until() {
            // No quedaban descriptores: nadie avisará de que se liberan.
            let left = until.saturating_duration_since(Instant::now());
            EpollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(EpollTimeout::MAX)
        } else {
            EpollTimeout::NONE
        };
        // ANCHOR_END: wait
        Step::Sleep { call: "epoll_wait", clients: self.clients.len() }.tell();
        let result = match self.epoll.wait(events, timeout) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Step::Wake { call: "epoll_wait", result }.tell();
        Ok(result)
    }

    // ANCHOR: on_acceptable
    /// Acepta a todos los que esperan: por los que se queden en la cola no habrá otro aviso.
    fn on_acceptable(&mut self) {
        while self.more_to_accept && self.pause.until().is_none() {
            let accepted = self.listener.accept();
            match accepted.and_then(|(stream, address)| self.welcome(stream, address)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.more_to_accept = false;
                }
                Err(error) => self.pause.after(&error, &self.listener),
            }
        }
    }
    // ANCHOR_END: on_acceptable

    // ANCHOR: welcome
    /// Un registro para toda la vida: lectura y escritura a la vez, por flanco. No hará falta
    /// ningún otro `epoll_ctl`.
    fn welcome(&mut self, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        let (fd, client) = (stream.as_raw_fd(), self.ids.next_id());
        listener::prepare(&stream)?;
        let edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        self.epoll.add(&stream, EpollEvent::new(edge, client.0))?;
        Step::Accept { fd, client, address }.tell();
        self.clients.insert(client, Connection::new(stream, client, &LIMITS));
        Ok(())
    }
    // ANCHOR_END: welcome

    fn on_client(&mut self, id: ClientId) {
        let Some(conn) = self.clients.get_mut(&id) else { return };
        match take_turn(conn, &mut self.scratch) {
            Ok(Turn::Drained) => {}
            Ok(Turn::Unfinished) => drop(self.unfinished.insert(id)),
            Ok(Turn::Over) => self.close(id, "se fue"),
            Err(error) => self.close(id, &errors::reason(&error)),
        }
    }

    fn close(&mut self, id: ClientId, why: &str) {
        let Some(conn) = self.clients.remove(&id) else { return };
        Step::Close { fd: conn.raw_fd(), client: id, result: Shown(&why) }.tell();
        self.pause.shorten(Instant::now());
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
fn take_turn(conn: &mut Connection, scratch: &mut [u8]) -> io::Result<Turn> {
    // Quizá el aviso era de que vuelve a haber sitio para lo que quedó por escribir.
    conn.on_writable()?;
    for _ in 0..READS {
        if conn.wants_write() {
            return Ok(Turn::Drained);
        }
        match conn.fill(scratch)? {
            Fill::Bytes(count) => {
                conn.consume(count);
                // Cabe: no se lee de quien tiene algo en la cola.
                let _ = conn.queue(&scratch[..count]);
                conn.flush()?;
            }
            Fill::Empty => return Ok(Turn::Drained),
            Fill::End => return Ok(Turn::Over),
        }
    }
    Ok(Turn::Unfinished)
}
// ANCHOR_END: turn
