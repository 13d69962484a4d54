//! Cuándo dice el núcleo «puedes escribir»: no en cuanto cabe algo, sino cuando cabe bastante.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ejemplos::{connected, start, tell};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Lo que lee Beto cada vez, antes de volver a preguntar.
const SIP: usize = 4 * 1024;
/// Lo que se ofrece al núcleo en cada escritura; también, más de lo que le cabe a Beto.
const CHUNK: usize = 1024 * 1024;
/// Lo que se deja al núcleo para mover lo que se pueda mover.
const SETTLE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    tell("Ana escribe hasta que no cabe más, y Beto lee poco a poco.");
    let left = drain_until(|ana| Ok(ana.write(&[b'a'; SIP]).is_ok()))?;
    tell(format!("  write vuelve a aceptar bytes cuando a Ana le queda por enviar el {left} %"));
    let left = drain_until(is_writable)?;
    tell(format!("  poll dice «se puede escribir» cuando le queda por enviar el {left} %"));
    Ok(())
}

/// Llena una conexión y la va vaciando por el otro lado hasta que ocurra algo. Devuelve qué parte
/// de lo que esperaba en el lado de Ana seguía allí.
fn drain_until(happened: impl Fn(&mut TcpStream) -> io::Result<bool>) -> io::Result<usize> {
    let (mut ana, mut beto) = connected()?;
    ana.set_nonblocking(true)?;
    let (mut sent, mut full) = (0, 0);
    // Tras la pausa, y tras mirar qué ha llegado, puede caber algo más: hasta que no quepa nada.
    while let more @ 1.. = fill(&mut ana) {
        sent += more;
        thread::sleep(SETTLE);
        full = sent - arrived(&beto)?;
    }
    while !happened(&mut ana)? {
        sent -= beto.read(&mut [0; SIP])?;
    }
    Ok((sent - arrived(&beto)?) * 100 / full)
}

/// Escribe hasta que el núcleo dice «ahora no». Devuelve cuántos bytes admitió.
fn fill(ana: &mut TcpStream) -> usize {
    let (chunk, mut written) = (vec![b'a'; CHUNK], 0);
    while let Ok(count) = ana.write(&chunk) {
        written += count;
    }
    written
}

/// Cuántos bytes han llegado ya al otro lado y nadie ha leído (`MSG_PEEK`, recv(2)).
fn arrived(beto: &TcpStream) -> io::Result<usize> {
    beto.peek(&mut vec![0; 4 * CHUNK])
}

/// Lo que diría `poll` ahora mismo. `select` y `epoll` dicen lo mismo.
fn is_writable(ana: &mut TcpStream) -> io::Result<bool> {
    let mut watched = [PollFd::new(ana.as_fd(), PollFlags::POLLOUT)];
    Ok(poll(&mut watched, PollTimeout::ZERO)? == 1)
}
// ANCHOR_END: demonstration
