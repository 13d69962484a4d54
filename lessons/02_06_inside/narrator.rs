//! Cuenta los pasos de un servidor, vistos desde fuera, con las frases de `-v` de las lecciones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io;

use multiplexacion::client_id::ClientId;
use multiplexacion::errors::reason;
use multiplexacion::steps::{Shown, Step};
use nix::errno::Errno;

use crate::strace::{Call, Descriptor, Outcome, descriptor, set, text};

/// Las llamadas que hay que pedir a strace.
pub const CALLS: &str = "trace=%net,read,write,readv,writev,close,\
    ?select,?pselect6,?poll,?ppoll,?epoll_ctl,?epoll_wait,?epoll_pwait,?epoll_pwait2";

/// Lo que se sabe de un servidor por lo que ha hecho.
#[derive(Debug, Default)]
pub struct Narrator {
    /// Cuándo hizo lo primero que se cuenta.
    origin: Option<f64>,
    /// El hilo que empezó, y los que le siguieron.
    threads: Vec<u32>,
    /// El cliente de cada descriptor.
    clients: BTreeMap<i32, ClientId>,
    arrivals: u64,
    /// El descriptor con cada dato de epoll: `u64=…`.
    watched: BTreeMap<String, i32>,
    listeners: BTreeSet<i32>,
}

impl Narrator {
    /// Una llamada que terminó: las líneas que la cuentan.
    pub fn ended(&mut self, call: &Call) -> Vec<String> {
        let sentences = self.sentences(call);
        sentences.into_iter().map(|sentence| self.line(call, &sentence)).collect()
    }

    /// Una llamada que no termina: el hilo duerme en ella.
    pub fn sleeping(&mut self, call: &Call) -> Option<String> {
        let clients = self.clients.len();
        let socket = descriptor(&call.arguments).filter(Descriptor::is_tcp);
        let sentence = match (family(&call.name), socket) {
            (Family::Wait(name), _) if self.waits_for_sockets(call) => {
                Step::Sleep { call: name, clients }.to_string()
            }
            (Family::Accept, Some(_)) => "accept: a dormir, hasta que alguien llame".to_owned(),
            (Family::Read, Some(socket)) => {
                format!("read({}): a dormir, hasta que lleguen bytes", socket.number)
            }
            (Family::Write, Some(socket)) => {
                format!("write({}): a dormir, hasta que quepan más bytes", socket.number)
            }
            _ => return None,
        };
        Some(self.line(call, &sentence))
    }

    /// `[   0.001234] hilo 2: read(5): 5 bytes`.
    fn line(&mut self, call: &Call, sentence: &str) -> String {
        let since = call.at - *self.origin.get_or_insert(call.at);
        let number = self.threads.iter().position(|thread| *thread == call.thread);
        let number = number.unwrap_or_else(|| {
            self.threads.push(call.thread);
            self.threads.len() - 1
        });
        let thread = if number == 0 { String::new() } else { format!("hilo {}: ", number + 1) };
        format!("[{since:11.6}] {thread}{sentence}")
    }

