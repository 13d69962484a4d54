//! Peticiones seguidas por una conexión. La solución.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::SystemTime;

use multiplexacion::http::{MAX_HEAD, Persistence, Response, Status, end_of_head, leading_blank};
use multiplexacion::net::{self, Accept};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Con tantos bytes por escribir, no se responde a ninguna petición más.
pub const MAX_QUEUED: usize = 16 * 1024;

/// Si la conexión sigue abierta tras responder a `request` (RFC 9112 §9.3).
pub fn persistence(request: &Request) -> Persistence {
    let asks = |option: &str| {
        let mut options = request.values("connection").flat_map(|value| value.split(','));
        options.any(|word| word.trim().eq_ignore_ascii_case(option))
    };
    match request.minor {
        // Cerrar manda, diga lo que diga lo demás.
        _ if asks("close") => Persistence::Close,
        1 => Persistence::Implicit,
        // En HTTP/1.0 solo sigue quien lo pide, y hay que decirle que sí.
        _ if asks("keep-alive") => Persistence::Explicit,
        _ => Persistence::Close,
    }
}

/// Cuántos bytes de cuerpo siguen a la cabecera de `request`; nada, si no se puede saber.
pub fn body_length(request: &Request) -> Option<usize> {
    let mut lengths = request.values("content-length");
    let Some(length) = lengths.next() else { return Some(0) };
    // Con dos, aunque sean iguales, otro programa podría quedarse con el que no es (RFC 9112 §6.3).
    // Y `parse` admite un signo, «+5», que HTTP no tiene.
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if lengths.next().is_some() || !digits { None } else { length.parse().ok() }
}

/// Una conversación: lo que ha llegado, lo que hay que decir y por dónde va.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Lo recibido y aún sin usar.
    pub input: Vec<u8>,
    /// Las respuestas sin escribir, en su orden.
    pub output: Vec<u8>,
    /// La petición a la que le falta cuerpo, y cuántos bytes.
    pub unfinished: Option<(Request, usize)>,
    /// Tras lo que hay en `output`, se cierra.
    pub closing: bool,
}

impl Exchange {
    /// Atiende cuantas peticiones enteras haya en `input`, mientras quepan sus respuestas.
    pub fn advance(&mut self) {
        while !self.closing && self.output.len() < MAX_QUEUED {
            let Some((request, missing)) = self.next_request() else { return };
            // Del cuerpo solo importa dónde acaba.
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
    }

    /// La petición que toca, y cuánto falta de su cuerpo: la que esperaba, o la que empieza en
    /// `input` si su cabecera está entera.
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

    /// No se sabe dónde empezaría otra: se despide.
    fn refuse(&mut self, status: Status) -> Option<(Request, usize)> {
        self.output.extend_from_slice(&refusal(status));
        self.closing = true;
        None
    }
}

// ---- Desde aquí no hay nada que cambiar: la gramática y el bucle ---------------------------

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// La cabecera de una petición.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET, HEAD, POST…
    pub method: String,
    /// La ruta.
    pub target: String,
    /// La última cifra de la versión: 0 o 1.
    pub minor: u8,
    fields: Vec<(String, String)>,
}

impl Request {
    /// La petición con la que empieza `input`, y cuántos bytes ocupa su cabecera; nada, si aún no
    /// está entera. El error es la respuesta que merece lo que no se entiende.
    pub fn read(input: &[u8]) -> Result<Option<(Request, usize)>, Status> {
        // Las líneas vacías de antes se pasan por alto (RFC 9112 §2.2).
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
        // Uno, y solo uno; en HTTP/1.0 puede faltar (RFC 9112 §3.2).
        let hosts = request.values("host").count();
        if hosts > 1 || (minor == 1 && hosts == 0) {
            return Err(Status::BAD_REQUEST);
        }
        // Aquí un cuerpo solo se mide de una manera. La otra, a trozos, está en la lección.
        if request.values("transfer-encoding").next().is_some() {
            return Err(Status::NOT_IMPLEMENTED);
        }
        Ok(request)
    }

    /// Los valores de los campos que se llaman así; en los nombres no importan las mayúsculas.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// La respuesta: qué se pidió. Dice también qué será de la conexión.
    pub fn response(&self, persistence: Persistence) -> Vec<u8> {
        let body = format!("{} {}\n", self.method, self.target);
        let with_body = self.method != "HEAD";
        Response { status: Status::OK, body: &body, with_body, persistence }
            .encode(SystemTime::now())
    }
}

/// `Nombre: valor`. Sin espacio ante los dos puntos (RFC 9112 §5.1).
fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    valid.then(|| (name.to_owned(), value.trim().to_owned()))
}

/// La respuesta con la que se despide a quien envió algo que no se entiende.
pub fn refusal(status: Status) -> Vec<u8> {
    let (body, persistence) = (format!("{} {}\n", status.code, status.phrase), Persistence::Close);
    Response { status, body: &body, with_body: true, persistence }.encode(SystemTime::now())
}

/// Atiende a todos en este hilo.
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
            // Ctrl-Z y `fg` también despiertan (signal(7)).
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
                    // Cerrarlo lo quita también de epoll.
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
    /// Nuestro lado está cerrado: lo que aún llegue se descarta.
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

    /// Algo pasó. Devuelve si la conexión sigue.
    fn attend(&mut self) -> io::Result<bool> {
        // Mientras no recoja lo que pidió, no se le lee más.
        if self.exchange.output.is_empty() && !self.read()? {
            return Ok(false);
        }
        if !self.said_goodbye {
            self.exchange.advance();
            self.write()?;
            // Puede quedar alguna petición que esperaba sitio: epoll no avisará de ella, porque
            // ya está leída.
            self.exchange.advance();
            if self.exchange.closing && self.exchange.output.is_empty() {
                self.said_goodbye = true;
                // Cerrar de golpe con bytes sin leer destruiría la respuesta (RFC 9112 §9.6).
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        Ok(true)
    }

    /// Una lectura. Devuelve si puede haber más.
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

    /// Una escritura, si hay qué: todas las respuestas que quepan, juntas.
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

    /// Leer o escribir, una cosa a la vez.
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
