//! El chat de 02_03 sobre mio: el mismo bucle, con un motor que funciona en Linux, BSD, macOS y
//! Windows, y que avisa por flanco.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mas_alla::Place;
use mas_alla::chat::{self, CloseReason};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::connection::{ClientId, Connection, Fill, Limits, Overflow};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use multiplexacion::stop::Stop;
use multiplexacion::trace::counted;
use tracing::debug;

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// Cuánto se espera a que un cliente despedido lea la razón y cierre.
const FAREWELL: Duration = Duration::from_secs(2);

/// Sin descriptores libres, cuánto se espera antes de volver a intentar aceptar.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes que se leen de un cliente, como mucho, cada vez que le toca.
const TURN: usize = 16 * 1024;

/// Un marco a medio llegar, y hasta 1 MiB para quien lee despacio.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 1024 * 1024 };

/// Chat sobre mio: el servidor; entra con aplic_02_03
#[derive(Parser, Debug)]
#[command(
    name = "chat_mio",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "chat_mio [OPCIONES]",
    after_help = "Para entrar: cargo run --bin aplic_02_03 -- --name ana --port 8800",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Segundos que se espera a que un cliente diga su nombre
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    login_timeout: Duration,
}

impl cli::Arguments for Arguments {
    fn common(&self) -> &Common {
        &self.place.common
    }
}

fn main() -> ExitCode {
    cli::start(|arguments: Arguments| -> Result<(), Trouble> {
        let stop = Stop::on_signals()?;
        let listener = TcpListener::from_std(arguments.place.listen()?);
        Ok(Chat::new(listener, &stop, arguments.login_timeout)?.run()?)
    })
}

/// Todo lo que se sabe de un cliente.
struct Client {
    conn: Connection<TcpStream>,
    address: IpAddr,
    state: State,
    ended: bool,
    closing: Option<CloseReason>,
}

/// Por dónde va la conversación con un cliente: los estados de 02_03.
enum State {
    Login { until: Instant },
    Member { name: String },
    Leaving { until: Instant },
    Lingering { until: Instant },
}

// ANCHOR: chat
/// Un servidor de chat en un solo hilo.
struct Chat {
    poll: Poll,
    listener: TcpListener,
    clients: BTreeMap<ClientId, Client>,
    next_id: u64,
    /// A quién le puede quedar algo por leer: por flanco, nadie lo repetirá.
    unfinished: BTreeSet<ClientId>,
    /// Si puede quedar alguien en la cola de espera.
    more_to_accept: bool,
    paused_until: Option<Instant>,
    patience: Duration,
    scratch: Vec<u8>,
}
// ANCHOR_END: chat

