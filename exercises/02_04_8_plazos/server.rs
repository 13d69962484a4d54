//! El servidor que usa los plazos del ejercicio.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Instant, SystemTime};

use ejercicios::epoll::wait;
use multiplexacion::http::{self, MAX_HEAD, Persistence, Response, Status};
use multiplexacion::listener;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ejercicio::{Deadlines, Pace, timeout};
use super::patience::{Patience, Progress};

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Lo que pasó en una vuelta del bucle.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// El límite que se dio a `epoll_wait`.
    pub timeout: EpollTimeout,
    /// Los eventos que trajo.
    pub events: usize,
    /// Los plazos que vencieron.
    pub expired: usize,
}

/// Atiende a todos en este hilo, y cuenta cada vuelta a `on_turn`.
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
        let events = wait(&epoll, timeout)?;
        // La hora se mira una vez por vuelta.
        let now = Instant::now();
        for &(id, _) in &events {
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
                    // Cerrarlo lo quita de epoll, pero no de los plazos.
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
        on_turn(Turn { timeout, events: events.len(), expired: expired.len() })?;
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
        let Some(stream) = listener::accept(listener)? else { return Ok(None) };
        Ok(Some(Client { stream, input: Vec::new(), pace: Pace::new(patience, now) }))
    }

    /// Una lectura, y las respuestas que se puedan dar. Devuelve si la conexión sigue.
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
        // Media línea vacía tampoco es una cabecera.
        let in_head = !matches!(self.input[..], [] | [b'\r']);
        self.pace.on_read(Progress { answered, in_head }, patience, now);
        Ok(true)
    }

    /// Si hay una petición entera, la saca de `input` y dice qué responder.
    fn next_request(&mut self) -> Option<Status> {
        self.input.drain(..http::leading_blank(&self.input));
        match http::end_of_head(&self.input) {
            Some(end) => {
                let request = http::parse_head(&self.input[..end], 0);
                self.input.drain(..end);
                Some(match request {
                    // Sin cuerpos: aquí se trata de los plazos.
                    Ok(Some(request)) if request.body.is_done() => Status::OK,
                    Ok(_) => Status::CONTENT_TOO_LARGE,
                    Err(refusal) => refusal.status,
                })
            }
            None => (self.input.len() >= MAX_HEAD).then_some(Status::FIELDS_TOO_LARGE),
        }
    }

    /// Venció su plazo. A quien dejó una cabecera a medias se le dice.
    fn dismiss(mut self) {
        if self.pace.in_head {
            // Si ya no está, no importa; si aún envía, quizá no lo lea: la despedida en dos pasos
            // es la de la lección.
            let _ = respond(&mut self.stream, Status::REQUEST_TIMEOUT);
        }
    }
}

/// Una respuesta de una línea. A quien no le quepa, porque no lee las anteriores, se le cierra.
fn respond(stream: &mut TcpStream, status: Status) -> io::Result<()> {
    let good = status == Status::OK;
    let body = if good { "A tiempo.\n" } else { "Hasta aquí.\n" };
    let persistence = if good { Persistence::Implicit } else { Persistence::Close };
    let response = Response { status, body, with_body: true, persistence };
    stream.write_all(&response.encode(SystemTime::now()))
}
