//! Deja que se pierda la fracción de milisegundo: en el último no se duerme.
//! Mensaje: «el último milisegundo de cada plazo sería un bucle sin descanso»

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use multiplexacion::http::{self, MAX_HEAD, Persistence, Response, Status};
use multiplexacion::net::{self, Accept};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

#[derive(Debug, Default)]
pub struct Deadlines {
    by_time: BTreeSet<(Instant, u64)>,
    by_client: HashMap<u64, Instant>,
}

impl Deadlines {
    pub fn set(&mut self, id: u64, when: Instant) {
        self.remove(id);
        self.by_time.insert((when, id));
        self.by_client.insert(id, when);
    }

    pub fn remove(&mut self, id: u64) {
        if let Some(when) = self.by_client.remove(&id) {
            self.by_time.remove(&(when, id));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(when, _)| *when)
    }

    pub fn expired(&mut self, now: Instant) -> Vec<u64> {
        let mut expired = Vec::new();
        while let Some((when, id)) = self.by_time.first().copied().filter(|(when, _)| *when <= now)
        {
            self.by_time.remove(&(when, id));
            self.by_client.remove(&id);
            expired.push(id);
        }
        expired
    }
}

pub fn timeout(next: Option<Instant>, now: Instant) -> EpollTimeout {
    let Some(next) = next else { return EpollTimeout::NONE };
    let left = next.saturating_duration_since(now);
    EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
}

#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub head: Duration,
    pub idle: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub answered: bool,
    pub in_head: bool,
}

#[derive(Debug)]
pub struct Pace {
    pub deadline: Instant,
    pub in_head: bool,
}

impl Pace {
    pub fn new(patience: &Patience, now: Instant) -> Pace {
        Pace { deadline: now + patience.idle, in_head: false }
    }

    pub fn on_read(&mut self, progress: Progress, patience: &Patience, now: Instant) {
        let starts = progress.in_head && (progress.answered || !self.in_head);
        if starts {
            self.deadline = now + patience.head;
        } else if progress.answered {
            self.deadline = now + patience.idle;
        }
        self.in_head = progress.in_head;
    }
}

const LISTENER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub timeout: EpollTimeout,
    pub events: usize,
    pub expired: usize,
}

pub fn serve(
    listener: &TcpListener,
    patience: &Patience,
    mut on_turn: impl FnMut(Turn) -> io::Result<()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients = HashMap::new();
    let mut deadlines = Deadlines::default();
    let mut arrived = 0;
    loop {
        let timeout = timeout(deadlines.next(), Instant::now());
        let mut events = [EpollEvent::empty(); 64];
        let count = match epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let now = Instant::now();
        for event in &events[..count] {
            let id = event.data();
            if id == LISTENER {
                if let Some(client) = Client::accept(listener, patience, now)? {
                    arrived += 1;
                    epoll.add(&client.stream, EpollEvent::new(EpollFlags::EPOLLIN, arrived))?;
                    deadlines.set(arrived, client.pace.deadline);
                    clients.insert(arrived, client);
                }
            } else if let Some(client) = clients.get_mut(&id) {
                if client.attend(patience, now).unwrap_or(false) {
                    deadlines.set(id, client.pace.deadline);
                } else {
                    deadlines.remove(id);
                    clients.remove(&id);
                }
            }
        }
        let expired = deadlines.expired(now);
        for id in &expired {
            if let Some(client) = clients.remove(id) {
                client.dismiss();
            }
        }
        on_turn(Turn { timeout, events: count, expired: expired.len() })?;
    }
}

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    pace: Pace,
}

impl Client {
    fn accept(
        listener: &TcpListener,
        patience: &Patience,
        now: Instant,
    ) -> io::Result<Option<Client>> {
        match net::accept(listener)? {
            Accept::Client(stream, _) => {
                stream.set_nonblocking(true)?;
                Ok(Some(Client { stream, input: Vec::new(), pace: Pace::new(patience, now) }))
            }
            Accept::Empty => Ok(None),
            Accept::Full(error) => Err(error),
        }
    }

    fn attend(&mut self, patience: &Patience, now: Instant) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(true);
            }
            Err(error) => return Err(error),
        }
        let mut answered = false;
        while let Some(status) = self.next_request() {
            answered = true;
            respond(&mut self.stream, status)?;
            if status != Status::OK {
                return Ok(false);
            }
        }
        let in_head = !matches!(self.input[..], [] | [b'\r']);
        self.pace.on_read(Progress { answered, in_head }, patience, now);
        Ok(true)
    }

    fn next_request(&mut self) -> Option<Status> {
        self.input.drain(..http::leading_blank(&self.input));
        match http::end_of_head(&self.input, 0) {
            Some(end) => {
                let request = http::parse_head(&self.input[..end]);
                self.input.drain(..end);
                Some(match request {
                    Ok(request) if request.body.is_done() => Status::OK,
                    Ok(_) => Status::CONTENT_TOO_LARGE,
                    Err(refusal) => refusal.status,
                })
            }
            None => (self.input.len() >= MAX_HEAD).then_some(Status::FIELDS_TOO_LARGE),
        }
    }

    fn dismiss(mut self) {
        if self.pace.in_head {
            let _ = respond(&mut self.stream, Status::REQUEST_TIMEOUT);
        }
    }
}

fn respond(stream: &mut TcpStream, status: Status) -> io::Result<()> {
    let good = status == Status::OK;
    let body = if good { "A tiempo.\n" } else { "Hasta aquí.\n" };
    let persistence = if good { Persistence::Implicit } else { Persistence::Close };
    let response = Response { status, body, with_body: true, persistence };
    stream.write_all(&response.encode(SystemTime::now()))
}
