//! El servidor que usa lo que se escribe en el ejercicio: las respuestas y el bucle, sobre `epoll`.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::net::TcpListener;
use std::time::SystemTime;

use ejercicios::epoll::wait;
use multiplexacion::{errors, http, listener};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::client::Client;

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Lo más que se responde de una vez.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Responde a todos en este hilo: `GET /N` pide N bytes. A `tell` se le cuenta cada paso.
pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients: HashMap<u64, Client> = HashMap::new();
    let mut arrived = 0;
    loop {
        for (id, flags) in wait(&epoll, EpollTimeout::NONE)? {
            if id == LISTENER {
                if let Some(stream) = listener::accept(listener)? {
                    arrived += 1;
                    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, arrived))?;
                    clients.insert(arrived, Client::new(stream, arrived)?);
                }
            } else if let Some(client) = clients.get_mut(&id) {
                let stays = client.attend(&epoll, flags);
                let news = match &stays {
                    Ok(true) => format!("le faltan {} bytes", client.out.pending.len()),
                    Ok(false) => "se fue".to_owned(),
                    Err(error) => errors::reason(error),
                };
                tell(&format!("cliente {id}: {news}"));
                if !matches!(stays, Ok(true)) {
                    // Cerrarlo lo quita también de epoll.
                    clients.remove(&id);
                }
            }
        }
    }
}

impl Client {
    /// Lo que se hace con un aviso. Dice si la conexión sigue; un error es el final de este
    /// cliente, y de nadie más.
    fn attend(&mut self, epoll: &Epoll, flags: EpollFlags) -> io::Result<bool> {
        if flags.contains(EpollFlags::EPOLLOUT) {
            self.out.on_writable(&mut self.stream)?;
        } else if !flags.contains(EpollFlags::EPOLLIN) || !self.on_readable()? {
            return Ok(false);
        }
        self.follow_up(epoll)?;
        Ok(true)
    }

    /// Lee una vez, y responde a cada petición entera. Dice si puede haber más.
    fn on_readable(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        while let Some(end) = http::end_of_head(&self.input) {
            let head: Vec<u8> = self.input.drain(..end).collect();
            self.out.send(&mut self.stream, &response(&head))?;
        }
        Ok(self.input.len() < http::MAX_HEAD)
    }
}

/// La respuesta a una petición: tantos bytes como diga su dirección.
fn response(head: &[u8]) -> Vec<u8> {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let length = str::from_utf8(target).ok().and_then(|path| path.strip_prefix('/')?.parse().ok());
    let body = match length {
        Some(length) => lines(MAX_BODY.min(length)),
        None => "Pide tantos bytes como quieras: /5, /20000000…\n".to_owned(),
    };
    let (status, persistence) = (http::Status::OK, http::Persistence::Implicit);
    http::Response { status, body: &body, with_body: true, persistence }.encode(SystemTime::now())
}

/// Ese número de bytes, en líneas numeradas de cien.
fn lines(length: usize) -> String {
    let lines: Vec<String> =
        (1..=length.div_ceil(100)).map(|number| format!("{number:.<99}\n")).collect();
    let mut text = lines.concat();
    text.truncate(length);
    text
}
