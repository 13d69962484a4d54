//! La web, bien y con una falta cada vez.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::serve;

/// En qué se equivoca.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// T4-05: un salto de línea de más delante del cuerpo.
    StrayLineFeed,
    /// El cuerpo de un POST se queda donde estaba, y se lee como otra petición.
    IgnoresBodies,
    /// De un cuerpo solo descarta lo que llegó con su cabecera.
    SlicesBodies,
    /// `content-length`, en minúsculas, no lo conoce.
    KnowsOneCase,
    /// A quien pregunta antes de enviar el cuerpo no le contesta: lo espera, y acaba con un 408.
    IgnoresExpect,
    /// T4-07: HEAD con cuerpo.
    HeadWithBody,
    /// La longitud con la que contesta a HEAD es la de lo que envía: cero.
    HeadWithZero,
    /// No es una falta: la longitud puede faltar en lo que se contesta a HEAD.
    HeadWithoutLength,
    /// T4-08: la fecha de la receta.
    OldDate,
    /// T4-06: contesta a una petición de cada lectura y olvida las demás.
    ForgetsPipelined,
    /// T4-09: una cabecera puede ser tan larga como quiera.
    NoHeadLimit,
    /// T4-11: cierra sin leer lo que queda.
    ClosesAtOnce,
    /// Contesta a la primera lectura, venga lo que venga.
    AnswersAtOnce,
    /// Cierra, y lo anuncia, tras cada respuesta.
    AlwaysCloses,
    /// Lo que sobra tras contestar, si no es una petición entera, se pierde.
    DropsHalves,
    /// Lee y contesta sin mirar si alguien recoge las respuestas.
    NoBackPressure,
    /// No es una falta: lee y contesta hasta que nadie recoge [`MANY`] respuestas, que son 10 MiB.
    KeepsMany,
    /// Lo mismo; pero cuando el cliente cierra su lado, tira las que no recogió.
    DropsAtTheEnd,
    /// Busca el final de la cabecera solo en lecturas de más de veinte bytes.
    NeedsTheBlankLineAtOnce,
    /// Un cuerpo por trozos se queda donde estaba.
    IgnoresChunks,
    /// Una petición sin Host le vale.
    NeedsNoHost,
    /// «close» en una lista no es «close».
    MissesListedClose,
    /// Contesta a HTTP/1.0 con «keep-alive» y sigue, sin decirlo.
    KeepsAliveInSilence,
    /// Tras un reinicio no atiende a nadie más.
    DiesOfAReset,
    /// No caben más de quinientos.
    SmallHouse,
    /// Espera cuanto haga falta.
    NoDeadline,
}

const BODY: &str = "¡Hola desde EpollServer!\n";
const MAX_HEAD: usize = 8 * 1024;

