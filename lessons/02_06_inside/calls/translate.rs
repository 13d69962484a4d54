//! Una llamada de strace, convertida en una línea de la grabación.

use std::fmt::Write;

use super::family::{Family, family};
use super::interests;
use super::tables::{Socket, Tables};
use crate::recording::{Call, Interest};
use crate::strace::fields::{self, Descriptor};
use crate::strace::{self, Outcome};

/// Las opciones de setsockopt(2) que cambian lo que se ve.
const OPTIONS: [&str; 6] =
    ["SO_REUSEADDR", "SO_REUSEPORT", "SO_LINGER", "SO_SNDBUF", "SO_RCVBUF", "TCP_NODELAY"];

/// Lo que cuenta de una llamada, o nada si no es de sockets, de esperas ni de la entrada estándar.
/// El hilo y el momento los pone quien la pide.
pub(super) fn call(call: &strace::Call, process: u32, tables: &mut Tables) -> Option<Call> {
    let arguments = fields::split(&call.arguments);
    let mut translation = Translation {
        process,
        tables,
        told: outlined(call),
        arguments: &arguments,
        outcome: call.outcome.as_ref(),
    };
    translation.fill(family(&call.name))?;
    Some(translation.told)
}

/// Lo que toda llamada tiene.
fn outlined(call: &strace::Call) -> Call {
    let (result, error) = match &call.outcome {
        Some(Outcome::Gave(number, _)) => (Some(*number), None),
        Some(Outcome::Failed(name)) => (None, Some(name.clone())),
        Some(Outcome::Cut) => (None, Some("ERESTART".to_owned())),
        None => (None, None),
    };
    Call { took: call.took, call: call.name.clone(), result, error, ..Call::default() }
}

struct Translation<'a> {
    process: u32,
    tables: &'a mut Tables,
    told: Call,
    arguments: &'a [&'a str],
    outcome: Option<&'a Outcome>,
}

impl<'a> Translation<'a> {
    fn fill(&mut self, family: Family) -> Option<()> {
        match family {
            Family::Socket => self.socket(),
            Family::Bind => {
                self.on_socket()?;
                self.told.local = fields::address(self.argument(1)).map(|it| it.to_string());
                Some(())
            }
            Family::Connect => {
                self.on_socket()?;
                self.told.peer = fields::address(self.argument(1)).map(|it| it.to_string());
                Some(())
            }
            Family::Listen => {
                self.told.local = self.on_socket()?.local;
                self.told.backlog = self.argument(1).parse().ok();
                Some(())
            }
            Family::Accept => self.accept(),
            Family::Read => self.read(),
            Family::Write => self.write(),
            Family::Shutdown => {
                self.on_socket()?;
                let how = self.argument(1).split_whitespace().next();
                self.told.how = how.map(str::to_owned);
                Some(())
            }
            Family::Close => self.close(),
            Family::Option => self.option(),
            Family::Flags => self.flags(),
            Family::Duplicate => self.duplicate(),
            Family::Epoll => Some(()),
            Family::Register => self.register(),
            Family::Wait(name) => self.wait(name),
            Family::Nap => {
                let at = if self.told.call == "nanosleep" { 0 } else { 2 };
                self.told.timeout = fields::milliseconds(self.argument(at));
                Some(())
            }
            Family::Clone | Family::Name | Family::Other => None,
        }
    }

