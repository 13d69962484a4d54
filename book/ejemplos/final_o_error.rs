//! Tres maneras de que el otro ya no esté: se despidió, se fue de golpe, o aún no te has enterado.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use ejemplos::{connected, start, tell, wait_for_bytes};

/// Lo que se insiste, como mucho, en escribir a quien ya no está.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    goodbye()?;
    reset()?;
    too_late()
}

fn goodbye() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    tell("Ana escribe «adiós» y cierra su lado (FIN).");
    ana.write_all("adiós".as_bytes())?;
    ana.shutdown(Shutdown::Write)?;
    wait_for_bytes(&beto, "adiós".len())?;
    for _ in 0..3 {
        tell(format!("  Beto lee: {} bytes", beto.read(&mut [0; 16])?));
    }
    tell("Beto contesta «hasta luego»: el otro sentido sigue abierto.");
    beto.write_all(b"hasta luego")?;
    wait_for_bytes(&ana, 11)?;
    tell(format!("  Ana lee: {} bytes", ana.read(&mut [0; 16])?));
    Ok(())
}

fn reset() -> io::Result<()> {
    let (ana, mut beto) = connected()?;
    tell("Beto escribe a Ana, y ella cierra sin haberlo leído (RST).");
    beto.write_all("¿sigues ahí?".as_bytes())?;
    wait_for_bytes(&ana, 1)?;
    drop(ana);
    tell(match beto.read(&mut [0; 16]) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            "  Beto lee: un error, ECONNRESET".to_owned()
        }
        other => format!("  Beto lee: {other:?}"),
    });
    Ok(())
}

fn too_late() -> io::Result<()> {
    let (ana, mut beto) = connected()?;
    tell("Ana cierra del todo, y Beto, que no lo sabe, le escribe.");
    drop(ana);
    beto.write_all(b"hola")?;
    tell("  La primera escritura sale bien: el núcleo la aceptó. Nadie la leerá.");
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match beto.write(b"hola") {
            Ok(_) => thread::yield_now(),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                tell("  Las siguientes ya no: un error, EPIPE");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
// ANCHOR_END: demonstration
