//! Dos descriptores pueden ser del mismo archivo abierto: qué hacen entonces close, shutdown y epoll.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::ExitCode;

use ejemplos::{connected, start, tell, wait_for_bytes};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    two_numbers_one_file()?;
    shutdown_is_for_both()?;
    epoll_watches_the_file()
}

fn two_numbers_one_file() -> io::Result<()> {
    let (mut ana, beto) = connected()?;
    tell("Beto duplica su descriptor (dup).");
    let mut copy = beto.try_clone()?;
    tell("Por la copia, pide no bloquearse; y lee por el primero.");
    copy.set_nonblocking(true)?;
    if let Err(error) = (&beto).read(&mut [0; 16]) {
        tell(format!("  {:?}: el modo es del archivo, y no del número.", error.kind()));
    }
    tell("Cierra el primero (close), y Ana escribe.");
    drop(beto);
    ana.write_all(b"hola")?;
    wait_for_bytes(&copy, 4)?;
    let count = copy.read(&mut [0; 16])?;
    tell(format!("  Por la copia llegan {count} bytes: nada se ha cerrado."));
    Ok(())
}

fn shutdown_is_for_both() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    let copy = beto.try_clone()?;
    tell("Con otros dos descriptores: por la copia, shutdown de lo que se escribe.");
    copy.shutdown(Shutdown::Write)?;
    tell(format!("  Ana lee {} bytes: el final.", ana.read(&mut [0; 16])?));
    if let Err(error) = beto.write(b"hola") {
        tell(format!("  Y por el primero tampoco se escribe: {:?}.", error.kind()));
    }
    Ok(())
}

fn epoll_watches_the_file() -> io::Result<()> {
    let (mut ana, beto) = connected()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    tell("Se apunta a Beto en epoll, se duplica y se cierra el que se apuntó.");
    epoll.add(&beto, EpollEvent::new(EpollFlags::EPOLLIN, 1))?;
    let copy = beto.try_clone()?;
    drop(beto);
    ana.write_all(b"hola")?;
    wait_for_bytes(&copy, 4)?;
    let mut events = [EpollEvent::empty()];
    tell(format!("  epoll_wait da {}: sigue vigilando.", epoll.wait(&mut events, 0_u8)?));
    if epoll.delete(&copy) == Err(Errno::ENOENT) {
        tell("  Y por la copia no se puede quitar: ENOENT.");
    }
    tell("Se cierra también la copia, la última.");
    drop(copy);
    tell(format!("  epoll_wait da {}.", epoll.wait(&mut events, EpollTimeout::ZERO)?));
    Ok(())
}
// ANCHOR_END: demonstration
