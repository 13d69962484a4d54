//! Lección 02_02, paso 3: un hilo con nombre para cada cliente, y un final en el que acaban todos.
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Weak};
use std::thread::{self, Scope};

use nix::sys::signal::{SigSet, Signal};
use socket2::SockRef;

fn main() -> ExitCode {
    let Err(_) = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy()) else {
        return ExitCode::SUCCESS;
    };
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_02_3 8802");
    ExitCode::from(2) // Casi siempre, porque no pudo escuchar.
}
fn serve(port: &str) -> io::Result<()> {
    // Ctrl-C deja de matar al programa: el núcleo guarda la señal hasta que se pregunte por ella.
    // Antes de crear hilos, que lo heredan: con que a uno le faltara, Ctrl-C mataría al programa.
    let stop = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    stop.thread_block()?;
    // Un socket con dirección y una cola (T2-08: de 128): quien llama espera en ella su turno.
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?; // T2-11: solo IPv4.
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    // No se sale de este bloque hasta que acaben todos los hilos que nacen en él.
    thread::scope(|scope| {
        let server = thread::Builder::new().name("servidor".into());
        let server = server.spawn_scoped(scope, || accept_all(&listener, scope))?;
        stop.wait()?; // sigwait(3): duerme hasta Ctrl-C.
        // shutdown despierta a quien duerme en ese socket: en accept, con un error…
        SockRef::from(&listener).shutdown(Shutdown::Both)?;
        // … y en read, con cero bytes: para echo, su cliente se fue. T4-16: sin acabar de escribir.
        for client in server.join().unwrap_or_default().iter().filter_map(Weak::upgrade) {
            let _ = client.shutdown(Shutdown::Both);
        }
        Ok(())
    })
}
/// Acepta hasta que el socket deje de escuchar. Devuelve los clientes que pueden seguir dentro.
fn accept_all<'a>(listener: &TcpListener, scope: &'a Scope<'a, '_>) -> Vec<Weak<TcpStream>> {
    let mut clients: Vec<Weak<TcpStream>> = Vec::new();
    // accept saca de la cola al primero; si no hay nadie, el hilo duerme hasta que lo haya.
    // T3-14: si se acaban los descriptores, falla al instante, una y otra vez.
    for number in 1_u64.. {
        let client = match listener.accept() {
            Ok((client, _)) => Arc::new(client),
            Err(error) if error.kind() == ErrorKind::InvalidInput => break, // Ya no escucha.
            Err(_) => continue,
        };
        // Se apunta sin retenerlo (`Weak`): cuando su hilo acaba, el socket se cierra.
        clients.retain(|client| client.strong_count() > 0);
        clients.push(Arc::downgrade(&client));
        // clone(2): otra línea de ejecución del mismo programa, que puede dormirse sola.
        // T2-05: sin tope, tantos hilos como clientes. Si el sistema no da más, este se cierra.
        let thread = thread::Builder::new().name(format!("cliente-{number}"));
        let _ = thread.spawn_scoped(scope, move || {
            tell("entra");
            let _ = echo(&client);
            tell("se va");
        });
    }
    clients
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
/// Una línea con el nombre del hilo que la dice.
fn tell(what: &str) {
    let _ = writeln!(io::stdout(), "[{}] {what}", thread::current().name().unwrap_or_default());
}
