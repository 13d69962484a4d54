//! Un proceso y los que arranque: si hay que terminarlo, terminan todos.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Cada cuánto se mira si ha terminado.
const GLANCE: Duration = Duration::from_millis(3);

/// Lo arranca sin teclado y con sus dos salidas en tuberías.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Espera a que termine quien encabeza su grupo, como mucho `limit`; nada, si hubo que terminarlo por eso o porque alguien
/// abandonó. De su grupo no queda nadie.
pub(crate) fn wait(
    child: &mut Child,
    limit: Duration,
    abandoned: &AtomicBool,
) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut status = None;
    while status.is_none() && started.elapsed() < limit && !abandoned.load(Ordering::Relaxed) {
        status = child.try_wait()?;
        if status.is_none() {
            thread::sleep(GLANCE);
        }
    }
    let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    child.wait()?;
    Ok(status)
}

/// Lee una salida en otro hilo, para que quien escribe no se detenga.
pub(crate) fn gather<R: Read + Send + 'static>(
    pipe: Option<R>,
    read: impl FnOnce(R) -> String + Send + 'static,
) -> JoinHandle<String> {
    thread::spawn(move || pipe.map(read).unwrap_or_default())
}

/// Lo que se leyó.
pub(crate) fn joined(thread: JoinHandle<String>) -> String {
    thread.join().unwrap_or_default()
}
