//! El servidor que usa lo que se escribe en el ejercicio: la gramática y el bucle.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::time::SystemTime;

use ejercicios::epoll::wait;
use multiplexacion::http::{self, MAX_HEAD, Method, Persistence, Response, Status};
use multiplexacion::listener;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ejercicio::{Sending, open, relative_path};
use super::found::Found;
use super::step::Step;

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Lo que se dice del contenido: por la extensión, que es lo único que se mira.
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

/// La respuesta a una petición, y el cuerpo, de donde toque.
type Reply = Sending<Box<dyn Read>>;

/// Lo que se responde a la petición que tiene esa cabecera.
fn reply(root: &Path, head: &[u8]) -> Reply {
    let request = match http::parse_head(head, 0) {
        Ok(Some(request)) => request,
        Ok(None) => return refuse(Status::BAD_REQUEST, true),
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

/// El destino de una petición ya comprobada: su segunda palabra, desde la ruta (RFC 9112 §3.2).
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

/// Sirve los archivos de la carpeta `root`, a todos en este hilo. Sin plazos: son los de 02_04_8.
pub fn serve(listener: &TcpListener, root: &Path) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients = HashMap::new();
    let mut arrived = 0;
    loop {
        for (id, _) in wait(&epoll, EpollTimeout::NONE)? {
            if id == LISTENER {
                if let Some(client) = Client::accept(listener)? {
                    arrived += 1;
                    epoll.add(&client.stream, EpollEvent::new(EpollFlags::EPOLLIN, arrived))?;
                    clients.insert(arrived, client);
                }
            } else if let Some(client) = clients.get_mut(&id) {
                let before = client.interest();
                if !client.attend(root).unwrap_or(false) {
                    // Cerrarlo lo quita también de epoll.
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

/// Por dónde va la conversación: una petición por conexión.
enum Stage {
    /// Llega la cabecera.
    Reading(Vec<u8>),
    /// Sale la respuesta.
    Answering(Reply),
    /// Nuestro lado está cerrado: se descarta lo que aún envíe (RFC 9112 §9.6).
    Leaving,
}

impl Client {
    fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
        let Some(stream) = listener::accept(listener)? else { return Ok(None) };
        Ok(Some(Client { stream, stage: Stage::Reading(Vec::new()) }))
    }

    /// Lo que se espera de él. Mientras recibe su respuesta, no se le lee nada.
    fn interest(&self) -> EpollFlags {
        match self.stage {
            Stage::Answering(_) => EpollFlags::EPOLLOUT,
            Stage::Reading(_) | Stage::Leaving => EpollFlags::EPOLLIN,
        }
    }

    /// Pasó lo que se esperaba de él, o se rompió. Devuelve si la conexión sigue.
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

    /// Una lectura.
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
            if let Some(end) = http::end_of_head(input) {
                self.stage = Stage::Answering(reply(root, &input[..end]));
            } else if input.len() >= MAX_HEAD {
                self.stage = Stage::Answering(refuse(Status::FIELDS_TOO_LARGE, true));
            }
        }
        Ok(true)
    }
}
