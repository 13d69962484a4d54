//! La página en vivo: se sirve en 127.0.0.1, y lo que se va grabando le llega como sucesos que envía
//! el servidor (server-sent events, HTML §9.2).
//!
//! Quien llega o recarga lo recibe todo desde el principio, o desde donde se quedó.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::http::{self, Answer, Request};
use crate::page;
use crate::tape::{Frame, Tape};

/// Cada cuánto se mira, si no hay novedades, si el navegador sigue ahí: quien recarga no avisa.
const GLANCE: Duration = Duration::from_millis(250);

/// Sirve la página de `tape` en un puerto que elige el núcleo, hasta que el programa termine.
/// `command` es lo que se graba. Errores: no queda ningún puerto, o ningún descriptor.
pub fn serve(tape: Arc<Tape>, command: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let waiting = page::live(command);
    http::serve(listener, move |request, stream| {
        if !is_for(request, address) {
            return MISDIRECTED.with(request, stream);
        }
        match request.target.split('?').next() {
            Some("/") if tape.has_ended() => {
                send_page(page::html(tape.told().into_iter()), request, stream)
            }
            Some("/") => send_page(waiting.clone(), request, stream),
            Some("/eventos") => follow(&tape, request, stream),
            _ => NOT_FOUND.with(request, stream),
        }
    });
    Ok(address)
}

/// Una negativa: el estado y el porqué.
struct Refusal(&'static str, &'static str);

const MISDIRECTED: Refusal =
    Refusal("421 Misdirected Request", "La ventana solo se abre desde esta máquina.\n");
const NOT_FOUND: Refusal = Refusal("404 Not Found", "Aquí no hay nada: la ventana está en /.\n");

impl Refusal {
    fn with(&self, request: &Request, stream: &TcpStream) -> io::Result<()> {
        Answer::text(self.0, self.1).send(request, stream)
    }
}

/// Si se pide por el nombre de esta máquina. Una página de otro sitio puede hacer que el suyo lleve
/// a 127.0.0.1 (DNS rebinding) y leer lo que se sirve ahí; lo que no puede es cambiar `Host`.
fn is_for(request: &Request, address: SocketAddr) -> bool {
    let host = request.field("Host").unwrap_or_default();
    host == address.to_string() || host == format!("localhost:{}", address.port())
}

fn send_page(page: String, request: &Request, stream: &TcpStream) -> io::Result<()> {
    let body = page.into_bytes();
    Answer { status: "200 OK", kind: "text/html; charset=utf-8", body }.send(request, stream)
}

/// Envía lo grabado y, según llegue, lo demás.
fn follow(tape: &Tape, request: &Request, mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
          Cache-Control: no-store\r\nConnection: close\r\n\r\n",
    )?;
    if request.method == "HEAD" {
        return Ok(());
    }
    let mut next = first(request);
    loop {
        let (frames, over) = tape.read(next, GLANCE);
        if over {
            return stream.write_all(b"event: fin\ndata: {}\n\n");
        }
        if http::has_left(stream) {
            return Ok(());
        }
        next = frames.last().map_or(next, |frame| frame.number + 1);
        stream.write_all(events(&frames).as_bytes())?;
    }
}

/// El número del primer registro que falta: el navegador dice cuál fue el último que le llegó.
fn first(request: &Request) -> u64 {
    let last = request.field("Last-Event-ID").and_then(|last| last.parse::<u64>().ok());
    last.map_or(0, |last| last.saturating_add(1))
}

fn events(frames: &[Frame]) -> String {
    let mut text = String::new();
    for Frame { number, json } in frames {
        let _ = write!(text, "id: {number}\ndata: {json}\n\n");
    }
    text
}
