//! Cuánto cabe entre los dos extremos de una conexión cuando nadie lee.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use ejemplos::{connected, start, tell};

/// Lo que se ofrece al núcleo en cada escritura.
const CHUNK: usize = 1024 * 1024;

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    ana.set_nonblocking(true)?;
    let chunk = vec![b'a'; CHUNK];

    tell("Ana escribe sin parar; Beto no lee.");
    let mut written = 0;
    loop {
        match ana.write(&chunk) {
            Ok(count) => {
                tell(format!("  write ofrece {CHUNK}, y el núcleo acepta {count}"));
                written += count;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    tell(format!("  No cabe más: EAGAIN. En camino, sin leer: {written} bytes."));

    tell("Ana cierra, y después Beto lee hasta el final.");
    drop(ana);
    let mut everything = Vec::new();
    beto.read_to_end(&mut everything)?;
    tell(format!("  Estaban todos: {} bytes.", everything.len()));
    Ok(())
}
// ANCHOR_END: demonstration
