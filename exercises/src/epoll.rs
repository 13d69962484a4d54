//! Lo que comparten los bucles sobre `epoll` que los ejercicios dan hechos.

use std::io;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout};

/// Avisos que se recogen de una vez.
const EVENTS: usize = 64;

/// Espera, como mucho `timeout`, y da los avisos que haya: el número y las banderas de cada uno.
///
/// # Errors
/// Los de epoll_wait(2). Que la interrumpa una señal no lo es: no hubo avisos.
pub fn wait(epoll: &Epoll, timeout: impl Into<EpollTimeout>) -> io::Result<Vec<(u64, EpollFlags)>> {
    let mut events = [EpollEvent::empty(); EVENTS];
    let count = match epoll.wait(&mut events, timeout) {
        Ok(count) => count,
        // Ctrl-Z y `fg` también despiertan (signal(7)).
        Err(Errno::EINTR) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(events[..count].iter().map(|event| (event.data(), event.events())).collect())
}

/// Los nombres de unas banderas, como se dicen: «EPOLLIN | EPOLLHUP»; «nada», si no hay ninguna.
pub fn names(flags: EpollFlags) -> String {
    let names: Vec<_> = flags.iter_names().map(|(name, _)| name).collect();
    if names.is_empty() { "nada".to_owned() } else { names.join(" | ") }
}
