//! El chat de 02_03 sobre mio: el mismo bucle, con un motor que funciona en Linux, BSD, macOS y
//! Windows, y que avisa por flanco.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mas_alla::Place;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use multiplexacion::chat::{Chat, CloseReason, Effect};
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::connection::{Connection, Fill, LINGER, Limits, Overflow, Phase};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use multiplexacion::listener::Pause;
use multiplexacion::steps::{Shown, Step};
use multiplexacion::stop::Stop;

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// Avisos que se recogen de una vez.
const EVENTS: usize = 256;

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
        Ok(ChatServer::new(listener, &stop, arguments.login_timeout)?.run()?)
    })
}

// ANCHOR: server
/// Un servidor de chat en un solo hilo.
struct ChatServer {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    /// Si puede quedar alguien en la cola de espera: por flanco, nadie lo repetirá.
    more_to_accept: bool,
    pause: Pause,
    login_timeout: Duration,
    ids: ClientIds,
    guests: BTreeMap<ClientId, Guest>,
    /// A quién le puede quedar algo por leer.
    unfinished: BTreeSet<ClientId>,
    chat: Chat,
    scratch: Vec<u8>,
}
// ANCHOR_END: server

/// Lo que mio encontró listo y se atiende en esta vuelta.
#[derive(Default)]
struct Ready {
    stop: bool,
    writable: Vec<ClientId>,
}

impl ChatServer {
    fn new(mut listener: TcpListener, stop: &Stop, login_timeout: Duration) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        // Cualquier descriptor se puede vigilar por su número, aunque mio no sepa qué es.
        let signals = stop.as_fd().as_raw_fd();
        poll.registry().register(&mut SourceFd(&signals), STOP, Interest::READABLE)?;
        Ok(ChatServer {
            poll,
            events: Events::with_capacity(EVENTS),
            listener,
            more_to_accept: false,
            pause: Pause::default(),
            login_timeout,
            ids: ClientIds::default(),
            guests: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            chat: Chat::default(),
            scratch: vec![0; TURN],
        })
    }

    // ANCHOR: run
    fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.stop {
                Step::Stop {}.tell();
                return Ok(());
            }
            for id in mem::take(&mut self.unfinished) {
                self.on_readable(id);
            }
            for id in ready.writable {
                self.on_writable(id);
            }
            self.on_acceptable();
            self.reap();
        }
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    fn wait(&mut self) -> io::Result<Ready> {
        let timeout = self.timeout();
        Step::Sleep { call: "mio", clients: self.guests.len() }.tell();
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            outcome => outcome?,
        }
        Step::Wake { call: "mio", result: self.events.iter().count() }.tell();
        let mut ready = Ready::default();
        for event in &self.events {
            let id = ClientId(event.token().0 as u64);
            match event.token() {
                STOP => ready.stop = true,
                LISTENER => self.more_to_accept = true,
                _ => {
                    if event.is_readable() || event.is_error() {
                        self.unfinished.insert(id);
                    }
                    if event.is_writable() {
                        ready.writable.push(id);
                    }
                }
            }
        }
        Ok(ready)
    }

    fn timeout(&self) -> Option<Duration> {
        // Con trabajo apuntado no se duerme: nadie avisará de él.
        let accepting = self.more_to_accept && self.pause.until().is_none();
        if accepting || !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadlines = self.guests.values().filter_map(|guest| guest.deadline);
        let next = deadlines.chain(self.pause.until()).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }
    // ANCHOR_END: wait

    // ANCHOR: on_acceptable
    /// Acepta a todos los que esperan. Si no se puede, `more_to_accept` recuerda que los hay.
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

    fn welcome(&mut self, mut stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        let (fd, client) = (stream.as_raw_fd(), self.ids.next_id());
        stream.set_nodelay(true)?;
        // Un registro para toda la vida: por flanco, pedir siempre la escritura no cuesta nada.
        let token = Token(usize::try_from(client.0).map_err(io::Error::other)?);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interest)?;
        Step::Accept { fd, client, address }.tell();
        let guest = Guest {
            conn: Connection::new(stream, client, &LIMITS),
            address: address.ip().to_canonical(),
            deadline: Some(Instant::now() + self.login_timeout),
            closing: None,
        };
        self.guests.insert(client, guest);
        Ok(())
    }

    // ANCHOR: on_readable
    /// Una lectura por vuelta, como en 02_03; pero a quien le puede quedar algo se le apunta,
    /// porque mio no volverá a decirlo.
    fn on_readable(&mut self, id: ClientId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        let (messages, end) = guest.receive(&mut self.scratch);
        if guest.conn.may_have_more() {
            self.unfinished.insert(id);
        }
        for text in messages {
            self.on_message(id, &text);
        }
        let (Some(reason), Some(guest)) = (end, self.guests.get_mut(&id)) else { return };
        if guest.conn.phase() == Phase::Open {
            guest.note(Err(reason));
        }
    }
    // ANCHOR_END: on_readable

    fn on_writable(&mut self, id: ClientId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        let outcome = guest.conn.on_writable();
        guest.note(outcome.map_err(CloseReason::Broken));
    }

    fn on_message(&mut self, id: ClientId, text: &str) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        if guest.closing.is_some() {
            return;
        }
        match self.chat.hear(id, guest.address, text) {
            Effect::Joined { greeting, notice } => {
                guest.deadline = None;
                guest.send(&greeting);
                self.broadcast(id, &notice);
            }
            Effect::Said(text) => self.broadcast(id, &text),
            Effect::Rejected(why) => guest.send(&why),
            Effect::Refused(why) => guest.note(Err(CloseReason::Refused(why))),
            Effect::Nothing => {}
        }
    }

    fn broadcast(&mut self, from: ClientId, text: &str) {
        let Ok(frame) = frame::encode(text) else { return };
        for id in self.chat.others(from) {
            if let Some(guest) = self.guests.get_mut(&id) {
                guest.deliver(&frame);
            }
        }
    }

    /// Escribe lo encolado en la vuelta y despide a quien toca, hasta que no queda nadie.
    fn reap(&mut self) {
        let now = Instant::now();
        loop {
            self.guests.values_mut().for_each(|guest| guest.settle(now));
            let closing = self.guests.iter().filter(|(_, guest)| guest.closing.is_some());
            let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
            if closing.is_empty() {
                self.pause.resume(now, &self.listener);
                return;
            }
            for id in closing {
                let stays = self.guests.get_mut(&id).is_some_and(|guest| guest.dismiss(now));
                if !stays {
                    self.guests.remove(&id);
                    self.pause.shorten(now);
                }
                if let Some(notice) = self.chat.leave(id) {
                    self.broadcast(id, &notice);
                }
            }
        }
    }
}