impl Chat {
    fn new(mut listener: TcpListener, stop: &Stop, patience: Duration) -> io::Result<Chat> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        // Cualquier descriptor se puede vigilar por su número, aunque mio no sepa qué es.
        let signals = std::os::fd::AsFd::as_fd(stop).as_raw_fd();
        poll.registry().register(&mut SourceFd(&signals), STOP, Interest::READABLE)?;
        Ok(Chat {
            poll,
            listener,
            clients: BTreeMap::new(),
            next_id: 1,
            unfinished: BTreeSet::new(),
            more_to_accept: false,
            paused_until: None,
            patience,
            scratch: vec![0; TURN],
        })
    }

    // ANCHOR: run
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            self.wait(&mut events)?;
            for event in &events {
                match event.token() {
                    LISTENER => self.more_to_accept = true,
                    STOP => return Ok(()),
                    _ => self.on_event(event),
                }
            }
            for id in std::mem::take(&mut self.unfinished) {
                self.on_readable(id);
            }
            self.accept_all()?;
            self.settle();
        }
    }
    // ANCHOR_END: run

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = self.timeout();
        debug!(
            what = "wait",
            "mio: a dormir, con {}",
            counted(self.clients.len(), "cliente", "clientes")
        );
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            outcome => outcome?,
        }
        let ready = events.iter().count();
        debug!(what = "wait", result = ready, "mio: {}", counted(ready, "listo", "listos"));
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        // Si hay trabajo apuntado no se duerme: nadie avisará de él. También si quedaba gente en la
        // cola de espera y acaba de liberarse un descriptor.
        let accepting = self.more_to_accept && self.paused_until.is_none();
        if accepting || !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadlines = self.clients.values().filter_map(Client::until);
        let next = deadlines.chain(self.paused_until).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    // ANCHOR: accept_all
    fn accept_all(&mut self) -> io::Result<()> {
        while self.more_to_accept && self.paused_until.is_none() {
            match self.listener.accept() {
                Ok((stream, address)) => self.welcome(stream, address)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.more_to_accept = false;
                }
                // No quedan descriptores, casi siempre.
                Err(_) => self.paused_until = Some(Instant::now() + PAUSE),
            }
        }
        Ok(())
    }
    // ANCHOR_END: accept_all

    fn welcome(&mut self, mut stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        let id = ClientId(self.next_id);
        self.next_id += 1;
        let _ = stream.set_nodelay(true);
        let token = Token(usize::try_from(id.0).map_err(io::Error::other)?);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interest)?;
        let fd = stream.as_raw_fd();
        debug!(what = "accept", fd, client = id.0, "accept: cliente {id} desde {address}");
        let client = Client {
            conn: Connection::new(stream, id, &LIMITS),
            address: address.ip().to_canonical(),
            state: State::Login { until: Instant::now() + self.patience },
            ended: false,
            closing: None,
        };
        self.clients.insert(id, client);
        Ok(())
    }

    fn on_event(&mut self, event: &Event) {
        let id = ClientId(event.token().0 as u64);
        let Some(client) = self.clients.get_mut(&id) else { return };
        if event.is_writable() {
            client.conn.writable();
        }
        if event.is_readable() || event.is_error() {
            self.unfinished.insert(id);
        }
    }

    // ANCHOR: on_readable
    /// Una lectura por vuelta, como en 02_03; pero quien tenía algo queda apuntado, porque mio no
    /// volverá a decirlo.
    fn on_readable(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.ended {
            return;
        }
        let mut end = match client.conn.fill(&mut self.scratch) {
            Ok(Fill::Bytes(_)) => {
                self.unfinished.insert(id);
                None
            }
            Ok(Fill::Empty) => None,
            Ok(Fill::End) if client.conn.input().is_empty() => Some(CloseReason::Left),
            Ok(Fill::End) => Some(CloseReason::CutShort),
            Err(error) => Some(CloseReason::Broken(error)),
        };
        // ANCHOR_END: on_readable
        let mut messages = Vec::new();
        loop {
            match frame::decode(client.conn.input()) {
                Ok(Some((text, used))) => {
                    messages.push(text.to_owned());
                    client.conn.consume(used);
                }
                Ok(None) => break,
                Err(error) => {
                    client.conn.consume(usize::MAX);
                    end = Some(CloseReason::BadFrame(error.to_string()));
                    break;
                }
            }
        }
        for message in messages {
            self.on_message(id, &message);
        }
        if let (Some(reason), Some(client)) = (end, self.clients.get_mut(&id)) {
            client.on_end(reason);
        }
    }

    fn on_message(&mut self, id: ClientId, text: &str) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.closing.is_some() {
            return;
        }
        match &client.state {
            State::Login { .. } => self.on_login(id, text),
            State::Member { name } => match chat::said(name, client.address, text) {
                Ok(_) if text.is_empty() => {}
                Ok(message) => self.broadcast(id, &message),
                Err(why) => client.send(&why),
            },
            State::Leaving { .. } | State::Lingering { .. } => {}
        }
    }

    fn on_login(&mut self, id: ClientId, text: &str) {
        let verdict = chat::login(text, self.members());
        let count = self.members().count() + 1;
        let Some(client) = self.clients.get_mut(&id) else { return };
        match verdict {
            Ok(name) => {
                let address = client.address;
                client.send(&chat::welcome(address));
                let notice = chat::joined(count, &name, address);
                client.state = State::Member { name };
                self.broadcast(id, &notice);
            }
            Err(reason) => client.closing = Some(reason),
        }
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.clients.values().filter_map(Client::name)
    }

    fn broadcast(&mut self, from: ClientId, text: &str) {
        for (id, client) in &mut self.clients {
            if *id != from && client.name().is_some() {
                client.send(text);
            }
        }
    }

    /// Escribe lo encolado y despide a quien toca, hasta que no quede nada por hacer.
    fn settle(&mut self) {
        loop {
            self.clients.values_mut().for_each(Client::flush);
            if !self.reap() {
                return;
            }
        }
    }

    fn reap(&mut self) -> bool {
        let now = Instant::now();
        self.clients.values_mut().for_each(|client| client.expire(now));
        let closing = self.clients.iter().filter(|(_, client)| client.closing.is_some());
        let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
        for id in &closing {
            self.dismiss(*id, now);
        }
        self.paused_until = self.paused_until.filter(|until| *until > now);
        !closing.is_empty()
    }

    fn dismiss(&mut self, id: ClientId, now: Instant) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(reason) = client.closing.take() else { return };
        let notice = client.name().map(|name| chat::left(name, client.address));
        if client.can_leave_later(&reason) {
            debug!(what = "leave", client = id.0, result = %reason, "cliente {id}: se le despide: {reason}");
            client.state = State::Leaving { until: now + FAREWELL };
        } else {
            let fd = client.conn.raw_fd();
            debug!(what = "close", fd, client = id.0, result = %reason, "close({fd}): cliente {id}: {reason}");
            self.clients.remove(&id);
            self.paused_until = self.paused_until.map(|_| now);
        }
        if let Some(notice) = notice {
            self.broadcast(id, &notice);
        }
    }
}

