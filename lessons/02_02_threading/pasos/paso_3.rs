//! Lección 02_02, paso 3: hilos con nombre, y un final en el que acaban todos.
use nix::sys::signal::{SigSet, Signal};
use socket2::SockRef;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

/// El socket de un cliente, sin retenerlo, y el hilo que lo atiende.
type Attended = (Weak<TcpStream>, JoinHandle<()>);

fn main() {
    let port = env::args().nth(1).unwrap_or_default();
    if serve(&port).is_ok() {
        return; // Código 0: terminó porque se lo pidieron.
    }
    let advice = "Di un puerto libre: cargo run --example paso_02_02_3 8802";
    let _ = writeln!(io::stderr(), "{advice}");
    process::exit(2);
}
fn serve(port: &str) -> io::Result<()> {
    // Ctrl-C deja de matar al programa: el núcleo guarda la señal para quien pregunte por ella.
    // Antes de crear hilos, que lo heredan: si a uno le faltara, la señal mataría a todos.
    let stop = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    stop.thread_block()?;
    let listener = Arc::new(TcpListener::bind(format!("127.0.0.1:{port}"))?);
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    let door = Arc::clone(&listener);
    thread::Builder::new().name("parada".into()).spawn(move || close_on(stop, &door))?;
    for (client, thread) in accept_all(&listener) {
        // Si aún duerme en read, despierta y lee cero bytes: para echo, su cliente se fue.
        if let Some(client) = client.upgrade() {
            let _ = client.shutdown(Shutdown::Both);
        }
        let _ = thread.join();
    }
    Ok(())
}
/// Duerme hasta Ctrl-C. Después despierta a quien duerme en accept, que recibe un error.
fn close_on(stop: SigSet, listener: &TcpListener) {
    let _ = stop.wait();
    let _ = SockRef::from(listener).shutdown(Shutdown::Both);
}
/// Acepta hasta que el socket deje de escuchar. Devuelve a quienes pueden seguir dentro.
fn accept_all(listener: &TcpListener) -> Vec<Attended> {
    let mut attended: Vec<Attended> = Vec::new();
    for number in 1_u64.. {
        let client = match listener.accept() {
            Ok((client, _)) => Arc::new(client),
            Err(error) if error.kind() == ErrorKind::InvalidInput => break, // Ya no escucha.
            Err(_) => continue,
        };
        // El socket es del hilo: cuando acaba, se cierra. En la lista solo queda cómo hallarlo.
        let place = Arc::downgrade(&client);
        let thread = thread::Builder::new().name(format!("cliente-{number}"));
        let work = move || {
            tell("entra");
            let _ = echo(&client);
            tell("se va");
        };
        attended.retain(|(_, thread)| !thread.is_finished());
        attended.extend(thread.spawn(work).map(|thread| (place, thread)));
    }
    attended
}
fn echo(mut client: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    // read duerme hasta que llegue algo: medio mensaje, uno o dos. Cero bytes es el final.
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?; // Hasta que salgan todos.
    }
    Ok(())
}
/// Una línea con el nombre del hilo que la dice.
fn tell(what: &str) {
    let thread = thread::current();
    let _ = writeln!(io::stdout(), "[{}] {what}", thread.name().unwrap_or_default());
}
