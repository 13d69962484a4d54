//! De lo que strace vio, lo que cuenta: las llamadas sobre sockets, las esperas, los hilos y su
//! final, con hilos y clientes numerados. Lo demás (archivos, memoria) se descarta.

pub mod family;
mod interests;
mod tables;
mod translate;

use std::collections::BTreeMap;

use crate::recording::{Call, Record};
use crate::strace::{self, Event, Outcome};
use family::{Family, family};
use tables::Tables;

/// Las llamadas que hay que pedir a strace. Las que llevan `?` no existen en todas las máquinas.
pub(crate) const CALLS: &str = "trace=execve,?clone,?clone3,?fork,?vfork,prctl,\
    socket,bind,listen,connect,accept,accept4,recvfrom,recvmsg,sendto,sendmsg,shutdown,setsockopt,\
    read,write,readv,writev,?sendfile,close,dup,?dup2,dup3,fcntl,ioctl,\
    ?select,?pselect6,?poll,?ppoll,?epoll_create,?epoll_create1,\
    ?epoll_ctl,?epoll_wait,?epoll_pwait,?epoll_pwait2,?nanosleep,?clock_nanosleep";

/// Lo que se sabe del programa por lo que ha hecho.
#[derive(Debug, Default)]
pub struct Calls {
    /// Cuándo empieza a contar el tiempo: microsegundos desde 1970.
    origin: Option<u64>,
    threads: BTreeMap<u32, Thread>,
    numbered: u32,
    /// Los hilos que están creando a otro: quien nace puede verse antes de que se sepa su número.
    creating: BTreeMap<u32, bool>,
    tables: Tables,
    /// Si ya se ha contado algo de sus sockets: antes, sus esperas no interesan.
    started: bool,
}

/// Un hilo, o el primero de un proceso.
#[derive(Clone, Debug)]
struct Thread {
    /// Su número en la grabación, si ya ha hecho algo que se cuente.
    number: Option<u32>,
    /// El primer hilo de su proceso.
    process: u32,
    parent: Option<u32>,
    born: u64,
    name: Option<String>,
}

impl Calls {
    /// Con el tiempo contado desde `origin`, en microsegundos desde 1970.
    pub fn since(origin: u64) -> Calls {
        Calls { origin: Some(origin), ..Calls::default() }
    }

    /// Lo que hay que apuntar de un suceso: nada, una línea, o dos si la hace un hilo nuevo. Una
    /// llamada que no ha terminado no se apunta: véase [`Calls::asleep`].
    pub fn read(&mut self, event: &Event) -> Vec<Record> {
        match event {
            Event::Begun(call) => {
                self.meet(call.thread, call.at);
                self.begins(call);
                Vec::new()
            }
            Event::Ended(call) => {
                self.meet(call.thread, call.at);
                self.ended(call)
            }
            Event::Signal { thread, at, name } => self.signal(*thread, *at, name),
            Event::Exited { thread, at, code, signal } => {
                let known = self.threads.remove(thread).and_then(|thread| thread.number);
                let (us, signal) = (self.since_origin(*at), signal.clone());
                known
                    .map(|thread| Record::Exit { us, thread, code: *code, signal })
                    .into_iter()
                    .collect()
            }
            Event::Frame(_) => Vec::new(),
        }
    }

    /// Lo que hay que apuntar de una llamada en la que su hilo duerme.
    pub fn asleep(&mut self, call: &strace::Call) -> Vec<Record> {
        self.translated(call)
    }

    /// Los procesos que siguen vivos, por su número en el núcleo, y el del hilo que los cuenta.
    pub fn processes(&self) -> impl Iterator<Item = (u32, Option<u32>)> + Clone {
        let first = |(tid, thread): (&u32, &Thread)| {
            (*tid == thread.process).then_some((*tid, thread.number))
        };
        self.threads.iter().filter_map(first)
    }

    /// Si ya se ha contado algo de sus sockets.
    pub fn has_sockets(&self) -> bool {
        self.started
    }

    /// Si ya se ha visto a algún hilo.
    pub fn has_any(&self) -> bool {
        !self.threads.is_empty()
    }

    fn since_origin(&mut self, at: u64) -> u64 {
        at.saturating_sub(*self.origin.get_or_insert(at))
    }

    /// Un hilo del que no se sabía nada: el primero, o el que alguien está creando.
    fn meet(&mut self, thread: u32, at: u64) {
        if !self.threads.contains_key(&thread) {
            let creator = self.creating.iter().next().map(|(tid, process)| (*tid, *process));
            self.born(thread, at, creator);
        }
    }

