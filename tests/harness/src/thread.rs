//! Qué hace un hilo, hasta donde el núcleo quiera contarlo (proc(5)).

use nix::unistd::{getpid, gettid};
use procfs::ProcResult;
use procfs::process::{Process, Syscall};

use crate::descriptor::Descriptors;
use crate::system_call::{SystemCall, Waits};
use crate::watching::{Memory, Unit, Watching, milliseconds};

/// Un hilo de un programa. Puede haber terminado ya: entonces no se sabe nada de él.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread {
    pid: i32,
    pub(crate) tid: i32,
}

/// Lo que hace un hilo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// Gasta procesador, sin dormir en ninguna llamada.
    Running,
    /// Está en una llamada al sistema.
    Calling {
        /// Como en su página del manual, sin la sección: `accept4`.
        name: &'static str,
        /// A qué descriptor, si va de uno: `7 (conexión con 127.0.0.1:40112)`.
        descriptor: Option<String>,
        /// A quién vigila, si espera por varios a la vez.
        watching: Option<Watching>,
    },
    /// Duerme en esa función del núcleo. Es lo que queda sin permiso para ver la llamada, como en
    /// algunos contenedores.
    Sleeping(String),
}

impl Thread {
    /// El que llama.
    pub fn current() -> Thread {
        Thread { pid: getpid().as_raw(), tid: gettid().as_raw() }
    }

    /// Los de este proceso, en orden de creación.
    pub fn all_here() -> Vec<Thread> {
        Process::myself().and_then(|process| Thread::all_of(&process)).unwrap_or_default()
    }

    /// Los de un proceso, en orden de creación.
    pub(crate) fn all_of(process: &Process) -> ProcResult<Vec<Thread>> {
        let mut threads: Vec<Thread> = process
            .tasks()?
            .flatten()
            .map(|task| Thread { pid: task.pid, tid: task.tid })
            .collect();
        threads.sort_unstable_by_key(|thread| thread.tid);
        Ok(threads)
    }

    /// Su nombre. El núcleo lo corta a 15 bytes.
    pub fn name(self) -> Option<String> {
        self.ask(Process::stat).map(|stat| stat.comm)
    }

    /// Si ahora mismo usa un procesador o hace cola para usarlo.
    pub fn is_awake(self) -> Option<bool> {
        self.ask(Process::stat).map(|stat| stat.state == 'R')
    }

    /// Cuántas veces se ha dormido: al hacerlo deja su procesador por su voluntad (proc(5),
    /// `voluntary_ctxt_switches`). Mientras no crezca, no ha despertado.
    pub fn times_asleep(self) -> Option<u64> {
        self.ask(Process::status)?.voluntary_ctxt_switches
    }

    /// Qué hace ahora mismo. `descriptors` son los de su proceso.
    pub fn doing(self, descriptors: &Descriptors) -> Option<Doing> {
        self.system_call(descriptors).or_else(|| self.kernel_function())
    }

    /// El primero de su proceso: el que ejecuta `main`.
    pub fn is_main(self) -> bool {
        self.tid == self.pid
    }

    fn system_call(self, descriptors: &Descriptors) -> Option<Doing> {
        let seen = self.ask(Process::syscall)?;
        let Syscall::Blocked { syscall_number, argument_registers: arguments, .. } = seen else {
            return Some(Doing::Running);
        };
        let call = SystemCall::numbered(syscall_number)?;
        let descriptor = call.takes_descriptor().then(|| descriptors.describe(arguments[0]));
        let watching = self.watching(call.waits, arguments);
        // Lo que se leyó de su memoria solo vale si no se ha movido de ahí.
        let watching = watching.filter(|_| self.is_still_in(syscall_number, arguments));
        Some(Doing::Calling { name: call.name, descriptor, watching })
    }

