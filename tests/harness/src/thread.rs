//! Qué hace un hilo, hasta donde el núcleo quiera contarlo (proc(5)).

use std::fs;

use nix::unistd::{getpid, gettid};
use procfs::ProcResult;
use procfs::process::{Process, Syscall};

use crate::system_call::SystemCall;

/// Un hilo de un programa. Puede haber terminado ya: entonces no se sabe nada de él.
#[derive(Debug, Clone, Copy)]
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
        /// A qué descriptor, si va de uno: `7 (socket:[1234])`.
        descriptor: Option<String>,
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
    pub(crate) fn name(self) -> Option<String> {
        self.ask(Process::stat).map(|stat| stat.comm)
    }

    /// Si ahora mismo usa un procesador o hace cola para usarlo.
    pub fn is_awake(self) -> Option<bool> {
        self.ask(Process::stat).map(|stat| stat.state == 'R')
    }

    /// Qué hace ahora mismo.
    pub fn doing(self) -> Option<Doing> {
        self.system_call().or_else(|| self.kernel_function())
    }

    fn system_call(self) -> Option<Doing> {
        let Syscall::Blocked { syscall_number, argument_registers: [first, ..], .. } =
            self.ask(Process::syscall)?
        else {
            return Some(Doing::Running);
        };
        let call = SystemCall::numbered(syscall_number)?;
        let descriptor = call.takes_descriptor.then(|| self.descriptor(first));
        Some(Doing::Calling { name: call.name, descriptor })
    }

    fn descriptor(self, number: u64) -> String {
        match fs::read_link(format!("/proc/{}/fd/{number}", self.pid)) {
            Ok(target) => format!("{number} ({})", target.display()),
            Err(_) => number.to_string(),
        }
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
