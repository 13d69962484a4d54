//! Cuenta los pasos de un servidor, vistos desde fuera, con las frases de `-v` de las lecciones; y
//! por qué importa cada uno.

mod reasons;

use std::collections::BTreeSet;

use multiplexacion::client_id::ClientId;
use multiplexacion::steps::{Shown, Step};

use crate::calls::family::{Family, family};
use crate::error_names;
use crate::recording::{Call, Interest, Record};

/// Cuántos bytes de lo que viaja se muestran.
const SHOWN: usize = 64;

/// Lo que se cuenta de una línea de la grabación.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Qué pasó, una frase por paso; nada, si aún no ha terminado.
    pub say: Vec<String>,
    /// Por qué importa.
    pub why: Option<String>,
    /// Que el hilo se durmió en ella, si lo hizo.
    pub asleep: Option<String>,
}

/// Lo que se sabe de un servidor por lo que ha hecho.
#[derive(Debug, Default)]
pub struct Narrator {
    clients: BTreeSet<u64>,
    listeners: BTreeSet<i32>,
    reasons: reasons::Reasons,
}

impl Narrator {
    /// Las frases de una línea. Las líneas han de llegar en orden.
    pub fn tell(&mut self, record: &Record) -> Told {
        let say = |sentence: String| Told { say: vec![sentence], ..Told::default() };
        match record {
            Record::Call(call) => self.call(call),
            Record::Thread { thread, process, name, .. } => {
                self.reasons.born(record);
                say(started(*thread, *process, name.as_deref()))
            }
            Record::Signal { signal, .. } => say(format!("llega la señal {signal}")),
            Record::Exit { thread, code, signal, .. } => {
                say(ended(*thread, *code, signal.as_deref()))
            }
            Record::Omitted { count, .. } => {
                say(format!("aquí faltan {count} llamadas: eran demasiadas"))
            }
            Record::Recording(_) | Record::Source { .. } | Record::Sample(_) => Told::default(),
        }
    }

    fn call(&mut self, call: &Call) -> Told {
        let asleep = self.asleep(call);
        if call.took.is_none() {
            return Told { asleep, ..Told::default() };
        }
        let say = self.sentences(call);
        let why = self.reasons.of(call);
        Told { say, why, asleep }
    }

    /// Que el hilo duerme en ella, o durmió.
    fn asleep(&self, call: &Call) -> Option<String> {
        if !call.slept && call.took.is_some() {
            return None;
        }
        let clients = self.clients.len();
        let fd = call.fd.unwrap_or_default();
        Some(match family(&call.call) {
            Family::Wait(name) => Step::Sleep { call: name, clients }.to_string(),
            Family::Nap => match call.timeout {
                Some(time) => format!("{}: a dormir {time} ms, pase lo que pase", call.call),
                None => format!("{}: a dormir, pase lo que pase", call.call),
            },
            Family::Accept => "accept: a dormir, hasta que alguien llame".to_owned(),
            Family::Read if call.is_of_stdin() => {
                "read(0): a dormir, hasta que se escriba algo".to_owned()
            }
            Family::Read => format!("read({fd}): a dormir, hasta que lleguen bytes"),
            Family::Write => format!("write({fd}): a dormir, hasta que quepan más bytes"),
            Family::Connect => format!("connect({fd}): a dormir, hasta que respondan"),
            _ => return None,
        })
    }

    fn sentences(&mut self, call: &Call) -> Vec<String> {
        if call.is_cut() {
            return vec![format!("{}: la corta una señal", cut(call))];
        }
        match family(&call.call) {
            Family::Wait(name) => self.wait(call, name),
            Family::Accept => self.accept(call).into_iter().collect(),
            Family::Register => self.register(call).into_iter().collect(),
            Family::Close => vec![self.close(call)],
            Family::Listen => self.listen(call).into_iter().collect(),
            other => on_socket(call, other).into_iter().collect(),
        }
    }

    fn listen(&mut self, call: &Call) -> Option<String> {
        let fd = call.fd?;
        self.listeners.insert(fd);
        call.result.map(|_| Step::Listen { fd }.to_string())
    }