    fn argument(&self, at: usize) -> &'a str {
        self.arguments.get(at).copied().unwrap_or_default()
    }

    fn descriptor(&self) -> Option<Descriptor> {
        fields::descriptor(self.argument(0))
    }

    /// Lo que strace explica de lo que dio.
    fn explained(&self) -> &'a str {
        match self.outcome {
            Some(Outcome::Gave(_, explained)) => explained,
            _ => "",
        }
    }

    /// El descriptor que devolvió, con su explicación.
    fn given(&self) -> Option<Descriptor> {
        let number = i32::try_from(self.told.result?).ok()?;
        let what = self.explained().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        Some(Descriptor { number, what: what.unwrap_or_default().to_owned() })
    }

    /// La llamada es sobre un socket de TCP: cuál, de quién y entre qué direcciones.
    fn on_socket(&mut self) -> Option<Socket> {
        let descriptor = self.descriptor()?;
        let socket = self.tables.socket(self.process, &descriptor)?;
        self.told.fd = Some(descriptor.number);
        self.told.client = socket.client;
        Some(socket)
    }

    fn socket(&mut self) -> Option<()> {
        let tcp =
            self.argument(0).starts_with("AF_INET") && self.argument(1).contains("SOCK_STREAM");
        if let Some(new) = self.given().filter(|_| tcp) {
            self.tables.close(self.process, new.number);
            self.tables.socket(self.process, &new);
        }
        self.told.how = nonblocking(self.argument(1));
        tcp.then_some(())
    }

    fn accept(&mut self) -> Option<()> {
        self.told.local = self.on_socket()?.local;
        self.told.how = nonblocking(self.argument(3));
        if let Some(new) = self.given() {
            let socket = self.tables.accept(self.process, &new);
            self.told.client = socket.client;
            self.told.peer = socket.peer;
        }
        Some(())
    }

    fn read(&mut self) -> Option<()> {
        let descriptor = self.descriptor()?;
        if descriptor.number == 0 && !descriptor.is_tcp() {
            self.told.fd = Some(0);
        } else {
            self.on_socket()?;
        }
        self.told.asked = self.size();
        self.told.bytes = self.travelled();
        Some(())
    }

    fn write(&mut self) -> Option<()> {
        self.on_socket()?;
        self.told.asked = match self.told.call.as_str() {
            "sendfile" => self.argument(3).parse().ok(),
            _ => self.size(),
        };
        self.told.bytes = self.travelled();
        Some(())
    }

    /// El búfer, o los trozos de readv(2) y de sendmsg(2).
    fn buffer(&self) -> &'a str {
        let second = self.argument(1);
        fields::field(second, "msg_iov").unwrap_or(second)
    }

    /// Cuántos bytes caben, o se quieren escribir.
    fn size(&self) -> Option<u64> {
        let pieces = fields::list(self.buffer(), b',');
        if pieces.is_empty() {
            return self.argument(2).parse().ok();
        }
        let sizes = pieces.into_iter().filter_map(|piece| fields::field(piece, "iov_len"));
        Some(sizes.filter_map(|size| size.parse::<u64>().ok()).sum())
    }

    /// Los bytes que de verdad viajaron, o los primeros.
    fn travelled(&self) -> Option<String> {
        let count = usize::try_from(self.told.result?).ok()?;
        let mut bytes = fields::bytes(self.buffer());
        bytes.truncate(count);
        (!bytes.is_empty()).then(|| hexadecimal(&bytes))
    }

    fn close(&mut self) -> Option<()> {
        let descriptor = self.descriptor()?;
        let socket = self.on_socket();
        if self.told.result.is_some() {
            self.tables.close(self.process, descriptor.number);
        }
        socket.map(drop)
    }

    fn option(&mut self) -> Option<()> {
        self.on_socket()?;
        let name = self.argument(2);
        let value = self.argument(3).trim_matches(['[', ']']);
        self.told.how =
            Some(if value == "1" { name.to_owned() } else { format!("{name}={value}") });
        OPTIONS.contains(&name).then_some(())
    }

    fn flags(&mut self) -> Option<()> {
        let (what, value) = (self.argument(1), self.argument(2));
        let on = match what {
            "F_SETFL" => value.contains("O_NONBLOCK"),
            "FIONBIO" => value != "[0]",
            _ if what.starts_with("F_DUPFD") => return self.duplicate(),
            _ => return None,
        };
        self.on_socket()?;
        self.told.how = Some(if on { "O_NONBLOCK" } else { "~O_NONBLOCK" }.to_owned());
        Some(())
    }

    fn duplicate(&mut self) -> Option<()> {
        let old = self.descriptor()?;
        self.on_socket()?;
        let new = self.given()?.number;
        if new != old.number {
            self.tables.close(self.process, new);
            self.tables.duplicate(self.process, old.number, new);
        }
        Some(())
    }

    fn register(&mut self) -> Option<()> {
        let epoll = self.descriptor()?.number;
        let watched = fields::descriptor(self.argument(2))?;
        let socket = self.tables.socket(self.process, &watched);
        self.told.fd = Some(epoll);
        self.told.client = socket.and_then(|socket| socket.client);
        self.told.how = self.argument(1).strip_prefix("EPOLL_CTL_").map(str::to_owned);
        let event = self.argument(3);
        let data = interests::data(event);
        if let (Some(data), Some(_)) = (data, self.told.result) {
            self.tables.watch(self.process, epoll, data, watched.number);
        }
        let events = fields::field(event, "events").unwrap_or_default().to_owned();
        self.told.target = Some(Interest { fd: watched.number, events, data });
        Some(())
    }

    fn wait(&mut self, name: &str) -> Option<()> {
        match name {
            "select" => {
                self.select();
                Some(())
            }
            "poll" => self.poll(),
            _ => {
                self.epoll();
                Some(())
            }
        }
    }

    fn select(&mut self) {
        self.told.nfds = self.argument(0).parse().ok();
        self.told.watch = interests::in_sets([1, 2, 3].map(|at| self.argument(at)));
        self.told.ready = interests::left_in_sets(self.explained());
        self.told.timeout = fields::milliseconds(self.argument(4));
    }

    /// Solo si vigila algún socket: la biblioteca del curso usa poll(2) también para escribir en la
    /// terminal sin detenerse.
    fn poll(&mut self) -> Option<()> {
        if !self.argument(0).contains("<TCP") {
            return None;
        }
        self.told.watch = interests::polled(self.argument(0), "events");
        let explained = self.explained().trim_start_matches('(').trim_end_matches(')');
        self.told.ready = interests::polled(explained, "revents");
        self.told.timeout = timeout(self.argument(2));
        Some(())
    }

    fn epoll(&mut self) {
        let epoll = self.descriptor().map_or(-1, |descriptor| descriptor.number);
        self.told.fd = Some(epoll);
        if self.told.result.is_some() {
            let known = |data| self.tables.watched(self.process, epoll, data);
            self.told.ready = interests::reported(self.argument(1), known);
        }
        self.told.timeout = timeout(self.argument(3));
    }
}

/// Un plazo en milisegundos, o en una estructura. Negativo, o ausente, es sin plazo.
fn timeout(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(number) => (number >= 0).then_some(number),
        Err(_) => fields::milliseconds(text),
    }
}

fn nonblocking(flags: &str) -> Option<String> {
    flags.contains("SOCK_NONBLOCK").then(|| "SOCK_NONBLOCK".to_owned())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Escribir en un texto no falla.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
