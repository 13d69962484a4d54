//! Qué borra un reinicio (RST), y qué no: lo que ya había llegado se puede leer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process::ExitCode;

use ejemplos::{connected, start, tell, wait_for_bytes};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Lo que se ofrece al núcleo en cada escritura.
const CHUNK: usize = 1024 * 1024;

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    arrived()?;
    on_its_way()
}

/// Cierra el socket con algo sin leer dentro: el núcleo envía un RST, y no un FIN.
fn close_with_unread(ana: TcpStream, beto: &mut TcpStream) -> io::Result<()> {
    beto.write_all(b"algo que Ana no lee")?;
    wait_for_bytes(&ana, 1)?;
    drop(ana);
    Ok(())
}

fn arrived() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    tell("Ana escribe «hola», que le llega a Beto. Y cierra con algo suyo sin leer (RST).");
    ana.write_all(b"hola")?;
    wait_for_bytes(&beto, 4)?;
    close_with_unread(ana, &mut beto)?;

    // POLLERR y POLLHUP no hay que pedirlos: vienen solos (poll(2)).
    let mut watched = [PollFd::new(beto.as_fd(), PollFlags::POLLIN)];
    poll(&mut watched, PollTimeout::NONE)?;
    let found = watched[0].revents().unwrap_or(PollFlags::empty());
    tell(format!("  poll, en el de Beto: {}", names(found)));
    read_to_the_error(&mut beto)?;
    Ok(())
}

fn on_its_way() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    tell("Otra vez, pero Ana escribe hasta que no cabe más, y Beto aún no ha leído nada.");
    ana.set_nonblocking(true)?;
    let (chunk, mut written) = (vec![b'a'; CHUNK], 0);
    while let Ok(count) = ana.write(&chunk) {
        written += count;
    }
    close_with_unread(ana, &mut beto)?;
    tell(format!("  El núcleo le aceptó a Ana, en bytes: {written}"));
    let read = read_to_the_error(&mut beto)?;
    tell(format!("  Lo que aún no había salido se perdió, en bytes: {}", written - read));
    Ok(())
}

/// Lee hasta el final, que aquí es un error. Devuelve cuántos bytes dio antes.
fn read_to_the_error(beto: &mut TcpStream) -> io::Result<usize> {
    let mut everything = Vec::new();
    match beto.read_to_end(&mut everything) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            tell(format!("  Beto lee, en bytes: {}", everything.len()));
            tell("  Y después, un error: ECONNRESET");
            Ok(everything.len())
        }
        other => Err(io::Error::other(format!("se esperaba ECONNRESET, no {other:?}"))),
    }
}
// ANCHOR_END: demonstration

/// Los nombres de lo que encontró `poll`, en una línea.
fn names(found: PollFlags) -> String {
    let names: Vec<&str> = found.iter_names().map(|(name, _)| name).collect();
    names.join(", ")
}