pub(crate) fn with(fault: Fault) -> SocketAddr {
    let (inside, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    serve(move |stream| {
        let others = inside.fetch_add(1, Ordering::SeqCst);
        let output = Output::of(&stream, fault);
        let (buffer, dead, deadline) = (Vec::new(), Arc::clone(&dead), None);
        let mut connection = Connection { stream, output, buffer, fault, dead, deadline };
        if fault == Fault::SmallHouse && others >= 500 {
            // Se va sin decir nada.
        } else {
            match connection.converse() {
                Err(Some(status)) => connection.refuse(status),
                Err(None) if fault == Fault::DropsAtTheEnd => connection.drop_what_is_pending(),
                _ => {}
            }
        }
        inside.fetch_sub(1, Ordering::SeqCst);
    })
}

/// Cuántas respuestas se guardan para quien no las recoge, si se guardan muchas.
const MANY: usize = 10 * 1024 * 1024 / 143;

/// Por dónde salen las respuestas: en el momento, o por una cola, sin fondo o con él, y otro hilo.
enum Output {
    Now(TcpStream),
    Queue(Sender<Vec<u8>>),
    Bounded(SyncSender<Vec<u8>>),
    Finished,
}

impl Output {
    fn of(stream: &TcpStream, fault: Fault) -> Output {
        let mut stream = stream.try_clone().unwrap();
        let (output, pending) = match fault {
            Fault::NoBackPressure => {
                let (queue, pending) = channel::<Vec<u8>>();
                (Output::Queue(queue), pending)
            }
            Fault::KeepsMany | Fault::DropsAtTheEnd => {
                let (queue, pending) = sync_channel(MANY);
                (Output::Bounded(queue), pending)
            }
            _ => return Output::Now(stream),
        };
        thread::spawn(move || {
            for bytes in pending {
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            let _ = stream.shutdown(Shutdown::Write);
        });
        output
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let gone = |_| ErrorKind::BrokenPipe.into();
        match self {
            Output::Now(stream) => stream.write_all(&bytes),
            Output::Queue(queue) => queue.send(bytes).map_err(gone),
            Output::Bounded(queue) => queue.send(bytes).map_err(gone),
            Output::Finished => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// No habrá más: cuando salga lo que queda, se cierra este lado.
    fn finish(&mut self) {
        if let Output::Now(stream) = mem::replace(self, Output::Finished) {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

/// Lo que se espera a una cabecera, desde su primer byte.
const PATIENCE: Duration = Duration::from_secs(1);

struct Connection {
    stream: TcpStream,
    output: Output,
    buffer: Vec<u8>,
    fault: Fault,
    /// Si alguien reinició, y eso importa.
    dead: Arc<AtomicBool>,
    /// Hasta cuándo se espera la cabecera que ya ha empezado.
    deadline: Option<Instant>,
}

struct Request {
    length: usize,
    is_head: bool,
    closes: bool,
    expects: bool,
    keeps_1_0: bool,
    body: Body,
}

enum Body {
    Length(usize),
    Chunked,
}

/// Por qué no se sigue: un error que contestar, o nada (el cliente acabó).
type Refusal = Option<u16>;

impl Connection {
    fn converse(&mut self) -> Result<(), Refusal> {
        loop {
            let request = self.read_request()?;
            self.consume(request.length);
            if request.expects && self.fault == Fault::IgnoresExpect {
                self.deadline = Some(Instant::now() + PATIENCE / 2);
            } else if request.expects {
                self.output.write(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()).map_err(|_| None)?;
            }
            let chunked = matches!(request.body, Body::Chunked);
            let ignored = self.fault == Fault::IgnoresBodies && !request.expects
                || self.fault == Fault::IgnoresChunks && chunked;
            if !ignored {
                self.read_body(&request.body)?;
            }
            self.answer(&request)?;
            if request.closes || self.fault == Fault::AlwaysCloses {
                self.linger();
                return Ok(());
            }
            let is_half = || matches!(parse(&self.buffer, self.fault), Ok(None));
            if self.fault == Fault::ForgetsPipelined
                || self.fault == Fault::DropsHalves && is_half()
            {
                self.buffer.clear();
            }
        }
    }

    fn read_request(&mut self) -> Result<Request, Refusal> {
        let mut last = usize::MAX;
        self.deadline = None;
        loop {
            let looks = self.fault != Fault::NeedsTheBlankLineAtOnce || last > 20;
            if looks && let Some(request) = parse(&self.buffer, self.fault).map_err(Some)? {
                return Ok(request);
            }
            if self.buffer.len() > MAX_HEAD && self.fault != Fault::NoHeadLimit {
                return Err(Some(431));
            }
            if !self.buffer.is_empty() && self.fault != Fault::NoDeadline {
                self.deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            }
            let before = self.buffer.len();
            self.read_more()?;
            last = self.buffer.len() - before;
            if self.fault == Fault::AnswersAtOnce {
                self.buffer.clear();
                self.buffer.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            }
        }
    }

    fn read_body(&mut self, body: &Body) -> Result<(), Refusal> {
        match *body {
            Body::Length(length) if self.fault == Fault::SlicesBodies => {
                self.skip(length.min(self.buffer.len()))
            }
            Body::Length(length) => self.skip(length),
            Body::Chunked => {
                while let length @ 1.. = self.read_chunk_size()? {
                    self.skip(length + 2)?;
                }
                while !self.read_line()?.is_empty() {}
                Ok(())
            }
        }
    }

    fn read_chunk_size(&mut self) -> Result<usize, Refusal> {
        let line = String::from_utf8(self.read_line()?).map_err(|_| Some(400))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        usize::from_str_radix(size, 16).map_err(|_| Some(400))
    }

    fn read_line(&mut self) -> Result<Vec<u8>, Refusal> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer[..end].to_vec();
                self.consume(end + 2);
                return Ok(line);
            }
            self.read_more()?;
        }
    }

    fn skip(&mut self, count: usize) -> Result<(), Refusal> {
        while self.buffer.len() < count {
            self.read_more()?;
        }
        self.consume(count);
        Ok(())
    }

    fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
    }

    fn read_more(&mut self) -> Result<(), Refusal> {
        let mut chunk = [0; 4096];
        let left = self.deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let _ = self.stream.set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))));
        let read = self.stream.read(&mut chunk);
        let was_reset =
            read.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
        if was_reset && self.fault == Fault::DiesOfAReset {
            self.dead.store(true, Ordering::SeqCst);
        }
        if self.dead.load(Ordering::SeqCst) {
            return Err(None);
        }
        match read {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Some(408)),
            Ok(0) | Err(_) => Err(None),
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    fn answer(&mut self, request: &Request) -> Result<(), Refusal> {
        let body = match self.fault {
            Fault::StrayLineFeed => format!("\n{BODY}"),
            _ => BODY.to_owned(),
        };
        let length = match self.fault {
            Fault::HeadWithZero if request.is_head => 0,
            _ => body.len(),
        };
        let mut head = self.head("200 OK", length);
        if self.fault == Fault::HeadWithoutLength && request.is_head {
            head.truncate(head.len() - format!("Content-Length: {length}\r\n").len());
        }
        if self.fault == Fault::AlwaysCloses {
            head.push_str("Connection: close\r\n");
        } else if request.keeps_1_0 && self.fault != Fault::KeepsAliveInSilence {
            head.push_str("Connection: keep-alive\r\n");
        }
        let sends_body = !request.is_head || self.fault == Fault::HeadWithBody;
        let body = if sends_body { body } else { String::new() };
        self.output.write(format!("{head}\r\n{body}").into_bytes()).map_err(|_| None)
    }

    fn head(&self, status: &str, length: usize) -> String {
        let date = match self.fault {
            Fault::OldDate => "Mon, 1 Apr 2013 01:01:01 GMT".to_owned(),
            _ => httpdate::fmt_http_date(SystemTime::now()),
        };
        format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {length}\r\n"
        )
    }

    fn refuse(&mut self, status: u16) {
        let head = self.head(&format!("{status} No"), 0);
        if self.output.write(format!("{head}Connection: close\r\n\r\n").into_bytes()).is_ok() {
            self.linger();
        }
    }

    /// Cierra su lado y descarta lo que llegue: cerrar sin leer reiniciaría la conexión.
    fn linger(&mut self) {
        if self.fault == Fault::ClosesAtOnce {
            // Lo justo para que haya algo sin leer al cerrar.
            thread::sleep(Duration::from_millis(100));
            return;
        }
        self.output.finish();
        self.deadline = Some(Instant::now() + 5 * PATIENCE);
        while self.read_more().is_ok() {
            self.buffer.clear();
        }
    }

    /// Lo que en una décima no haya salido, ya no sale.
    fn drop_what_is_pending(&mut self) {
        thread::sleep(Duration::from_millis(100));
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// La petición que hay al comienzo, `None` si no está entera, o el código del error.
fn parse(bytes: &[u8], fault: Fault) -> Result<Option<Request>, u16> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::Version) => return Err(505),
        Err(_) => return Err(400),
    };
    if length > MAX_HEAD {
        return Err(431);
    }
    let is_http_1_0 = request.version == Some(0);
    let values = |name: &str| -> Vec<String> {
        let one_case = fault == Fault::KnowsOneCase && name.starts_with("Content-");
        let is_it = |header: &&httparse::Header<'_>| {
            header.name == name || !one_case && header.name.eq_ignore_ascii_case(name)
        };
        let named = request.headers.iter().filter(is_it);
        named.map(|header| String::from_utf8_lossy(header.value).to_lowercase()).collect()
    };
    if values("Host").len() != 1 && !is_http_1_0 && fault != Fault::NeedsNoHost {
        return Err(400);
    }
    let body = if values("Transfer-Encoding").is_empty() {
        Body::Length(content_length(&values("Content-Length"))?)
    } else {
        Body::Chunked
    };
    let options = match fault {
        Fault::MissesListedClose => values("Connection").join(","),
        _ => values("Connection").join(",").replace(' ', ""),
    };
    let says = |option: &str| match fault {
        Fault::MissesListedClose => options == option,
        _ => options.split(',').any(|said| said == option),
    };
    let both = !values("Content-Length").is_empty() && !values("Transfer-Encoding").is_empty();
    let keeps_1_0 = is_http_1_0 && says("keep-alive");
    Ok(Some(Request {
        length,
        expects: values("Expect").iter().any(|value| value == "100-continue"),
        keeps_1_0,
        is_head: request.method == Some("HEAD"),
        closes: is_http_1_0 && !keeps_1_0 || says("close") || both,
        body,
    }))
}

fn content_length(values: &[String]) -> Result<usize, u16> {
    match values {
        [] => Ok(0),
        [one] if one.bytes().all(|byte| byte.is_ascii_digit()) => one.parse().map_err(|_| 400_u16),
        _ => Err(400),
    }
}
