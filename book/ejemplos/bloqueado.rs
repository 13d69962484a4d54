//! Qué es bloquearse: el hilo duerme dentro de `read`, sin gastar nada, hasta que llega algo.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use ejemplos::{connected, start, tell};

/// Lo que se espera, como mucho, a que un hilo se duerma.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let (mut ana, beto) = connected()?;

    tell("El hilo «lector» lee de un socket en el que no hay nada.");
    let mut theirs = beto.try_clone()?;
    let reader = Builder::new().name("lector".into());
    let reader = reader.spawn(move || read_once(&mut theirs))?;
    wait_until_asleep("lector")?;
    tell("  Su estado, según el núcleo: S, dormido. No ha vuelto de read.");

    tell("Ana escribe «hola».");
    ana.write_all(b"hola")?;
    let read = reader.join().map_err(|_| io::ErrorKind::Other)??;
    tell(format!("  El lector despierta, y read le da «{read}»."));

    tell("Ahora el socket es no bloqueante, y tampoco hay nada que leer.");
    beto.set_nonblocking(true)?;
    match (&beto).read(&mut [0; 16]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            tell("  read vuelve en el acto: EAGAIN, «ahora no hay nada».");
        }
        other => tell(format!("  read devolvió {other:?}")),
    }
    Ok(())
}

fn read_once(stream: &mut TcpStream) -> io::Result<String> {
    let mut buffer = [0; 16];
    let count = stream.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}
// ANCHOR_END: demonstration

/// Espera a que el núcleo dé por dormido al hilo con ese nombre.
fn wait_until_asleep(name: &str) -> io::Result<()> {
    let start = Instant::now();
    while !is_asleep(name)? {
        if start.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::yield_now();
    }
    Ok(())
}

/// Si hay un hilo con ese nombre en el estado S de `/proc/self/task/*/stat` (proc(5)).
fn is_asleep(name: &str) -> io::Result<bool> {
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
        if stat.contains(&format!("({name}) S ")) {
            return Ok(true);
        }
    }
    Ok(false)
}