    fn sentences(&mut self, call: &Call) -> Vec<String> {
        let socket = descriptor(&call.arguments);
        let tcp = socket.clone().filter(Descriptor::is_tcp);
        match (family(&call.name), tcp) {
            (Family::Listen, Some(socket)) => self.listen(call, &socket).into_iter().collect(),
            (Family::Connect, Some(_)) => connect(call).into_iter().collect(),
            (Family::Accept, Some(_)) => self.accept(call).into_iter().collect(),
            (Family::Read, Some(socket)) => self.read(call, &socket).into_iter().collect(),
            (Family::Write, Some(socket)) => self.write(call, &socket).into_iter().collect(),
            (Family::Shutdown, Some(socket)) => self.shutdown(call, &socket).into_iter().collect(),
            (Family::Close, Some(socket)) => self.close(call, &socket).into_iter().collect(),
            (Family::Wait(name), _) if self.waits_for_sockets(call) => self.wait(call, name),
            (Family::Register, _) => self.register(call).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn listen(&mut self, call: &Call, socket: &Descriptor) -> Option<String> {
        self.listeners.insert(socket.number);
        gave(call).map(|_| Step::Listen { fd: socket.number }.to_string())
    }

    fn accept(&mut self, call: &Call) -> Option<String> {
        match call.outcome.as_ref()? {
            Outcome::Gave(_, _) => {
                // Lo que devuelve es también un descriptor con su explicación.
                let accepted = accepted(call)?;
                self.arrivals += 1;
                let client = ClientId(self.arrivals);
                self.clients.insert(accepted.number, client);
                let address = accepted.peer()?;
                Some(Step::Accept { fd: accepted.number, client, address }.to_string())
            }
            Outcome::Failed(name) => Some(format!("accept: {}", why(name))),
            Outcome::Cut => None,
        }
    }

    fn client(&self, fd: i32) -> ClientId {
        self.clients.get(&fd).copied().unwrap_or(ClientId(0))
    }

    fn read(&self, call: &Call, socket: &Descriptor) -> Option<String> {
        let (fd, client) = (socket.number, self.client(socket.number));
        match call.outcome.as_ref()? {
            Outcome::Gave(bytes, _) => {
                let bytes = usize::try_from(*bytes).ok()?;
                Some(format!("{}{}", Step::Read { fd, client, bytes }, shown(call)))
            }
            Outcome::Failed(name) => {
                Some(Step::ReadFailed { fd, client, result: Shown(&why(name)) }.to_string())
            }
            Outcome::Cut => None,
        }
    }

    fn write(&self, call: &Call, socket: &Descriptor) -> Option<String> {
        let (fd, client) = (socket.number, self.client(socket.number));
        match call.outcome.as_ref()? {
            Outcome::Gave(bytes, _) => {
                let bytes = usize::try_from(*bytes).ok()?;
                let pending = asked(call).unwrap_or(bytes);
                Some(format!("{}{}", Step::Write { fd, client, bytes, pending }, shown(call)))
            }
            Outcome::Failed(name) => {
                Some(Step::WriteFailed { fd, client, result: Shown(&why(name)) }.to_string())
            }
            Outcome::Cut => None,
        }
    }

    fn shutdown(&self, call: &Call, socket: &Descriptor) -> Option<String> {
        let how = call.arguments.rsplit(", ").next()?;
        let result =
            ["SHUT_WR", "SHUT_RDWR", "SHUT_RD"].into_iter().find(|name| how.contains(name))?;
        let (fd, client) = (socket.number, self.client(socket.number));
        Some(match call.outcome.as_ref()? {
            Outcome::Failed(name) => format!("shutdown({fd}, {result}): {}", why(name)),
            _ if result == "SHUT_WR" => Step::Shutdown { fd, client, result }.to_string(),
            _ => format!("shutdown({fd}, {result}): quien esté dentro de una llamada despierta"),
        })
    }

    fn close(&mut self, call: &Call, socket: &Descriptor) -> Option<String> {
        gave(call)?;
        let fd = socket.number;
        self.watched.retain(|_, watched| *watched != fd);
        if self.listeners.remove(&fd) {
            return Some(Step::CloseListener { fd }.to_string());
        }
        Some(match self.clients.remove(&fd) {
            Some(client) => {
                Step::Close { fd, client, result: Shown(&"se cierra la conexión") }.to_string()
            }
            None => format!("close({fd}): se cierra la conexión"),
        })
    }

    fn register(&mut self, call: &Call) -> Option<String> {
        let mut words = call.arguments.splitn(3, ", EPOLL_CTL_");
        let change = words.nth(1)?;
        let (change, rest) = change.split_once(", ")?;
        let socket = descriptor(rest)?;
        let fd = socket.number;
        if let Some(Outcome::Failed(name)) = &call.outcome {
            return Some(format!("epoll_ctl({change}, {fd}): {}", why(name)));
        }
        gave(call)?;
        if let Some(data) = data(rest) {
            self.watched.insert(data, fd);
        }
        let interest = rest
            .split_once("events=")
            .map_or("nada", |(_, rest)| rest.split([',', '}']).next().unwrap_or_default());
        let interest = interest.replace('|', " | ");
        let (client, result) = (self.client(fd), Shown(&interest));
        Some(match change {
            "ADD" if self.listeners.contains(&fd) || socket.is_listener() => {
                Step::RegisterListener { fd, result }.to_string()
            }
            "ADD" => Step::Register { fd, client, result }.to_string(),
            "MOD" => Step::Modify { fd, client, result }.to_string(),
            _ => format!("epoll_ctl: {fd} deja de vigilarse"),
        })
    }

    fn wait(&self, call: &Call, name: &'static str) -> Vec<String> {
        let (count, explained) = match &call.outcome {
            Some(Outcome::Gave(count, explained)) => (*count, explained),
            Some(Outcome::Failed(error)) => return vec![format!("{name}: {}", why(error))],
            _ => return Vec::new(),
        };
        let result = usize::try_from(count).unwrap_or_default();
        let mut lines = vec![Step::Wake { call: name, result }.to_string()];
        let ready = match name {
            "select" => {
                let reading = set(explained, "in").into_iter().map(|fd| (fd, "leer".to_owned()));
                let writing =
                    set(explained, "out").into_iter().map(|fd| (fd, "escribir".to_owned()));
                reading.chain(writing).collect()
            }
            "poll" => pairs(explained, "fd=", "revents="),
            _ => self.ready_for_epoll(&call.arguments),
        };
        for (fd, events) in ready {
            let client = self.client(fd);
            lines.push(if self.listeners.contains(&fd) {
                format!("listo: {fd}, el socket que escucha, para {events}")
            } else {
                Step::Ready { fd, client, result: Shown(&events) }.to_string()
            });
        }
        lines
    }

    /// Si espera a lo que se cuenta. La biblioteca del curso usa poll(2) también para escribir en la
    /// terminal sin detenerse.
    fn waits_for_sockets(&self, call: &Call) -> bool {
        let is_poll = matches!(family(&call.name), Family::Wait("poll"));
        self.origin.is_some() && (!is_poll || call.arguments.contains("<TCP:"))
    }

    fn ready_for_epoll(&self, arguments: &str) -> Vec<(i32, String)> {
        let events = arguments.split("{events=").skip(1);
        let ready = events.filter_map(|event| {
            let names = event.split(',').next()?.replace('|', " | ");
            Some((*self.watched.get(&data(event)?)?, names))
        });
        ready.collect()
    }
}

/// Las llamadas que se cuentan igual.
#[derive(Clone, Copy)]
enum Family {
    Listen,
    Connect,
    Accept,
    Read,
    Write,
    Shutdown,
    Close,
    Register,
    Wait(&'static str),
    Other,
}

fn family(name: &str) -> Family {
    match name {
        "listen" => Family::Listen,
        "connect" => Family::Connect,
        "accept" | "accept4" => Family::Accept,
        "read" | "readv" | "recvfrom" | "recvmsg" => Family::Read,
        "write" | "writev" | "sendto" | "sendmsg" => Family::Write,
        "shutdown" => Family::Shutdown,
        "close" => Family::Close,
        "epoll_ctl" => Family::Register,
        "select" | "pselect6" => Family::Wait("select"),
        "poll" | "ppoll" => Family::Wait("poll"),
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => Family::Wait("epoll_wait"),
        _ => Family::Other,
    }
}

fn gave(call: &Call) -> Option<i64> {
    match call.outcome {
        Some(Outcome::Gave(number, _)) => Some(number),
        _ => None,
    }
}

/// El descriptor que dio accept(2).
fn accepted(call: &Call) -> Option<Descriptor> {
    let Some(Outcome::Gave(number, what)) = &call.outcome else { return None };
    descriptor(&format!("{number}{what}"))
}

fn connect(call: &Call) -> Option<String> {
    let number = descriptor(&call.arguments)?.number;
    let port = call.arguments.split_once("htons(").and_then(|(_, rest)| rest.split(')').next());
    let port = port.unwrap_or("?");
    match call.outcome.as_ref()? {
        Outcome::Gave(..) => Some(format!("connect({number}): conectado con el puerto {port}")),
        Outcome::Failed(name) => Some(format!("connect({number}): {}", why(name))),
        Outcome::Cut => None,
    }
}

/// Cuántos bytes se quería escribir: el número que sigue al texto.
fn asked(call: &Call) -> Option<usize> {
    let (_, rest) = call.arguments.rsplit_once('"')?;
    rest.trim_start_matches("...").split(", ").nth(1)?.parse().ok()
}

/// Los bytes que viajaron, si se saben: ` · "hola\n"`.
fn shown(call: &Call) -> String {
    match text(&call.arguments) {
        Some((bytes, cut)) if !bytes.is_empty() => {
            let more = if cut { "…" } else { "" };
            format!(" · {:?}{more}", String::from_utf8_lossy(&bytes))
        }
        _ => String::new(),
    }
}

/// El dato que epoll devolverá: `u64=1`.
fn data(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("u64=")?;
    Some(rest.split('}').next()?.to_owned())
}

/// Los descriptores y lo que les pasa: `{fd=4, revents=POLLIN}`.
fn pairs(text: &str, number: &str, events: &str) -> Vec<(i32, String)> {
    let pieces = text.split(number).skip(1);
    let found = pieces.filter_map(|piece| {
        let fd = piece.split([',', '<']).next()?.parse().ok()?;
        let (_, names) = piece.split_once(events)?;
        Some((fd, names.split('}').next()?.replace('|', " | ")))
    });
    found.collect()
}

/// Un error, en español: `EAGAIN` → su razón.
fn why(name: &str) -> impl Display {
    let all = (1..134).map(Errno::from_raw);
    let found = all.into_iter().find(|errno| format!("{errno:?}") == name);
    found.map_or_else(|| name.to_owned(), |errno| reason(&io::Error::from(errno)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::Reader;

    /// Lo que se cuenta de una traza.
    fn told(trace: &str) -> String {
        let (mut reader, mut narrator) = (Reader::default(), Narrator::default());
        let calls = trace.lines().filter_map(|line| reader.read(line.trim_start()));
        let finished: Vec<_> = calls.filter(|call| call.outcome.is_some()).collect();
        finished.iter().flat_map(|call| narrator.ended(call)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn un_servidor_con_select_se_cuenta_como_la_lección() {
        let trace = r#"
            7 1.0 read(3</etc/ld.so.cache>, "x", 1) = 1
            7 1.0 listen(3<TCP:[127.0.0.1:8931]>, 128) = 0
            7 1.1 pselect6(4, [3<TCP:[127.0.0.1:8931]>], [], NULL, NULL, NULL) = 1 (in [3])
            7 1.2 accept4(3<TCP:[127.0.0.1:8931]>, {sa_family=AF_INET}, [128 => 16], SOCK_CLOEXEC) = 4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>
            7 1.3 pselect6(5, [3<TCP:[127.0.0.1:8931]> 4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>], [], NULL, NULL, NULL) = 2 (in [4], out [4])
            7 1.4 recvfrom(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>, "hola\n", 16384, 0, NULL, NULL) = 5
            7 1.5 sendto(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>, "hola\n", 5, MSG_NOSIGNAL, NULL, 0) = 3
            7 1.6 recvfrom(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>, 0x7f, 16384, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
            7 1.7 close(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>) = 0
        "#;
        insta::assert_snapshot!(told(trace), @r#"
        [   0.000000] listen(3): el núcleo ya acepta conexiones por nosotros
        [   0.100000] select: 1 listo
        [   0.100000] listo: 3, el socket que escucha, para leer
        [   0.200000] accept: cliente 1 desde 127.0.0.1:44068, descriptor 4
        [   0.300000] select: 2 listos
        [   0.300000] listo: 4, para leer
        [   0.300000] listo: 4, para escribir
        [   0.400000] read(4): 5 bytes · "hola\n"
        [   0.500000] write(4): 3 de 5 bytes · "hola\n"
        [   0.600000] read(4): no hay nada listo
        [   0.700000] close(4): cliente 1: se cierra la conexión
        "#);
    }

    #[test]
    fn un_servidor_con_epoll_y_con_hilos_también() {
        let trace = r#"
            7 1.0 listen(3<TCP:[127.0.0.1:8931]>, 128) = 0
            7 1.1 epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, 3<TCP:[127.0.0.1:8931]>, {events=EPOLLIN, data={u32=0, u64=0}}) = 0
            7 1.2 epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, 5<TCP:[127.0.0.1:8931->127.0.0.1:44090]>, {events=EPOLLIN|EPOLLOUT|EPOLLET, data={u32=1, u64=1}}) = 0
            7 1.3 epoll_wait(4<anon_inode:[eventpoll]>, [{events=EPOLLIN|EPOLLOUT, data={u32=1, u64=1}}], 64, -1) = 1
            8 1.4 recvfrom(5<TCP:[127.0.0.1:8931->127.0.0.1:44090]>, "", 16384, 0, NULL, NULL) = 0
            7 1.5 shutdown(5<TCP:[127.0.0.1:8931->127.0.0.1:44090]>, SHUT_WR) = 0
            7 1.6 close(3<TCP:[127.0.0.1:8931]>) = 0
        "#;
        insta::assert_snapshot!(told(trace), @r#"
        [   0.000000] listen(3): el núcleo ya acepta conexiones por nosotros
        [   0.100000] epoll_ctl: añadido 3, el socket que escucha, para EPOLLIN
        [   0.200000] epoll_ctl: añadido 5 para EPOLLIN | EPOLLOUT | EPOLLET
        [   0.300000] epoll_wait: 1 listo
        [   0.300000] listo: 5, para EPOLLIN | EPOLLOUT
        [   0.400000] hilo 2: read(5): 0 bytes, el otro extremo ya no enviará más
        [   0.500000] shutdown(5, SHUT_WR): ya no enviaremos más
        [   0.600000] close(3): deja de escuchar
        "#);
    }
}