    fn watching(self, waits: Waits, arguments: [u64; 6]) -> Option<Watching> {
        let memory = || Memory::of(self.pid);
        let [first, second, third, fourth, ..] = arguments;
        match waits {
            Waits::Select => Watching::select(&memory()?, arguments, Unit::Micros),
            Waits::Pselect => Watching::select(&memory()?, arguments, Unit::Nanos),
            Waits::Poll => Watching::poll(&memory()?, first, second, milliseconds(third)),
            Waits::Ppoll => {
                let memory = memory()?;
                Watching::poll(&memory, first, second, memory.timeout(third, Unit::Nanos)?)
            }
            Waits::Epoll => Watching::epoll(self.pid, first, milliseconds(fourth)),
            Waits::Epoll2 => {
                Watching::epoll(self.pid, first, memory()?.timeout(fourth, Unit::Nanos)?)
            }
            Waits::Descriptor | Waits::Other => None,
        }
    }

    fn is_still_in(self, call: i64, arguments: [u64; 6]) -> bool {
        matches!(
            self.ask(Process::syscall),
            Some(Syscall::Blocked { syscall_number, argument_registers, .. })
                if syscall_number == call && argument_registers == arguments
        )
    }

    fn kernel_function(self) -> Option<Doing> {
        let function = self.ask(Process::wchan)?;
        (!matches!(function.as_str(), "" | "0")).then_some(Doing::Sleeping(function))
    }

    /// En la carpeta de un hilo están los mismos archivos que en la de un proceso.
    fn ask<T>(self, question: impl Fn(&Process) -> ProcResult<T>) -> Option<T> {
        let folder = format!("/proc/{}/task/{}", self.pid, self.tid);
        Process::new_with_root(folder.into()).and_then(|thread| question(&thread)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
    use std::sync::mpsc;
    use std::thread;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::select::{FdSet, select};
    use nix::sys::time::{TimeVal, TimeValLike};

    use crate::waiting;

    /// Qué hace un hilo que espera con `wait` a un socket que escucha, y el descriptor de este.
    fn sleeping(wait: fn(BorrowedFd<'_>)) -> (Watching, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let descriptor = u64::try_from(listener.as_raw_fd()).unwrap();
        let (introduce, introduced) = mpsc::channel();
        // Duerme hasta que termine el proceso, y con él su socket.
        thread::spawn(move || {
            introduce.send(Thread::current()).unwrap();
            wait(listener.as_fd());
        });
        let thread = introduced.recv().unwrap();
        let watching =
            waiting::poll(waiting::DEFAULT_LIMIT, || match thread.doing(&Descriptors::here()) {
                Some(Doing::Calling { watching, .. }) => watching,
                _ => None,
            });
        (watching.expect("está en la llamada"), descriptor)
    }

    #[test]
    fn de_quien_duerme_en_select_se_sabe_a_quién_vigila() {
        let (watching, descriptor) = sleeping(|fd| {
            let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
            reading.insert(fd);
            let _ = select(fd.as_raw_fd(), &mut reading, &mut writing, None, None);
        });
        assert_eq!(watching.bound, Some(descriptor));
        assert_eq!(watching.descriptors, [(descriptor, "para leer".to_owned())]);
        assert_eq!(watching.unseen().collect::<Vec<_>>(), [descriptor]);
        assert_eq!(watching.until, "sin plazo");
    }

    #[test]
    fn y_hasta_cuándo() {
        let (watching, _) = sleeping(|fd| {
            let mut reading = FdSet::new();
            reading.insert(fd);
            let _ = select(None, &mut reading, None, None, &mut TimeVal::seconds(600));
        });
        assert_eq!(watching.until, "como mucho 600 s");
        assert_eq!(watching.unseen().count(), 0);
    }

    #[test]
    fn de_quien_duerme_en_poll_también() {
        let (watching, descriptor) = sleeping(|fd| {
            let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::NONE);
        });
        assert_eq!(watching.descriptors, [(descriptor, "POLLIN".to_owned())]);
        assert_eq!(watching.until, "sin plazo");
    }

    #[test]
    fn y_de_quien_duerme_en_epoll_wait() {
        let (watching, descriptor) = sleeping(|fd| {
            let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
            let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 7);
            epoll.add(fd, event).unwrap();
            let _ = epoll.wait(&mut [EpollEvent::empty()], PollTimeout::NONE);
        });
        assert_eq!(watching.descriptors, [(descriptor, "EPOLLIN | EPOLLET".to_owned())]);
        assert_eq!(watching.until, "sin plazo");
    }
}
