//! Las llamadas al sistema que se comparan, con un contador delante.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};
use nix::sys::select::{FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};

/// Lo que ha trabajado el núcleo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Llamadas para decirle a quién vigilar: epoll_ctl(2).
    pub registrations: usize,
    /// Llamadas para esperar: select(2), epoll_wait(2).
    pub waits: usize,
    /// Descriptores que examinó en esas esperas. Con `select`, todos los de los conjuntos, cada
    /// vez; con `epoll`, los de su lista de listos (epoll(7)).
    pub examined: usize,
}

/// El núcleo, que apunta lo que se le pide. Cada motor tiene el suyo.
#[derive(Debug)]
pub struct Kernel {
    /// Nada, si no se cuenta.
    work: Option<Cell<Work>>,
}

impl Kernel {
    /// El que cuenta.
    pub fn counting() -> Kernel {
        Kernel { work: Some(Cell::default()) }
    }

    /// El que no: contar también cuesta, y estorba a quien mide tiempos.
    pub fn silent() -> Kernel {
        Kernel { work: None }
    }

    /// Lo que ha trabajado hasta ahora.
    pub fn work(&self) -> Work {
        self.work.as_ref().map(Cell::get).unwrap_or_default()
    }

    /// select(2). Deja en los conjuntos solo a los que están listos, y dice cuántos son.
    pub fn select<'a>(
        &self,
        reading: &mut FdSet<'a>,
        writing: &mut FdSet<'a>,
        limit: Option<Duration>,
    ) -> io::Result<usize> {
        self.note(|work| {
            let asked = reading.fds(None).chain(writing.fds(None)).map(|fd| fd.as_raw_fd());
            work.waits += 1;
            work.examined += asked.collect::<BTreeSet<_>>().len();
        });
        let mut limit = limit.map(timeval);
        let ready = select(None, reading, writing, None, limit.as_mut())?;
        Ok(usize::try_from(ready).unwrap_or_default())
    }

    /// epoll_create1(2).
    pub fn epoll_create(&self) -> io::Result<Epoll> {
        Ok(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?)
    }

    /// epoll_ctl(2) con EPOLL_CTL_ADD.
    pub fn epoll_add(&self, epoll: &Epoll, socket: impl AsFd, event: EpollEvent) -> io::Result<()> {
        self.note(|work| work.registrations += 1);
        Ok(epoll.add(socket, event)?)
    }

    /// epoll_ctl(2) con EPOLL_CTL_MOD.
    pub fn epoll_modify(
        &self,
        epoll: &Epoll,
        socket: impl AsFd,
        mut event: EpollEvent,
    ) -> io::Result<()> {
        self.note(|work| work.registrations += 1);
        Ok(epoll.modify(socket, &mut event)?)
    }

    /// epoll_ctl(2) con EPOLL_CTL_DEL.
    pub fn epoll_delete(&self, epoll: &Epoll, socket: impl AsFd) -> io::Result<()> {
        self.note(|work| work.registrations += 1);
        Ok(epoll.delete(socket)?)
    }

    /// epoll_wait(2). Llena los primeros lugares de `events`, y dice cuántos.
    pub fn epoll_wait(
        &self,
        epoll: &Epoll,
        events: &mut [EpollEvent],
        limit: Option<Duration>,
    ) -> io::Result<usize> {
        let limit = match limit {
            Some(limit) => EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX),
            None => EpollTimeout::NONE,
        };
        let count = epoll.wait(events, limit)?;
        self.note(|work| {
            work.waits += 1;
            work.examined += count;
        });
        Ok(count)
    }

    fn note(&self, change: impl FnOnce(&mut Work)) {
        if let Some(counted) = &self.work {
            let mut work = counted.get();
            change(&mut work);
            counted.set(work);
        }
    }
}

fn timeval(span: Duration) -> TimeVal {
    TimeVal::microseconds(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}
