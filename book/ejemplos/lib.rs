//! Lo que comparten las demostraciones del libro: dos extremos de una conexión, y cómo contarlo.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use multiplexacion::{cli, errors};

/// Lo que se espera, como mucho, a que el núcleo lleve unos bytes de un lado a otro.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ejecuta una demostración; si no puede seguir, dice por qué en una línea y sale con código 1.
pub fn start(demonstration: impl FnOnce() -> io::Result<()>) -> ExitCode {
    let Err(error) = demonstration() else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "La demostración no pudo seguir: {}.", errors::reason(&error));
    ExitCode::FAILURE
}

/// Una línea en la salida estándar. Si ya nadie lee (`| head -1`), no pasa nada.
pub fn tell(line: impl Display) {
    let _ = cli::say(&line.to_string());
}

/// Los dos extremos de una conexión nueva, dentro de esta máquina.
pub fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok((client, server))
}

/// Espera a que en el búfer de entrada haya `count` bytes, sin sacarlos (`MSG_PEEK`, recv(2)).
///
/// Un programa de verdad no hace esto: lee lo que haya. Aquí sirve para que la demostración
/// cuente siempre lo mismo.
pub fn wait_for_bytes(stream: &TcpStream, count: usize) -> io::Result<()> {
    let start = Instant::now();
    let mut arrived = vec![0; count];
    while stream.peek(&mut arrived)? < count {
        if start.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::yield_now();
    }
    Ok(())
}