    fn accept(&mut self, call: &Call) -> Option<String> {
        if let Some(name) = &call.error {
            return Some(format!("accept: {}", why(name)));
        }
        let number = call.client?;
        self.clients.insert(number);
        let (fd, client) = (i32::try_from(call.result?).ok()?, ClientId(number));
        let address = call.peer.as_ref()?.parse().ok()?;
        Some(Step::Accept { fd, client, address }.to_string())
    }

    fn close(&mut self, call: &Call) -> String {
        let fd = call.fd.unwrap_or_default();
        if let Some(name) = &call.error {
            return format!("close({fd}): {}", why(name));
        }
        if call.client.is_none() && self.listeners.remove(&fd) {
            return Step::CloseListener { fd }.to_string();
        }
        match call.client {
            Some(number) => {
                self.clients.remove(&number);
                let client = ClientId(number);
                Step::Close { fd, client, result: Shown(&"se cierra la conexión") }.to_string()
            }
            None => format!("close({fd}): se cierra la conexión"),
        }
    }

    fn register(&self, call: &Call) -> Option<String> {
        let (target, change) = (call.target.as_ref()?, call.how.as_deref()?);
        let fd = target.fd;
        if let Some(name) = &call.error {
            return Some(format!("epoll_ctl({change}, {fd}): {}", why(name)));
        }
        let interest = match target.events.as_str() {
            "" => "nada".to_owned(),
            events => spaced(events),
        };
        let (client, result) = (client(call), Shown(&interest));
        Some(match change {
            "ADD" if self.listens(fd, call.client) => {
                Step::RegisterListener { fd, result }.to_string()
            }
            "ADD" => Step::Register { fd, client, result }.to_string(),
            "MOD" => Step::Modify { fd, client, result }.to_string(),
            _ => format!("epoll_ctl: {fd} deja de vigilarse"),
        })
    }

    fn wait(&self, call: &Call, name: &'static str) -> Vec<String> {
        if let Some(error) = &call.error {
            return vec![format!("{name}: {}", why(error))];
        }
        let result = call.result.and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        let ready = call.ready.iter().map(|ready| self.ready(ready));
        [Step::Wake { call: name, result }.to_string()].into_iter().chain(ready).collect()
    }

    fn ready(&self, ready: &Interest) -> String {
        let (fd, events) = (ready.fd, spaced(&ready.events));
        if self.listens(fd, None) {
            return format!("listo: {fd}, el socket que escucha, para {events}");
        }
        Step::Ready { fd, client: ClientId(0), result: Shown(&events) }.to_string()
    }

    fn listens(&self, fd: i32, client: Option<u64>) -> bool {
        client.is_none() && self.listeners.contains(&fd)
    }
}

/// Las llamadas cuya frase sale solo de ellas.
fn on_socket(call: &Call, family: Family) -> Option<String> {
    let fd = call.fd.unwrap_or_default();
    if let (Some(name), Some(verb)) = (&call.error, verb(call, family)) {
        return Some(format!("{verb}: {}", why(name)));
    }
    match family {
        Family::Read if call.is_of_stdin() => {
            Some(format!("read(0), la entrada estándar: {} bytes{}", call.result?, shown(call)))
        }
        Family::Read => Some(read(call, fd)?),
        Family::Write => Some(write(call, fd)?),
        Family::Shutdown => shutdown(call, fd),
        Family::Connect => {
            let port = call.peer.as_deref().and_then(|peer| peer.rsplit(':').next());
            Some(format!("connect({fd}): conectado con el puerto {}", port.unwrap_or("?")))
        }
        Family::Socket => Some(format!(
            "socket: descriptor {}, un socket de TCP sin dirección todavía",
            call.result?
        )),
        Family::Bind => Some(format!("bind({fd}): su dirección es {}", call.local.as_deref()?)),
        Family::Option => Some(format!("setsockopt({fd}): {}", call.how.as_deref()?)),
        Family::Flags if call.how.as_deref() == Some("O_NONBLOCK") => Some(format!(
            "{}({fd}, O_NONBLOCK): leer y escribir en él ya no duerme a nadie",
            call.call
        )),
        Family::Flags => {
            Some(format!("{}({fd}): leer y escribir en él vuelve a dormir", call.call))
        }
        Family::Duplicate => Some(format!("{}({fd}): también es el {}", call.call, call.result?)),
        Family::Epoll => {
            Some(format!("{}: descriptor {}, para vigilar a otros", call.call, call.result?))
        }
        Family::Nap => Some(format!("{}: despierta", call.call)),
        _ => None,
    }
}

