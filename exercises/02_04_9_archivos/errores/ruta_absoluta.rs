//! Quita una barra y toma lo demás por una ruta: detrás de dos, es absoluta.
//! Mensaje: «sustituyen lo que había, y la carpeta que se sirve desaparece»

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use multiplexacion::http::{self, MAX_HEAD, Method, Persistence, Response, Status};
use multiplexacion::net::{self, Accept};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

pub const BAD_REQUEST: Status = Status::BAD_REQUEST;
pub const NOT_FOUND: Status = Status { code: 404, phrase: "Not Found" };

pub const CHUNK: usize = 64 * 1024;

pub fn relative_path(target: &str) -> Result<PathBuf, Status> {
    let path = target.split('?').next().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut relative = Vec::new();
    for segment in path.split('/') {
        let name = decode(segment.as_bytes())?;
        if name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(BAD_REQUEST);
        }
        if name.starts_with(b".") {
            return Err(NOT_FOUND);
        }
        relative.push(name);
    }
    Ok(PathBuf::from(OsStr::from_bytes(&relative.join(&b'/'))))
}

fn decode(segment: &[u8]) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(BAD_REQUEST) };
        bytes.push(hex(*high)? << 4 | hex(*low)?);
        rest = after;
    }
    Ok(bytes)
}

fn hex(digit: u8) -> Result<u8, Status> {
    let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or(BAD_REQUEST)
}

#[derive(Debug)]
pub struct Found {
    pub file: File,
    pub length: u64,
    pub extension: String,
}

pub fn open(root: &Path, path: &Path) -> Result<Found, Status> {
    let mut name = path.to_owned();
    let mut file = open_beneath(root, &name)?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        name.push("index.html");
        file = open_beneath(root, &name)?;
    }
    let metadata = file.metadata().map_err(|_| NOT_FOUND)?;
    if !metadata.is_file() {
        return Err(NOT_FOUND);
    }
    let extension = name.extension().map(|extension| extension.to_string_lossy().into_owned());
    Ok(Found { file, length: metadata.len(), extension: extension.unwrap_or_default() })
}

fn open_beneath(root: &Path, path: &Path) -> Result<File, Status> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let root = File::open(root).map_err(|_| NOT_FOUND)?;
    let opened = openat2(&root, &Path::new(".").join(path), how);
    opened.map(File::from).map_err(|_| NOT_FOUND)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Wait,
    Done,
    Broken,
}

#[derive(Debug)]
pub struct Sending<R> {
    pub pending: Vec<u8>,
    pub body: R,
    pub left: u64,
}

impl<R: Read> Sending<R> {
    pub fn advance<W: Write>(&mut self, stream: &mut W) -> Step {
        match self.fill().and_then(|()| self.write(stream)) {
            Ok(()) if self.pending.is_empty() && self.left == 0 => Step::Done,
            Ok(()) => Step::Wait,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Step::Wait
            }
            Err(_) => Step::Broken,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() || self.left == 0 {
            return Ok(());
        }
        let mut chunk = vec![0; usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK))];
        let count = self.body.read(&mut chunk)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(count);
        self.left -= count as u64;
        self.pending = chunk;
        Ok(())
    }

    fn write<W: Write>(&mut self, stream: &mut W) -> io::Result<()> {
        if !self.pending.is_empty() {
            let count = stream.write(&self.pending)?;
            self.pending.drain(..count);
        }
        Ok(())
    }
}

const LISTENER: u64 = u64::MAX;

fn content_type(extension: &str) -> &'static str {
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

type Reply = Sending<Box<dyn Read>>;

fn reply(root: &Path, head: &[u8]) -> Reply {
    let request = match http::parse_head(head) {
        Ok(request) => request,
        Err(refusal) => return refuse(refusal.status, true),
    };
    let with_body = request.method != Method::Head;
    match request.method {
        Method::Get | Method::Head => {}
        Method::Known => return refuse(Status::METHOD_NOT_ALLOWED, with_body),
        Method::Unknown => return refuse(Status::NOT_IMPLEMENTED, with_body),
    }
    match relative_path(target(head)).and_then(|path| open(root, &path)) {
        Ok(found) => serve_file(found, with_body),
        Err(status) => refuse(status, with_body),
    }
}

fn target(head: &[u8]) -> &str {
    let word = head.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    let target = str::from_utf8(word).unwrap_or_default();
    let after_host = target.split_once("://").map(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    match after_host {
        Some(path) if !target.starts_with('/') => path.unwrap_or("/"),
        _ => target,
    }
}

fn serve_file(found: Found, with_body: bool) -> Reply {
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: {}\r\n\
         Date: {}\r\n\
         Content-Length: {}\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\r\n",
        content_type(&found.extension),
        httpdate::fmt_http_date(SystemTime::now()),
        found.length
    );
    let left = if with_body { found.length } else { 0 };
    Sending { pending: head.into_bytes(), body: Box::new(found.file), left }
}

fn refuse(status: Status, with_body: bool) -> Reply {
    let body = format!("{} {}\n", status.code, status.phrase);
    let response = Response { status, body: &body, with_body, persistence: Persistence::Close };
    let pending = response.encode(SystemTime::now());
    Sending { pending, body: Box::new(io::empty()), left: 0 }
}

pub fn serve(listener: &TcpListener, root: &Path) -> io::Result<()> {
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
                    epoll.add(&client.stream, EpollEvent::new(EpollFlags::EPOLLIN, arrived))?;
                    clients.insert(arrived, client);
                }
            } else if let Some(client) = clients.get_mut(&id) {
                let before = client.interest();
                if !client.attend(root).unwrap_or(false) {
                    clients.remove(&id);
                } else if client.interest() != before {
                    let mut event = EpollEvent::new(client.interest(), id);
                    epoll.modify(&client.stream, &mut event)?;
                }
            }
        }
    }
}

struct Client {
    stream: TcpStream,
    stage: Stage,
}

enum Stage {
    Reading(Vec<u8>),
    Answering(Reply),
    Leaving,
}

impl Client {
    fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
        match net::accept(listener)? {
            Accept::Client(stream, _) => {
                stream.set_nonblocking(true)?;
                Ok(Some(Client { stream, stage: Stage::Reading(Vec::new()) }))
            }
            Accept::Empty => Ok(None),
            Accept::Full(error) => Err(error),
        }
    }

    fn interest(&self) -> EpollFlags {
        match self.stage {
            Stage::Answering(_) => EpollFlags::EPOLLOUT,
            Stage::Reading(_) | Stage::Leaving => EpollFlags::EPOLLIN,
        }
    }

    fn attend(&mut self, root: &Path) -> io::Result<bool> {
        match &mut self.stage {
            Stage::Answering(reply) => match reply.advance(&mut self.stream) {
                Step::Wait => Ok(true),
                Step::Done => {
                    self.stage = Stage::Leaving;
                    self.stream.shutdown(Shutdown::Write)?;
                    Ok(true)
                }
                Step::Broken => Ok(false),
            },
            Stage::Reading(_) | Stage::Leaving => self.read(root),
        }
    }

    fn read(&mut self, root: &Path) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let count = match self.stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        if let Stage::Reading(input) = &mut self.stage {
            input.extend_from_slice(&buffer[..count]);
            input.drain(..http::leading_blank(input));
            if let Some(end) = http::end_of_head(input, 0) {
                self.stage = Stage::Answering(reply(root, &input[..end]));
            } else if input.len() >= MAX_HEAD {
                self.stage = Stage::Answering(refuse(Status::FIELDS_TOO_LARGE, true));
            }
        }
        Ok(true)
    }
}
