//! «Para repetirlo a mano»: la conversación, convertida en órdenes de un intérprete POSIX.
//!
//! El orden se conserva a cámara lenta: donde la prueba esperó un suceso, la orden espera un rato
//! fijo.

use std::env;
use std::net::SocketAddr;
use std::time::Duration;

use crate::log::{Delivery, Log, Manner, PeerId, What};
use crate::shell;

/// Lo que se deja para que el servidor conteste, donde la prueba esperó su respuesta.
const REACTION: Duration = Duration::from_millis(200);
/// Lo que se deja entre dos trozos de un envío, para que no viajen juntos.
const BETWEEN_PIECES: Duration = Duration::from_millis(50);
/// Lo que se sigue escuchando al final si la prueba no cerró su lado.
const LINGER: Duration = Duration::from_secs(2);
/// Más participantes que estos no caben en una terminal.
const MAX_PEERS: usize = 6;
/// Más trozos que estos no caben en una orden.
const MAX_PIECES: usize = 48;

/// Las órdenes que repiten lo que hicieron los participantes; ninguna, si no lo repetirían: porque
/// son demasiados para una terminal, o porque alguien hizo lo que `nc` no sabe hacer, o envió mucho que no
/// sigue ninguna regla.
pub(crate) fn commands(log: &Log, address: SocketAddr) -> Vec<String> {
    let scripts = scripts(log);
    let commands = match scripts.as_slice() {
        _ if log.events.iter().any(|event| matches!(event.what, What::Reset)) => None,
        [alone] => alone.curl(address).or_else(|| alone.nc(address)).map(|one| vec![one]),
        together if together.len() <= MAX_PEERS => background(log, together, address),
        _ => None,
    };
    commands.unwrap_or_default()
}

fn background(log: &Log, scripts: &[Script], address: SocketAddr) -> Option<Vec<String>> {
    let command = |script: &Script| {
        let start = if script.starts_at.is_zero() {
            String::new()
        } else {
            format!("{}; ", shell::sleep(script.starts_at))
        };
        let name = &log.names[script.peer];
        Some(format!("({start}{}) &  # {name}", script.nc(address)?))
    };
    scripts.iter().map(command).chain([Some("wait".to_owned())]).collect()
}

/// Lo que hace un participante, en el reloj común de la cámara lenta.
#[derive(Debug)]
struct Script {
    peer: PeerId,
    starts_at: Duration,
    actions: Vec<Action>,
    now: Duration,
    closed: bool,
}

#[derive(Debug)]
enum Action {
    Sleep(Duration),
    Print(Vec<u8>),
}

fn scripts(log: &Log) -> Vec<Script> {
    let mut scripts: Vec<Script> = Vec::new();
    let mut clock = Duration::ZERO;
    let mut last_actor = None;
    let mut waited = false;
    for event in &log.events {
        if event.is_observed() {
            waited = true;
            continue;
        }
        let changed_hands = last_actor.replace(event.peer).is_some_and(|last| last != event.peer);
        if waited || changed_hands {
            clock += REACTION;
        }
        waited = false;
        match scripts.iter_mut().find(|script| script.peer == event.peer) {
            Some(script) => script.act(&event.what, &mut clock),
            None => scripts.push(Script::new(event.peer, clock)),
        }
    }
    for script in &mut scripts {
        script.linger_until(clock + LINGER);
    }
    scripts
}

impl Script {
    fn new(peer: PeerId, starts_at: Duration) -> Self {
        Self { peer, starts_at, actions: Vec::new(), now: starts_at, closed: false }
    }

    fn act(&mut self, what: &What, clock: &mut Duration) {
        match what {
            What::Sent(delivery) => self.send(delivery, clock),
            What::Paused(span) => *clock += *span,
            What::HalfClosed | What::Closed | What::Reset => {
                self.sleep_until(*clock);
                self.closed = true;
            }
            _ => {}
        }
    }

    /// Repite el envío entero, aunque el servidor no lo admitiera todo.
    fn send(&mut self, delivery: &Delivery, clock: &mut Duration) {
        let bytes = &delivery.bytes;
        match delivery.manner {
            Manner::InPieces(size) if bytes.len().div_ceil(size) <= MAX_PIECES => {
                for piece in bytes.chunks(size) {
                    self.print(piece, *clock);
                    *clock += BETWEEN_PIECES;
                }
            }
            _ => self.print(bytes, *clock),
        }
    }

    fn print(&mut self, bytes: &[u8], at: Duration) {
        self.sleep_until(at);
        // Dos envíos seguidos caben en un solo `printf`.
        match self.actions.last_mut() {
            Some(Action::Print(before)) => before.extend_from_slice(bytes),
            _ => self.actions.push(Action::Print(bytes.to_vec())),
        }
    }

    fn sleep_until(&mut self, at: Duration) {
        let span = at.saturating_sub(self.now);
        if !span.is_zero() {
            self.actions.push(Action::Sleep(span));
            self.now = at;
        }
    }

    fn linger_until(&mut self, at: Duration) {
        if !self.closed {
            self.sleep_until(at);
        }
    }

    /// `(printf 'ho'; sleep 0.2; printf 'la') | nc -N 127.0.0.1 8800`
    fn nc(&self, address: SocketAddr) -> Option<String> {
        let commands: Option<Vec<_>> = self.actions.iter().map(Action::commands).collect();
        let commands = commands?.concat();
        let source = match commands.as_slice() {
            [] => ":".to_owned(),
            [one] if !one.contains(';') => one.clone(),
            many => format!("({})", many.join("; ")),
        };
        Some(format!("{source} | nc -N {} {}", address.ip(), address.port()))
    }

    /// La misma petición con `curl`, si es de las que `curl` sabe hacer.
    fn curl(&self, address: SocketAddr) -> Option<String> {
        let [Action::Print(bytes), ..] = self.actions.as_slice() else {
            return None;
        };
        if self.actions.iter().filter(|action| matches!(action, Action::Print(_))).count() > 1 {
            return None;
        }
        let request = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
        let (request_line, headers) = request.split_once("\r\n")?;
        let (method, rest) = request_line.split_once(' ')?;
        let path = rest.strip_suffix(" HTTP/1.1").filter(|path| is_plain_path(path))?;
        let option = match method {
            "GET" => "-i",
            "HEAD" => "-I",
            _ => return None,
        };
        let only_host = headers.starts_with("Host: ") && !headers.contains("\r\n");
        let direct = if has_proxy() { " --noproxy '*'" } else { "" };
        only_host.then(|| format!("curl -sS{direct} {option} 'http://{address}{path}'"))
    }
}

/// Si `curl` le pediría la página a un intermediario, y no al servidor (curl(1), «ENVIRONMENT»).
fn has_proxy() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    ["http_proxy", "all_proxy", "ALL_PROXY"].into_iter().any(is_set)
}

fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "/?=&.-_".contains(c))
}

impl Action {
    fn commands(&self) -> Option<Vec<String>> {
        match self {
            Self::Sleep(span) => Some(vec![shell::sleep(*span)]),
            Self::Print(bytes) => shell::print(bytes),
        }
    }
}