/// Un cliente: lo mismo que se sabe de él en 02_03.
struct Guest {
    conn: Connection<TcpStream>,
    address: IpAddr,
    deadline: Option<Instant>,
    closing: Option<CloseReason>,
}

impl Guest {
    fn send(&mut self, text: &str) {
        if let Ok(frame) = frame::encode(text) {
            self.deliver(&frame);
        }
    }

    fn deliver(&mut self, frame: &[u8]) {
        // A quien ya no le cupo uno no se le dan los siguientes: creería haberlos leído todos.
        let evicted = matches!(self.closing, Some(CloseReason::NotReading));
        if !evicted && self.conn.queue(frame) == Err(Overflow) {
            let flushed = self.conn.flush().map_err(CloseReason::Broken);
            let queue = |()| self.conn.queue(frame).map_err(|Overflow| CloseReason::NotReading);
            let queued = flushed.and_then(queue);
            self.note(queued);
        }
    }

    fn receive(&mut self, scratch: &mut [u8]) -> (Vec<String>, Option<CloseReason>) {
        let mut end = match self.conn.fill(scratch) {
            Ok(Fill::Bytes(_) | Fill::Empty) => None,
            Ok(Fill::End) if self.conn.input().is_empty() => Some(CloseReason::Left),
            Ok(Fill::End) => Some(CloseReason::CutShort),
            Err(error) => Some(CloseReason::Broken(error)),
        };
        let mut messages = Vec::new();
        loop {
            match frame::decode(self.conn.input()) {
                Ok(Some((text, used))) => {
                    messages.push(text.to_owned());
                    self.conn.consume(used);
                }
                Ok(None) => return (messages, end),
                Err(error) => {
                    self.conn.consume(usize::MAX);
                    end = Some(CloseReason::BadFrame(error));
                }
            }
        }
    }

    fn note(&mut self, outcome: Result<(), CloseReason>) {
        if let (Err(reason), None | Some(CloseReason::Left)) = (outcome, &self.closing) {
            self.closing = Some(reason);
        }
    }

    fn settle(&mut self, now: Instant) {
        let written = self.conn.flush();
        self.note(written.map_err(CloseReason::Broken));
        if self.conn.phase() == Phase::Over {
            self.note(Err(CloseReason::Left));
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            let silent = self.conn.phase() == Phase::Open;
            let reason = if silent { CloseReason::Silent } else { CloseReason::Overstayed };
            self.note(Err(reason));
        }
    }

    /// Lo despide. Devuelve si se queda un rato.
    fn dismiss(&mut self, now: Instant) -> bool {
        let Some(reason) = self.closing.take() else { return true };
        let (fd, client) = (self.conn.raw_fd(), self.conn.id());
        let pending = matches!(reason, CloseReason::Left) && self.conn.wants_write();
        let words = reason.last_words().and_then(|words| frame::encode(&words).ok());
        let stays = self.conn.phase() == Phase::Open && (pending || words.is_some());
        if stays {
            Step::Leave { client, result: Shown(&reason) }.tell();
            self.conn.leave(&words.unwrap_or_default());
            self.deadline = Some(now + LINGER);
        } else {
            Step::Close { fd, client, result: Shown(&reason) }.tell();
        }
        stays
    }
}
