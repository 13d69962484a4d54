//! La conexión la completa el núcleo: `accept` solo recoge lo que ya está hecho.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;

use ejemplos::{start, tell, wait_for_bytes};

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    tell("El servidor escucha, pero nadie ha llamado todavía a accept.");

    let mut clients = Vec::new();
    for name in ["Ana", "Beto", "Eva"] {
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        client.write_all(format!("soy {name}").as_bytes())?;
        tell(format!("  {name}: connect volvió, y write también."));
        clients.push(client);
    }

    tell("Ahora sí: tres accept, y una lectura de cada socket.");
    for _ in &clients {
        let (mut socket, _) = listener.accept()?;
        let mut buffer = [0; 16];
        wait_for_bytes(&socket, 7)?;
        let count = socket.read(&mut buffer)?;
        let said = String::from_utf8_lossy(&buffer[..count]);
        tell(format!("  accept, y ya había algo: «{said}»"));
    }
    Ok(())
}
// ANCHOR_END: demonstration
