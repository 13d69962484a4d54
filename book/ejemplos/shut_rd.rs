//! Cerrar el lado de lectura (SHUT_RD) despierta a quien lee, pero no impide que lleguen datos.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::ExitCode;

use ejemplos::{connected, start, tell, wait_for_bytes};

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    let mut buffer = [0; 16];

    tell("Ana escribe «uno», y Beto cierra su lado de lectura sin haberlo leído.");
    ana.write_all(b"uno")?;
    wait_for_bytes(&beto, 3)?;
    beto.shutdown(Shutdown::Read)?;
    for _ in 0..2 {
        let count = beto.read(&mut buffer)?;
        tell(format!("  Beto lee {count} bytes: «{}»", String::from_utf8_lossy(&buffer[..count])));
    }

    tell("Ana escribe «dos»: nadie le ha dicho nada, y el núcleo se lo acepta.");
    ana.write_all(b"dos")?;
    wait_for_bytes(&beto, 3)?;
    for _ in 0..2 {
        let count = beto.read(&mut buffer)?;
        tell(format!("  Beto lee {count} bytes: «{}»", String::from_utf8_lossy(&buffer[..count])));
    }
    Ok(())
}
// ANCHOR_END: demonstration
