//! Responde y vacía `input`: se pierde lo que llegó de la siguiente.
//! Mensaje: «lo que queda en `input` tras dos peticiones enteras y el principio de otra»

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::SystemTime;

use multiplexacion::http::{MAX_HEAD, Persistence, Response, Status, end_of_head, leading_blank};
use multiplexacion::net::{self, Accept};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

pub const MAX_QUEUED: usize = 16 * 1024;

pub fn persistence(request: &Request) -> Persistence {
    let asks = |option: &str| {
        let mut options = request.values("connection").flat_map(|value| value.split(','));
        options.any(|word| word.trim().eq_ignore_ascii_case(option))
    };
    match request.minor {
        _ if asks("close") => Persistence::Close,
        1 => Persistence::Implicit,
        _ if asks("keep-alive") => Persistence::Explicit,
        _ => Persistence::Close,
    }
}

pub fn body_length(request: &Request) -> Option<usize> {
    let mut lengths = request.values("content-length");
    let Some(length) = lengths.next() else { return Some(0) };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if lengths.next().is_some() || !digits { None } else { length.parse().ok() }
}

#[derive(Debug, Default)]
pub struct Exchange {
    pub input: Vec<u8>,
    pub output: Vec<u8>,
    pub unfinished: Option<(Request, usize)>,
    pub closing: bool,
}

impl Exchange {
    pub fn advance(&mut self) {
        while !self.closing && self.output.len() < MAX_QUEUED {
            let Some((request, missing)) = self.next_request() else { break };
            let arrived = missing.min(self.input.len());
            self.input.drain(..arrived);
            if arrived < missing {
                self.unfinished = Some((request, missing - arrived));
                return;
            }
            let persistence = persistence(&request);
            self.closing = persistence == Persistence::Close;
            self.output.extend_from_slice(&request.response(persistence));
        }
        self.input.clear();
    }

    fn next_request(&mut self) -> Option<(Request, usize)> {
        if let Some(unfinished) = self.unfinished.take() {
            return Some(unfinished);
        }
        match Request::read(&self.input) {
            Ok(None) => None,
            Ok(Some((request, used))) => {
                self.input.drain(..used);
                match body_length(&request) {
                    Some(length) => Some((request, length)),
                    None => self.refuse(Status::BAD_REQUEST),
                }
            }
            Err(status) => self.refuse(status),
        }
    }

    fn refuse(&mut self, status: Status) -> Option<(Request, usize)> {
        self.output.extend_from_slice(&refusal(status));
        self.closing = true;
        None
    }
}

const LISTENER: u64 = u64::MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub minor: u8,
    fields: Vec<(String, String)>,
}

impl Request {
    pub fn read(input: &[u8]) -> Result<Option<(Request, usize)>, Status> {
        let blank = leading_blank(input);
        let input = &input[blank..];
        match end_of_head(input, 0) {
            Some(end) if end <= MAX_HEAD => {
                Request::parse(&input[..end]).map(|request| Some((request, blank + end)))
            }
            None if input.len() < MAX_HEAD => Ok(None),
            _ => Err(Status::FIELDS_TOO_LARGE),
        }
    }

    fn parse(head: &[u8]) -> Result<Request, Status> {
        let text = str::from_utf8(head).map_err(|_| Status::BAD_REQUEST)?;
        let mut lines = text.lines();
        let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, version] = words[..] else { return Err(Status::BAD_REQUEST) };
        let minor = match version {
            "HTTP/1.0" => 0,
            "HTTP/1.1" => 1,
            _ => return Err(Status::VERSION_NOT_SUPPORTED),
        };
        if !target.starts_with('/') {
            return Err(Status::BAD_REQUEST);
        }
        let fields = lines.take_while(|line| !line.is_empty()).map(field);
        let fields = fields.collect::<Option<_>>().ok_or(Status::BAD_REQUEST)?;
        let (method, target) = (method.to_owned(), target.to_owned());
        let request = Request { method, target, minor, fields };
        let hosts = request.values("host").count();
        if hosts > 1 || (minor == 1 && hosts == 0) {
            return Err(Status::BAD_REQUEST);
        }
        if request.values("transfer-encoding").next().is_some() {
            return Err(Status::NOT_IMPLEMENTED);
        }
        Ok(request)
    }

    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str())
    }

    pub fn response(&self, persistence: Persistence) -> Vec<u8> {
        let body = format!("{} {}\n", self.method, self.target);
        let with_body = self.method != "HEAD";
        Response { status: Status::OK, body: &body, with_body, persistence }
            .encode(SystemTime::now())
    }
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    valid.then(|| (name.to_owned(), value.trim().to_owned()))
}

pub fn refusal(status: Status) -> Vec<u8> {
    let (body, persistence) = (format!("{} {}\n", status.code, status.phrase), Persistence::Close);
    Response { status, body: &body, with_body: true, persistence }.encode(SystemTime::now())
}

pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients = HashMap::new();
    let mut arrived = 0;
    loop {
        let mut events = [EpollEvent::empty(); 64];
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..count] {
            let id = event.data();
            if id == LISTENER {
                if let Some(client) = Client::accept(listener)? {
                    arrived += 1;
                    epoll.add(&client.stream, EpollEvent::new(client.interest, arrived))?;
                    clients.insert(arrived, client);
                }
            } else if let Some(client) = clients.get_mut(&id) {
                match client.attend() {
                    Ok(true) => client.follow_up(&epoll, id)?,
                    Ok(false) | Err(_) => drop(clients.remove(&id)),
                }
            }
        }
    }
}

struct Client {
    stream: TcpStream,
    interest: EpollFlags,
    exchange: Exchange,
    said_goodbye: bool,
}

impl Client {
    fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
        match net::accept(listener)? {
            Accept::Client(stream, _) => {
                stream.set_nonblocking(true)?;
                let (interest, exchange) = (EpollFlags::EPOLLIN, Exchange::default());
                Ok(Some(Client { stream, interest, exchange, said_goodbye: false }))
            }
            Accept::Empty => Ok(None),
            Accept::Full(error) => Err(error),
        }
    }

    fn attend(&mut self) -> io::Result<bool> {
        if self.exchange.output.is_empty() && !self.read()? {
            return Ok(false);
        }
        if !self.said_goodbye {
            self.exchange.advance();
            self.write()?;
            self.exchange.advance();
            if self.exchange.closing && self.exchange.output.is_empty() {
                self.said_goodbye = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        Ok(true)
    }

    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(_) if self.said_goodbye => {}
            Ok(count) => self.exchange.input.extend_from_slice(&buffer[..count]),
            Err(error) if not_now(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn write(&mut self) -> io::Result<()> {
        if !self.exchange.output.is_empty() {
            match self.stream.write(&self.exchange.output) {
                Ok(count) => drop(self.exchange.output.drain(..count)),
                Err(error) if not_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn follow_up(&mut self, epoll: &Epoll, id: u64) -> io::Result<()> {
        let empty = self.exchange.output.is_empty();
        let interest = if empty { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT };
        if interest != self.interest {
            self.interest = interest;
            epoll.modify(&self.stream, &mut EpollEvent::new(interest, id))?;
        }
        Ok(())
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
