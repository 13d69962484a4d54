//! `select(2)`: dos conjuntos de bits, uno por pregunta.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::select::{FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};

use super::{Events, File, Keys, Ready, Selector, index};

/// Bits que tiene un conjunto: el descriptor más alto que `select` conoce es el 1023.
///
/// No es un límite del núcleo: es el tamaño del tipo `fd_set` con el que se compiló la biblioteca
/// de C, y por eso no se puede subir (select(2)).
pub(crate) const FD_SETSIZE: usize = nix::sys::select::FD_SETSIZE;

/// El `selectors.SelectSelector` de Python.
#[derive(Default)]
pub(crate) struct SelectSelector {
    keys: Keys,
    calls: u64,
}

impl Selector for SelectSelector {
    fn register(&mut self, file: &File, events: Events, data: usize) -> io::Result<()> {
        // En C, el bit 1024 se escribe fuera del conjunto, encima de lo que haya al lado.
        if index(file) >= FD_SETSIZE {
            return Err(Errno::ERANGE.into());
        }
        self.keys.set(file, events, data);
        Ok(())
    }

    fn modify(&mut self, file: &File, events: Events, data: usize) -> io::Result<()> {
        self.register(file, events, data)
    }

    fn unregister(&mut self, file: &File) -> io::Result<()> {
        self.keys.remove(file);
        Ok(())
    }

    // ANCHOR: select
    fn select(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        // Primer recorrido: el programa anota a todos. Los conjuntos se hacen de nuevo en cada
        // vuelta, porque el núcleo escribe la respuesta encima de la pregunta.
        let (mut readable, mut writable) = (FdSet::new(), FdSet::new());
        let mut highest = 0;
        for key in self.keys.iter() {
            if key.events.read {
                readable.insert(key.file.as_fd());
            }
            if key.events.write {
                writable.insert(key.file.as_fd());
            }
            highest = key.file.as_raw_fd();
        }
        let mut timeout = timeout
            .map(|time| TimeVal::microseconds(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)));

        // Segundo: el núcleo mira los descriptores de 0 a `highest`, tengan o no algo que contar.
        self.calls += 1;
        match select(highest + 1, &mut readable, &mut writable, None, &mut timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }

        // Tercero: la respuesta es otra vez un conjunto, y hay que buscar en él a los listos.
        for key in self.keys.iter() {
            let events = Events {
                read: key.events.read && readable.contains(key.file.as_fd()),
                write: key.events.write && writable.contains(key.file.as_fd()),
            };
            if events.read || events.write {
                ready.push(Ready { data: key.data, events });
            }
        }
        Ok(())
    }
    // ANCHOR_END: select

    fn calls(&self) -> u64 {
        self.calls
    }
}
