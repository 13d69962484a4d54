//! EPOLLOUT: una respuesta que no cabe. El enunciado está en enunciado.md, en esta carpeta.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::SystemTime;

use multiplexacion::{errors, http};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Lo que se le debe a un cliente: lo respondido que aún no ha salido.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Los bytes que faltan, en el orden en que han de salir.
    pub pending: VecDeque<u8>,
}

impl Outgoing {
    /// Responde `bytes`: escribe ya lo que quepa, y guarda el resto.
    pub fn send<W: Write>(&mut self, stream: &mut W, bytes: &[u8]) -> io::Result<()> {
        // <tu código>
        // Si algo espera, es que no cabía: lo nuevo va detrás, y EPOLLOUT ya está pedido.
        let written = if self.pending.is_empty() { write(stream, bytes)? } else { 0 };
        self.pending.extend(&bytes[written..]);
        Ok(())
        // </tu código>
    }

    /// EPOLLOUT: vuelve a haber sitio para lo que falta.
    pub fn on_writable<W: Write>(&mut self, stream: &mut W) -> io::Result<()> {
        // <tu código>
        // Una cola circular tiene dos mitades. Si tras la primera aún hay sitio, epoll lo repite.
        let (front, _) = self.pending.as_slices();
        let written = write(stream, front)?;
        self.pending.drain(..written);
        Ok(())
        // </tu código>
    }
}

impl Client {
    /// Pone al día lo que se espera de este cliente, que ya está en `epoll` con su número.
    pub fn follow_up(&self, epoll: &Epoll) -> io::Result<()> {
        // <tu código>
        // Una cosa o la otra: quien no recoge lo que pidió no pide más. Es la contrapresión.
        let interest =
            if self.out.pending.is_empty() { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT };
        Ok(epoll.modify(&self.stream, &mut EpollEvent::new(interest, self.id))?)
        // </tu código>
    }
}

// <solo en la solución>
/// Una escritura: cuántos bytes admitió el núcleo, quizá ninguno.
fn write<W: Write>(stream: &mut W, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        outcome => outcome,
    }
}
// </solo en la solución>

// ---- Desde aquí no hay nada que cambiar ---------------------------------------------------

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Lo más que se responde de una vez.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Un cliente.
#[derive(Debug)]
pub struct Client {
    /// Su número en epoll.
    pub id: u64,
    /// Su socket, no bloqueante.
    pub stream: TcpStream,
    /// Lo que se le debe.
    pub out: Outgoing,
    input: Vec<u8>,
}

/// Responde a todos en este hilo: `GET /N` pide N bytes. A `tell` se le cuenta cada paso.
pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients: HashMap<u64, Client> = HashMap::new();
    let mut arrived = 0;
    loop {
        for (id, flags) in wait(&epoll)? {
            if id == LISTENER {
                if let Some(stream) = accept(listener)? {
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

fn wait(epoll: &Epoll) -> io::Result<Vec<(u64, EpollFlags)>> {
    let mut events = [EpollEvent::empty(); 64];
    let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
        Ok(count) => count,
        // Ctrl-Z y `fg` también despiertan (signal(7)).
        Err(Errno::EINTR) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(events[..count].iter().map(|event| (event.data(), event.events())).collect())
}

fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

impl Client {
    /// Envuelve un socket aceptado, y lo hace no bloqueante.
    pub fn new(stream: TcpStream, id: u64) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        Ok(Client { id, stream, out: Outgoing::default(), input: Vec::new() })
    }

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
