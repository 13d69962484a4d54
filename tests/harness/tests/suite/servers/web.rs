//! La web, bien y con una falta cada vez.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::serve;

/// En qué se equivoca.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// T4-05: un salto de línea de más delante del cuerpo.
    StrayLineFeed,
    /// El cuerpo de un POST se queda donde estaba, y se lee como otra petición.
    IgnoresBodies,
    /// T4-07: HEAD con cuerpo.
    HeadWithBody,
    /// T4-08: la fecha de la receta.
    OldDate,
    /// T4-06: contesta a una petición de cada lectura y olvida las demás.
    ForgetsPipelined,
    /// T4-11: cierra sin leer lo que queda.
    ClosesAtOnce,
}

const BODY: &str = "¡Hola desde EpollServer!\n";
const MAX_HEAD: usize = 8 * 1024;

pub(crate) fn with(fault: Fault) -> SocketAddr {
    let date =
        if fault == Fault::OldDate { "Mon, 1 Apr 2013 01:01:01 GMT".to_owned() } else { now() };
    serve(move |stream| {
        let mut connection = Connection { stream, buffer: Vec::new(), fault, date: date.clone() };
        if let Err(Some(status)) = connection.converse() {
            connection.refuse(status);
        }
    })
}

fn now() -> String {
    let output = Command::new("date")
        .env("LC_ALL", "C")
        .args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    fault: Fault,
    date: String,
}

struct Request {
    length: usize,
    is_head: bool,
    closes: bool,
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
            if self.fault != Fault::IgnoresBodies {
                self.read_body(&request.body)?;
            }
            self.answer(&request)?;
            if request.closes {
                self.linger();
                return Ok(());
            }
            if self.fault == Fault::ForgetsPipelined {
                self.buffer.clear();
            }
        }
    }

    fn read_request(&mut self) -> Result<Request, Refusal> {
        loop {
            if let Some(request) = parse(&self.buffer).map_err(Some)? {
                return Ok(request);
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Some(431));
            }
            self.read_more()?;
        }
    }

    fn read_body(&mut self, body: &Body) -> Result<(), Refusal> {
        match *body {
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
        match self.stream.read(&mut chunk) {
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
        let head = self.head("200 OK", body.len());
        let sends_body = !request.is_head || self.fault == Fault::HeadWithBody;
        let body = if sends_body { body } else { String::new() };
        self.stream.write_all(format!("{head}\r\n{body}").as_bytes()).map_err(|_| None)
    }

    fn head(&self, status: &str, length: usize) -> String {
        format!(
            "HTTP/1.1 {status}\r\nDate: {}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {length}\r\n",
            self.date
        )
    }

    fn refuse(&mut self, status: u16) {
        let head = self.head(&format!("{status} No"), 0);
        if self.stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).is_ok() {
            self.linger();
        }
    }

    /// Cierra su lado y descarta lo que llegue: cerrar sin leer reiniciaría la conexión.
    fn linger(&mut self) {
        if self.fault == Fault::ClosesAtOnce {
            // Lo justo para que haya algo sin leer al cerrar.
            std::thread::sleep(Duration::from_millis(100));
            return;
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(1)));
        while self.read_more().is_ok() {
            self.buffer.clear();
        }
    }
}

/// La petición que hay al comienzo, `None` si no está entera, o el código del error.
fn parse(bytes: &[u8]) -> Result<Option<Request>, u16> {
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
        let named = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(header.value).to_lowercase()).collect()
    };
    if values("Host").len() != 1 && !is_http_1_0 {
        return Err(400);
    }
    let body = if values("Transfer-Encoding").is_empty() {
        Body::Length(content_length(&values("Content-Length"))?)
    } else {
        Body::Chunked
    };
    Ok(Some(Request {
        length,
        is_head: request.method == Some("HEAD"),
        closes: is_http_1_0 || values("Connection").iter().any(|value| value == "close"),
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
