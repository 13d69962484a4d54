//! El paciente de la autopsia: un servidor de eco que parece funcionar. **No lo copies.**
//!
//! Está escrito mal a propósito, como lo escribe quien nunca ha visto fallar uno. El capítulo
//! «Autopsia» lo mata de cuatro maneras, y hace lo mismo con los servidores del curso.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use ejemplos::{start, tell};

fn main() -> ExitCode {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    start(|| serve(port))
}

// ANCHOR: patient
fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    tell(format!("Escuchando en {}", listener.local_addr()?));
    loop {
        let (mut client, _) = listener.accept()?;
        let mut buffer = [0; 1024];
        let count = client.read(&mut buffer)?;
        let text = str::from_utf8(&buffer[..count]).map_err(|_| ErrorKind::InvalidInput)?;
        tell(format!("Llegó «{}»", text.trim()));
        client.write_all(text.as_bytes())?;
    }
}
// ANCHOR_END: patient