/// Con qué empieza la frase de una llamada que cortó una señal.
fn cut(call: &Call) -> String {
    match family(&call.call) {
        Family::Wait(name) => name.to_owned(),
        Family::Accept => "accept".to_owned(),
        other => verb(call, other).unwrap_or_else(|| call.call.clone()),
    }
}

/// Con qué empieza la frase de un fallo.
fn verb(call: &Call, family: Family) -> Option<String> {
    let fd = call.fd.unwrap_or_default();
    Some(match family {
        Family::Read => format!("read({fd})"),
        Family::Write => format!("write({fd})"),
        Family::Connect => format!("connect({fd})"),
        Family::Bind | Family::Option | Family::Flags | Family::Duplicate => {
            format!("{}({fd})", call.call)
        }
        Family::Socket | Family::Epoll | Family::Nap => call.call.clone(),
        Family::Shutdown => format!("shutdown({fd}, {})", call.how.as_deref()?),
        _ => return None,
    })
}

fn read(call: &Call, fd: i32) -> Option<String> {
    let bytes = usize::try_from(call.result?).ok()?;
    Some(format!("{}{}", Step::Read { fd, client: client(call), bytes }, shown(call)))
}

fn write(call: &Call, fd: i32) -> Option<String> {
    let bytes = usize::try_from(call.result?).ok()?;
    let asked = call.asked.and_then(|asked| usize::try_from(asked).ok());
    let pending = asked.unwrap_or(bytes);
    Some(format!("{}{}", Step::Write { fd, client: client(call), bytes, pending }, shown(call)))
}

fn shutdown(call: &Call, fd: i32) -> Option<String> {
    let how = call.how.as_deref()?;
    Some(if how == "SHUT_WR" {
        Step::Shutdown { fd, client: client(call), result: "SHUT_WR" }.to_string()
    } else {
        format!("shutdown({fd}, {how}): quien esté dentro de una llamada despierta")
    })
}

fn started(thread: u32, process: bool, name: Option<&str>) -> String {
    let what = if process { "proceso" } else { "hilo" };
    match name {
        Some(name) => format!("empieza el {what} {thread}, «{name}»"),
        None => format!("empieza el {what} {thread}"),
    }
}

fn ended(thread: u32, code: Option<i32>, signal: Option<&str>) -> String {
    match (code, signal) {
        (_, Some(signal)) => format!("el hilo {thread} termina: lo mata la señal {signal}"),
        (Some(code), None) => format!("el hilo {thread} termina, con código {code}"),
        (None, None) => format!("el hilo {thread} termina"),
    }
}

fn client(call: &Call) -> ClientId {
    ClientId(call.client.unwrap_or_default())
}

/// `EPOLLIN|EPOLLOUT`, como lo escriben las lecciones.
fn spaced(events: &str) -> String {
    events.replace('|', " | ")
}

/// Los bytes que viajaron, si se saben: ` · "hola\n"`.
fn shown(call: &Call) -> String {
    let mut bytes = call.first_bytes();
    if bytes.is_empty() {
        return String::new();
    }
    bytes.truncate(SHOWN);
    let all = call.result.and_then(|count| usize::try_from(count).ok());
    let more = if all.is_some_and(|all| all > bytes.len()) { "…" } else { "" };
    format!(" · {:?}{more}", String::from_utf8_lossy(&bytes))
}

/// Un error, en español: `EAGAIN` → su razón.
fn why(name: &str) -> String {
    error_names::said_of(name).unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests;
