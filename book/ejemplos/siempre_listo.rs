//! Qué cuesta preguntar por lo que casi siempre es verdad: «¿se puede escribir?».

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ejemplos::{connected, start, tell};
use nix::poll::{PollFd, PollFlags, poll};

/// Lo que dura cada recuento.
const WATCH: Duration = Duration::from_millis(200);
/// Cuánto puede dormir `poll` si no hay nada listo: otros 200 ms, todo el recuento.
const PATIENCE: u8 = 200;

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let (_ana, beto) = connected()?;
    for (question, interest) in [
        ("¿se puede leer?", PollFlags::POLLIN),
        ("¿se puede leer o escribir?", PollFlags::POLLIN | PollFlags::POLLOUT),
    ] {
        let start = Instant::now();
        let mut turns = 0_u64;
        while start.elapsed() < WATCH {
            poll(&mut [PollFd::new(beto.as_fd(), interest)], PATIENCE)?;
            turns += 1;
        }
        tell(format!("{question} En 200 ms de silencio, vueltas: {turns}"));
    }
    Ok(())
}
// ANCHOR_END: demonstration
