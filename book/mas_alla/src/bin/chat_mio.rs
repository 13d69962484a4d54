//! El chat de 02_03 sobre mio: el mismo bucle, con un motor que funciona en Linux, BSD, macOS y
//! Windows, y que avisa por flanco. Lo que no es el motor, un cliente y sus mensajes, está en los
//! archivos de 02_03.

#[path = "../../../../lessons/02_03_select_chat/guest.rs"]
mod guest;
#[path = "../../../../lessons/02_03_select_chat/history.rs"]
mod history;
#[path = "../../../../lessons/02_03_select_chat/messages.rs"]
mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use mas_alla::Place;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use multiplexacion::chat::{Chat, CloseReason, Effect};
use multiplexacion::cli;
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::listener::Pause;
use multiplexacion::steps::Step;
use multiplexacion::stop::Stop;

use guest::Guest;
use history::History;
use messages::receive;

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// Avisos que se recogen de una vez.
const EVENTS: usize = 256;

/// Bytes que se leen de un cliente, como mucho, cada vez que le toca.
const TURN: usize = 4 * 1024;

/// Chat sobre mio: el servidor; entra con aplic_02_03
#[derive(Args, Debug)]
#[command(after_help = "Para entrar: cargo run --bin aplic_02_03 -- --name ana --port 8800")]
struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Segundos que se espera a que un cliente diga su nombre
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    login_timeout: Duration,
}

fn main() -> ExitCode {
    cli::start("chat_mio", |common, arguments: Arguments| {
        let stop = Stop::on_signals()?;
        let listener = TcpListener::from_std(arguments.place.listen(&common)?);
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
    history: History,
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
            history: History::default(),
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
        if accepting || self.unfinished.iter().any(|id| self.may_be_read(*id)) {
            return Some(Duration::ZERO);
        }
        let deadlines = self.guests.values().filter_map(|guest| guest.deadline);
        let next = deadlines.chain(self.pause.until()).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }
    // ANCHOR_END: wait

    /// Si se le puede leer, o ha de esperar a que otros oigan lo que lleva dicho.
    fn may_be_read(&self, id: ClientId) -> bool {
        self.guests.get(&id).is_some_and(|guest| guest.may_talk(&self.history))
    }

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
        let client = self.ids.next_id();
        // Un registro para toda la vida: por flanco, pedir siempre la escritura no cuesta nada.
        let token = Token(usize::try_from(client.0).map_err(io::Error::other)?);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interest)?;
        // Ya registrado, es un socket como los de 02_03.
        let guest = Guest::welcome(stream.into(), address, client, self.login_timeout);
        self.guests.extend(guest.map(|guest| (client, guest)));
        Ok(())
    }

    // ANCHOR: on_readable
    /// Una lectura por vuelta, como en 02_03; pero a quien le puede quedar algo, o ha de esperar
    /// su turno, se le apunta, porque mio no volverá a decirlo.
    fn on_readable(&mut self, id: ClientId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        if !guest.may_talk(&self.history) {
            self.unfinished.insert(id);
            return;
        }
        let received = receive(&mut guest.conn, &mut self.scratch);
        if guest.conn.may_have_more() {
            self.unfinished.insert(id);
        }
        for text in received.messages {
            self.on_message(id, &text);
        }
        if let (Some(reason), Some(guest)) = (received.end, self.guests.get_mut(&id)) {
            guest.on_end(reason);
        }
    }
    // ANCHOR_END: on_readable

    fn on_writable(&mut self, id: ClientId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        guest.on_writable(Instant::now());
    }

    fn on_message(&mut self, id: ClientId, text: &str) {
        let guest = self.guests.get_mut(&id).filter(|guest| guest.closing.is_none());
        let Some(guest) = guest else { return };
        match self.chat.hear(id, guest.address, text) {
            Effect::Joined { greeting, notice } => {
                guest.join(&greeting, &self.history);
                self.history.push(id, &notice);
            }
            Effect::Said(text) => self.history.push(id, &text),
            Effect::Rejected(why) => guest.send(&why),
            Effect::Refused(why) => guest.note(Err(CloseReason::Refused(why))),
            Effect::Nothing => {}
        }
    }

    /// Difunde lo dicho en la vuelta y recoge a quien toca, hasta que no queda nadie.
    fn reap(&mut self) {
        let now = Instant::now();
        loop {
            for guest in self.guests.values_mut() {
                guest.deliver(now, &self.history);
                guest.check_deadline(now, &self.history);
            }
            let closing: Vec<ClientId> = (self.guests.iter())
                .filter_map(|(id, guest)| guest.closing.is_some().then_some(*id))
                .collect();
            if closing.is_empty() {
                break;
            }
            for id in closing {
                let Some(guest) = self.guests.get_mut(&id) else { continue };
                if !guest.dismiss(now, &self.history) {
                    self.guests.remove(&id);
                    self.pause.shorten(now);
                }
                if let Some(notice) = self.chat.leave(id) {
                    self.history.push(id, &notice);
                }
            }
        }
        let unheard = self.guests.values().filter_map(Guest::unheard).min();
        self.history.forget_before(unheard.unwrap_or(u64::MAX));
        self.pause.resume(now, &self.listener);
    }
}
