//! Qué le pasa a quien llama cuando la cola de espera está llena.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use ejemplos::{start, tell};
use nix::sys::socket::{Backlog, listen};

/// Lo que se espera a quien llama para ver si entra. Dentro de la máquina, llegar es instantáneo.
const A_MOMENT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listen(&listener, Backlog::new(1)?)?; // Otra vez: vale lo último que se pide.
    let address = listener.local_addr()?;
    tell("El servidor pide una cola de 1, y no llama a accept.");
    let _ana = TcpStream::connect(address)?;
    tell("  Ana: connect volvió.");
    let _beto = TcpStream::connect(address)?;
    tell("  Beto: connect volvió. Cabe uno más de los que se piden.");

    let start = Instant::now();
    let eva = thread::spawn(move || TcpStream::connect(address));
    thread::sleep(A_MOMENT);
    if !eva.is_finished() {
        tell("  Eva: connect no vuelve.");
    }
    tell("El servidor llama a accept: ya hay sitio.");
    let _first = listener.accept()?;
    let _eva = eva.join().map_err(|_| io::ErrorKind::Other)??;
    let seconds = start.elapsed().as_secs_f32();
    tell(format!("  Eva: connect volvió cuando su núcleo insistió, al cabo de {seconds:.0} s."));
    Ok(())
}
// ANCHOR_END: demonstration