impl Client {
    fn name(&self) -> Option<&str> {
        match &self.state {
            State::Member { name } => Some(name),
            _ => None,
        }
    }

    fn until(&self) -> Option<Instant> {
        match self.state {
            State::Member { .. } => None,
            State::Login { until } | State::Leaving { until } | State::Lingering { until } => {
                Some(until)
            }
        }
    }

    fn send(&mut self, text: &str) {
        if matches!(self.closing, Some(CloseReason::NotReading)) {
            return;
        }
        if let Err(reason) = self.queue(text) {
            self.closing.get_or_insert(reason);
        }
    }

    fn queue(&mut self, text: &str) -> Result<(), CloseReason> {
        let frame =
            frame::encode(text).map_err(|error| CloseReason::BadFrame(error.to_string()))?;
        if self.conn.queue(&frame) == Err(Overflow) {
            self.conn.flush().map_err(CloseReason::Broken)?;
            self.conn.queue(&frame).map_err(|Overflow| CloseReason::NotReading)?;
        }
        Ok(())
    }

    fn on_end(&mut self, reason: CloseReason) {
        let nonsense = matches!(reason, CloseReason::BadFrame(_));
        self.ended |= !nonsense;
        match self.state {
            State::Leaving { .. } => {}
            State::Lingering { .. } if nonsense => {}
            _ => {
                self.closing.get_or_insert(reason);
            }
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.conn.flush() {
            self.closing = Some(CloseReason::Broken(error));
        } else if let (State::Leaving { until }, false) = (&self.state, self.conn.wants_write()) {
            self.state = State::Lingering { until: *until };
            if self.ended || self.conn.stream().shutdown(Shutdown::Write).is_err() {
                self.closing = Some(CloseReason::Left);
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        if self.until().is_some_and(|until| until <= now) {
            let reason = if matches!(self.state, State::Login { .. }) {
                CloseReason::Silent
            } else {
                CloseReason::Overstayed
            };
            self.closing.get_or_insert(reason);
        }
    }

    fn can_leave_later(&mut self, reason: &CloseReason) -> bool {
        if matches!(self.state, State::Leaving { .. } | State::Lingering { .. }) {
            return false;
        }
        if let Some(words) = reason.last_words() {
            self.conn.queue_last(&frame::encode(&words).unwrap_or_default());
            return true;
        }
        matches!(reason, CloseReason::Left) && self.conn.wants_write()
    }
}
