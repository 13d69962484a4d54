//! Qué le pasa a quien espera si se detiene el programa (Ctrl-Z) y se reanuda (`fg`).
//!
//! El programa se ejecuta a sí mismo con el nombre de una llamada: el hijo espera en ella, y el
//! padre lo detiene, lo reanuda y, después, le escribe.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ejemplos::{connected, start, tell};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::select::{FdSet, select};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Lo que se espera, como mucho, a que el hijo se duerma o se detenga.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    start(|| match env::args().nth(1) {
        None => demonstration(),
        Some(call) => in_the_child(&call),
    })
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    tell("Mientras espera, el programa se detiene y se reanuda. Después le llegan bytes.");
    for call in ["select", "poll", "epoll_wait", "read", "read con plazo"] {
        tell(format!("  {call}: {}", stopped_while_in(call)?));
    }
    Ok(())
}

/// Detiene y reanuda a un hijo que duerme en esa llamada, le escribe, y devuelve lo que cuenta.
fn stopped_while_in(call: &str) -> io::Result<String> {
    let (mut ana, beto) = connected()?;
    let mut command = Command::new(env::current_exe()?);
    command.arg(call).stdin(OwnedFd::from(beto)).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let mut told = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
    told.read_line(&mut String::new())?;

    wait_for_state(pid, 'S')?;
    kill(Pid::from_raw(pid), Signal::SIGSTOP)?;
    wait_for_state(pid, 'T')?;
    kill(Pid::from_raw(pid), Signal::SIGCONT)?;
    ana.write_all(b"hola")?;

    let mut outcome = String::new();
    told.read_to_string(&mut outcome)?;
    child.wait()?;
    Ok(outcome.trim_end().to_owned())
}

/// Espera en esa llamada a que se pueda leer del socket, que es la entrada estándar.
fn wait_in(call: &str, mut stream: TcpStream) -> io::Result<()> {
    match call {
        "select" => {
            let mut readable = FdSet::new();
            readable.insert(stream.as_fd());
            select(None, &mut readable, None, None, None)?;
        }
        "poll" => {
            poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
        }
        "epoll_wait" => {
            let epoll = Epoll::new(EpollCreateFlags::empty())?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
            epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
        }
        _ => {
            let timeout = call.contains("plazo").then_some(PATIENCE);
            stream.set_read_timeout(timeout)?;
            let _count = stream.read(&mut [0; 16])?;
        }
    }
    Ok(())
}
// ANCHOR_END: demonstration

fn in_the_child(call: &str) -> io::Result<()> {
    let stream = TcpStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    tell("Empieza a esperar");
    tell(match wait_in(call, stream) {
        Ok(()) => "siguió esperando, y vio llegar los bytes",
        Err(error) if error.kind() == io::ErrorKind::Interrupted => "un error, EINTR",
        Err(error) => return Err(error),
    });
    Ok(())
}

/// Espera a que el hijo duerma (S) o esté detenido (T), según `/proc/PID/stat` (proc(5)).
fn wait_for_state(pid: i32, state: char) -> io::Result<()> {
    let start = Instant::now();
    while !fs::read_to_string(format!("/proc/{pid}/stat"))?.contains(&format!(") {state} ")) {
        if start.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::yield_now();
    }
    Ok(())
}
