//! `poll(2)`: una lista en lugar de conjuntos. Sin tope, y con el mismo trabajo.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Events, File, Key, Keys, Ready, Selector};

/// El `selectors.PollSelector` de Python.
#[derive(Default)]
pub(crate) struct PollSelector {
    keys: Keys,
    calls: u64,
}

impl Selector for PollSelector {
    fn register(&mut self, file: &File, events: Events, data: usize) -> io::Result<()> {
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

    // ANCHOR: poll
    fn select(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = timeout.map_or(PollTimeout::NONE, |time| {
            PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)
        });

        // Los mismos tres recorridos que en `select`. La lista se podría guardar de una vuelta a
        // otra (en C se guarda, y en Python): aquí solo presta los descriptores mientras dura la
        // llamada, y se hace de nuevo. Es la parte menor: la mayor la recorre el núcleo.
        let mut watched: Vec<PollFd<'_>> = self.keys.iter().map(question).collect();
        self.calls += 1;
        match poll(&mut watched, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for (key, answer) in self.keys.iter().zip(&watched) {
            let answer = answer.revents().unwrap_or(PollFlags::empty());
            if !answer.is_empty() {
                // POLLERR y POLLHUP llegan sin pedirlos, y valen por los dos.
                let events = Events {
                    read: answer.intersects(!PollFlags::POLLOUT),
                    write: answer.intersects(!PollFlags::POLLIN),
                };
                ready.push(Ready { data: key.data, events });
            }
        }
        Ok(())
    }
    // ANCHOR_END: poll

    fn calls(&self) -> u64 {
        self.calls
    }
}

fn question(key: &Key) -> PollFd<'_> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::POLLIN, key.events.read);
    flags.set(PollFlags::POLLOUT, key.events.write);
    PollFd::new(key.file.as_fd(), flags)
}
