//! TCP entrega bytes, no mensajes: dos escrituras caben en una lectura, y una no cabe en una.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use ejemplos::{connected, start, tell, wait_for_bytes};

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    let mut buffer = [0; 1024];

    tell("Ana escribe dos veces: «hola», 4 bytes, y «adiós», 6.");
    ana.write_all("hola".as_bytes())?;
    ana.write_all("adiós".as_bytes())?;
    wait_for_bytes(&beto, 10)?;
    let count = beto.read(&mut buffer)?;
    tell(format!("  Beto lee {count} bytes: \"{}\"", buffer[..count].escape_ascii()));

    tell("Ana escribe una vez: «hasta mañana», 13 bytes.");
    ana.write_all("hasta mañana".as_bytes())?;
    wait_for_bytes(&beto, 13)?;
    for _ in 0..2 {
        let count = beto.read(&mut buffer[..9])?;
        tell(format!("  Beto lee {count} bytes: \"{}\"", buffer[..count].escape_ascii()));
    }
    Ok(())
}
// ANCHOR_END: demonstration
