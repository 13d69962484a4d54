//! Lección 02_02, paso 1: un servidor de eco que atiende a un cliente después de otro.
use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process;

fn main() {
    let port = env::args().nth(1).unwrap_or_default();
    let _ = serve(&port); // Solo vuelve si no pudo escuchar.
    let advice = "Di un puerto libre: cargo run --example paso_02_02_1 8802";
    let _ = writeln!(io::stderr(), "{advice}");
    process::exit(2);
}
fn serve(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    // Cada vuelta saca de la cola a quien llamó; si no hay nadie, duerme hasta que lo haya.
    for client in listener.incoming().flatten() {
        let _ = echo(client); // Si falla, es asunto de este cliente.
    }
    Ok(())
}
fn echo(mut client: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    // read duerme hasta que llegue algo: medio mensaje, uno o dos. Cero bytes es el final.
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?; // Hasta que salgan todos.
    }
    Ok(())
}