    fn born(&mut self, thread: u32, born: u64, creator: Option<(u32, bool)>) {
        let parent = creator.map(|(parent, _)| parent);
        let around = parent.and_then(|parent| self.threads.get(&parent)).map(|it| it.process);
        let process = match (creator, around) {
            (Some((_, false)), Some(process)) => process,
            (_, Some(process)) => {
                self.tables.fork(process, thread);
                thread
            }
            _ => thread,
        };
        let new = Thread { number: None, process, parent, born, name: None };
        self.threads.insert(thread, new);
    }

    fn begins(&mut self, call: &strace::Call) {
        if family(&call.name) == Family::Clone {
            self.creating.insert(call.thread, is_process(call));
        }
    }

    fn ended(&mut self, call: &strace::Call) -> Vec<Record> {
        match (family(&call.name), &call.outcome) {
            (Family::Clone, outcome) => {
                self.creating.remove(&call.thread);
                if let Some(Outcome::Gave(new, _)) = outcome
                    && let Ok(new) = u32::try_from(*new)
                    && !self.threads.contains_key(&new)
                {
                    self.born(new, call.at, Some((call.thread, is_process(call))));
                }
                Vec::new()
            }
            (Family::Name, Some(Outcome::Gave(..))) => self.named(call),
            _ => self.translated(call),
        }
    }

    /// `prctl(PR_SET_NAME, "conexión 1")`, `execve("/usr/bin/python3", …)`.
    fn named(&mut self, call: &strace::Call) -> Vec<Record> {
        let mut arguments = strace::fields::split(&call.arguments).into_iter();
        let name = match call.name.as_str() {
            "execve" => arguments.next(),
            _ => arguments.next().filter(|what| *what == "PR_SET_NAME").and(arguments.next()),
        };
        let name = name.map(strace::fields::bytes).unwrap_or_default();
        let name = String::from_utf8_lossy(&name);
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        let Some(thread) = self.threads.get_mut(&call.thread).filter(|_| !name.is_empty()) else {
            return Vec::new();
        };
        thread.name = Some(name);
        match thread.number {
            Some(number) => vec![self.presented(call.thread, number)],
            None => Vec::new(),
        }
    }

    fn signal(&mut self, thread: u32, at: u64, name: &str) -> Vec<Record> {
        // Detenerse y seguir es cosa de la terminal.
        let matters = !matches!(name, "SIGCONT" | "SIGSTOP" | "SIGTSTP" | "SIGWINCH" | "SIGCHLD");
        let number = self.threads.get(&thread).and_then(|thread| thread.number);
        let us = self.since_origin(at);
        let signal = name.to_owned();
        let record = number.map(|thread| Record::Signal { us, thread, signal });
        record.filter(|_| matters).into_iter().collect()
    }

    fn translated(&mut self, call: &strace::Call) -> Vec<Record> {
        let us = self.since_origin(call.at);
        let process = self.threads.get(&call.thread).map_or(call.thread, |it| it.process);
        let Some(mut told) = translate::call(call, process, &mut self.tables) else {
            return Vec::new();
        };
        self.started |= is_about_sockets(&told);
        if !self.started && family(&call.name) != Family::Epoll {
            return Vec::new();
        }
        let mut records = Vec::new();
        told.thread = self.number(call.thread, &mut records);
        told.us = us;
        records.push(Record::Call(Box::new(told)));
        records
    }

    /// El número de un hilo; si aún no tenía, se apunta que existe.
    fn number(&mut self, tid: u32, records: &mut Vec<Record>) -> u32 {
        if let Some(number) = self.threads.get(&tid).and_then(|thread| thread.number) {
            return number;
        }
        self.numbered += 1;
        let number = self.numbered;
        self.meet(tid, 0);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.number = Some(number);
        }
        records.push(self.presented(tid, number));
        number
    }

    fn presented(&self, tid: u32, number: u32) -> Record {
        let thread = self.threads.get(&tid);
        let parent = thread.and_then(|thread| self.threads.get(&thread.parent?)?.number);
        let born = thread.map_or(0, |thread| thread.born);
        Record::Thread {
            us: born.saturating_sub(self.origin.unwrap_or(born)),
            thread: number,
            parent: parent.unwrap_or(0),
            process: thread.is_some_and(|thread| thread.process == tid),
            name: thread.and_then(|thread| thread.name.clone()),
        }
    }
}

/// Si es de sockets, y no una espera, ni de la entrada estándar.
fn is_about_sockets(call: &Call) -> bool {
    match family(&call.call) {
        Family::Wait(_) | Family::Nap | Family::Epoll => false,
        Family::Read => !call.is_of_stdin(),
        _ => true,
    }
}

/// Si lo que nace es un proceso, y no un hilo: clone(2).
fn is_process(call: &strace::Call) -> bool {
    !call.arguments.contains("CLONE_THREAD")
}
