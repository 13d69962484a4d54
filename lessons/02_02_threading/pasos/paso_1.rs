//! Lección 02_02, paso 1: un servidor de eco que atiende a un cliente después de otro.
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_02_1 8802");
    ExitCode::from(2) // Solo se llega aquí si no pudo escuchar.
}
fn serve(port: &str) -> io::Result<()> {
    // Un socket con dirección y una cola (T2-08: de 128): quien llama espera en ella su turno.
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?; // T2-11: solo IPv4.
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    // incoming llama a accept: saca al primero de la cola; sin nadie, duerme hasta que lo haya.
    for client in listener.incoming().flatten() {
        let _ = echo(&client); // Si falla, es asunto de este cliente. T2-07: el bucle no acaba.
    }
    Ok(())
}
fn echo(mut client: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    // read duerme hasta que lleguen bytes: medio mensaje, uno o dos. Cero es el final.
    // T2-05: sin plazo, quien calla nos tiene aquí dormidos, y a los demás en la cola.
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?; // Hasta que salgan todos. T4-17: quizá, 40 ms tarde.
    }
    Ok(())
}
