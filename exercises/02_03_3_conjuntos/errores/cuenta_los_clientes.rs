//! Rechaza el último descriptor que cabe: confunde cuántos son con cuál es el mayor.
//! Mensaje: «El descriptor 1023 es el último que cabe»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::select::{FD_SETSIZE, FdSet, select};

#[derive(Debug)]
pub struct Client {
    pub stream: TcpStream,
    pub output: Vec<u8>,
    pub ended: bool,
}

impl Client {
    pub fn new(stream: TcpStream) -> Option<Client> {
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE - 1);
        fits.then(|| Client { stream, output: Vec::new(), ended: false })
    }
}

#[derive(Debug)]
pub struct Watched<'a> {
    pub reading: FdSet<'a>,
    pub writing: FdSet<'a>,
}

pub fn watch<'a>(listener: &'a TcpListener, clients: &'a [Client]) -> Watched<'a> {
    let mut reading = FdSet::new();
    let mut writing = FdSet::new();
    reading.insert(listener.as_fd());
    for client in clients {
        if !client.ended {
            reading.insert(client.stream.as_fd());
        }
        if !client.output.is_empty() {
            writing.insert(client.stream.as_fd());
        }
    }
    Watched { reading, writing }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Ready {
    pub listener: bool,
    pub readable: Vec<usize>,
    pub writable: Vec<usize>,
}

pub fn wait(listener: &TcpListener, clients: &[Client]) -> io::Result<Ready> {
    let Watched { mut reading, mut writing } = watch(listener, clients);
    select(None, &mut reading, &mut writing, None, None)?;
    let among = |set: &FdSet<'_>| {
        let places = clients.iter().enumerate();
        let ready = places.filter(|(_, client)| set.contains(client.stream.as_fd()));
        ready.map(|(place, _)| place).collect()
    };
    Ok(Ready {
        listener: reading.contains(listener.as_fd()),
        readable: among(&reading),
        writable: among(&writing),
    })
}
