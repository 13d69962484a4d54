//! Lección 02_02, paso 2: un servidor de eco con un hilo para cada cliente.
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_02_2 8802");
    ExitCode::from(2) // Solo se llega aquí si no pudo escuchar.
}
fn serve(port: &str) -> io::Result<()> {
    // Un socket con dirección y una cola (T2-08: de 128): quien llama espera en ella su turno.
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?; // T2-11: solo IPv4.
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    // accept saca de la cola al primero; si no hay nadie, el programa duerme hasta que lo haya.
    // T3-14: si se acaban los descriptores, falla al instante, una y otra vez.
    for client in listener.incoming().flatten() {
        // clone(2): otra línea de ejecución del mismo programa, que puede dormirse sola.
        // T2-05: sin tope, tantos hilos como clientes. Si el sistema no da más, este se cierra.
        // T2-06, T2-07: nadie sabe después qué hilos hay, ni los espera: Ctrl-C los mata.
        let _ = thread::Builder::new().spawn(move || echo(&client));
    }
    Ok(())
}
fn echo(mut client: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    // read duerme hasta que lleguen bytes: medio mensaje, uno o dos. Cero es el final.
    // T2-05: sin plazo, quien calla tiene aquí dormido a su hilo; solo al suyo.
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?; // Hasta que salgan todos. T4-17: quizá, 40 ms tarde.
    }
    Ok(())
}
