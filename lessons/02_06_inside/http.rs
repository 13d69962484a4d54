//! Lo justo de HTTP/1.1 para un navegador en la misma máquina: un hilo por conexión, y una petición
//! por hilo. El servidor web del curso, que cumple la RFC entera con un solo hilo, es la lección
//! 02_04.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Lo que se espera a que un navegador termine de pedir, o siga leyendo.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lo que puede medir una cabecera, en bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Cuántos campos puede tener.
const MOST_FIELDS: usize = 100;

/// Cuántas conexiones se atienden a la vez.
const MOST_VISITS: usize = 64;

/// Lo que pide un navegador.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`…
    pub method: String,
    /// Lo que se pide: `/`.
    pub target: String,
    fields: Vec<(String, String)>,
}

impl Request {
    /// El valor de un campo de la cabecera, si es texto.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Lo que se contesta.
#[derive(Debug)]
pub struct Answer {
    /// `200 OK`.
    pub status: &'static str,
    /// El tipo del contenido: `text/html; charset=utf-8`.
    pub kind: &'static str,
    /// El contenido.
    pub body: Vec<u8>,
}

impl Answer {
    /// Un texto, sin más.
    pub fn text(status: &'static str, text: &str) -> Answer {
        Answer { status, kind: "text/plain; charset=utf-8", body: text.as_bytes().to_vec() }
    }

    /// La envía; de la respuesta a `HEAD`, solo la cabecera. Errores: los de escribir.
    pub fn send(&self, request: &Request, mut stream: &TcpStream) -> io::Result<()> {
        let Answer { status, kind, body } = self;
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Cache-Control: no-cache\r\nConnection: close\r\n\r\n",
            body.len()
        )?;
        if request.method == "HEAD" { Ok(()) } else { stream.write_all(body) }
    }
}

/// Atiende desde otro hilo, hasta que el programa termine: lee cada petición y se la da a `visit`,
/// que la contesta. Lo que no sea leer, se rechaza aquí.
pub fn serve(
    listener: TcpListener,
    visit: impl Fn(&Request, &TcpStream) -> io::Result<()> + Send + Sync + 'static,
) {
    let visit = Arc::new(visit);
    let visits = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // Sin descriptores: que se cierre alguno antes de volver a intentarlo.
                thread::sleep(Duration::from_millis(50));
                continue;
            };
            // A quien no cabe se le cierra: ya volverá.
            if visits.fetch_add(1, Ordering::Relaxed) >= MOST_VISITS {
                visits.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (visit, visits) = (Arc::clone(&visit), Arc::clone(&visits));
            thread::spawn(move || {
                // A quien se fue sin esperar la respuesta no le hace falta.
                drop(converse(&stream, &*visit));
                visits.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
}

/// Si quien pedía se fue sin esperar la respuesta: cerró su lado, o la conexión se rompió.
pub fn has_left(stream: &TcpStream) -> bool {
    let mut watched = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    let readable = poll(&mut watched, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
    readable && !stream.peek(&mut [0]).is_ok_and(|count| count > 0)
}

fn converse(
    stream: &TcpStream,
    visit: &impl Fn(&Request, &TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read(stream)?;
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        return visit(&request, stream);
    }
    Answer::text("405 Method Not Allowed", "Aquí solo se puede leer.\n").send(&request, stream)
}

/// Lee una cabecera entera: cerrar con algo sin leer sería un reinicio de la conexión, y se llevaría
/// la respuesta.
fn read(mut stream: impl Read) -> io::Result<Request> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..count]);
        if let Some(request) = parse(&bytes)? {
            return Ok(request);
        }
        if count == 0 || bytes.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// La petición, si ya está entera.
fn parse(bytes: &[u8]) -> io::Result<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed.parse(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    if status.is_partial() {
        return Ok(None);
    }
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let fields = parsed.headers.iter();
    let fields = fields.filter_map(|field| {
        Some((field.name.to_owned(), str::from_utf8(field.value).ok()?.to_owned()))
    });
    let fields = fields.collect();
    Ok(Some(Request { method: text(parsed.method), target: text(parsed.path), fields }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_lee_lo_que_pide_un_navegador() {
        let bytes = b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:80\r\nlast-event-id: 7\r\n\r\n";
        let request = read(&bytes[..]).unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a?b"));
        assert_eq!(request.field("host"), Some("127.0.0.1:80"));
        assert_eq!(request.field("Last-Event-ID"), Some("7"));
        assert_eq!(request.field("Accept"), None);
    }

    #[test]
    fn lo_que_no_es_http_o_no_termina_no_se_espera_para_siempre() {
        for wrong in [&b"\x16\x03\x01\x02\x00"[..], b"GET / HTTP/1.1\r\nHost: x\r\n", b""] {
            assert!(read(wrong).is_err());
        }
        let endless = io::Read::chain(&b"GET / HTTP/1.1\r\nX: "[..], io::repeat(b'a'));
        assert!(read(endless).is_err());
    }
}
