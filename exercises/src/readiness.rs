//! Esperar con `select` y recoger a quien llama, como en 02_03_3 y 02_03_4: es lo que dan hecho los
//! ejercicios que vienen detrás.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};

/// Alguien a quien se vigila.
#[derive(Debug)]
pub struct Watch<'a, I> {
    /// Cómo se le reconoce después.
    pub id: I,
    /// Su socket.
    pub socket: &'a TcpStream,
    /// Si puede enviar algo.
    pub reading: bool,
    /// Si tiene algo que recibir.
    pub writing: bool,
}

/// Quién está listo.
#[derive(Debug)]
pub struct Ready<I> {
    /// Alguien llama.
    pub listener: bool,
    /// Quienes tienen algo que leer.
    pub readable: Vec<I>,
    /// Quienes tienen sitio para escribirles.
    pub writable: Vec<I>,
}

/// Duerme hasta que alguien esté listo o llegue ese momento.
///
/// # Errors
/// Los de select(2).
pub fn wait<I: Copy>(
    listener: &TcpListener,
    watched: &[Watch<'_, I>],
    until: Option<Instant>,
) -> io::Result<Ready<I>> {
    let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
    reading.insert(listener.as_fd());
    for client in watched {
        if client.reading {
            reading.insert(client.socket.as_fd());
        }
        if client.writing {
            writing.insert(client.socket.as_fd());
        }
    }
    let mut timeout = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now()).as_micros();
        TimeVal::microseconds(i64::try_from(left).unwrap_or(i64::MAX - 1) + 1)
    });
    select(None, &mut reading, &mut writing, None, timeout.as_mut())?;
    let among = |set: &FdSet<'_>| {
        let ready = watched.iter().filter(|client| set.contains(client.socket.as_fd()));
        ready.map(|client| client.id).collect()
    };
    Ok(Ready {
        listener: reading.contains(listener.as_fd()),
        readable: among(&reading),
        writable: among(&writing),
    })
}

/// Recoge a quien llama, si sigue ahí y cabe en un conjunto, con su socket ya no bloqueante. Si no
/// cabe, lo cierra.
///
/// # Errors
/// Los de accept(2).
pub fn accept(listener: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    match listener.accept() {
        Ok((stream, address)) => {
            stream.set_nonblocking(true)?;
            // Un mensaje corto sale ya, sin esperar a que confirmen el anterior.
            stream.set_nodelay(true)?;
            let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
            Ok(fits.then_some((stream, address)))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
