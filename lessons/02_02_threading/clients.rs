//! Los clientes de prueba: todos a la vez, cada uno en su hilo.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Builder};
use std::time::Duration;

use multiplexacion::cli::Trouble;
use multiplexacion::errors;
use multiplexacion::output::{self, Patience};
use multiplexacion::stop::Stop;

use crate::echo::{Meeting, preview};
use crate::threads::{small_thread, tell, thread_name};

type Outcome = Result<(), Trouble>;

/// Lo que los demás hilos cuentan al que dirige la demostración.
enum News {
    /// Un cliente de prueba terminó, bien o mal.
    Client { served: bool },
    /// Alguien pulsó Ctrl-C.
    Stop,
}

/// Unos cuantos clientes que le hablan a la vez al mismo servidor.
pub(crate) struct Demonstration {
    pub(crate) address: SocketAddr,
    pub(crate) clients: usize,
    pub(crate) timeout: Duration,
    pub(crate) meeting: Arc<Meeting>,
}

impl Demonstration {
    /// Lanza los clientes, espera a que terminen y dice si a todos se les atendió.
    pub(crate) fn run(&self, stop: Stop) -> Outcome {
        // Un servidor no espera a quien lee lo que cuenta; una demostración es para quien la lee.
        output::set_patience(Patience::WhenFull);
        let (sender, news) = mpsc::channel();
        let outcome = self.launch(stop, &sender).and_then(|()| self.wait(&news));
        // Fuera como fuera, que ningún hilo del servidor siga esperando a quien no vendrá.
        self.meeting.open();
        outcome
    }

    // ANCHOR: launch
    /// Un hilo por cliente y otro para Ctrl-C: cada cual avisa por un canal.
    fn launch(&self, stop: Stop, sender: &Sender<News>) -> Outcome {
        let stopping = sender.clone();
        let wait = move || stop.wait().map(|()| stopping.send(News::Stop));
        small_thread("parada", |thread| thread.spawn(wait))?;
        for number in 1..=self.clients {
            let (address, timeout) = (self.address, self.timeout);
            let meeting = Arc::clone(&self.meeting);
            let sender = sender.clone();
            let work = move || {
                let served = is_served(address, timeout);
                if !served {
                    meeting.open();
                }
                sender.send(News::Client { served })
            };
            let name = format!("prueba-{number}");
            small_thread(&name, |thread| thread.spawn(work))?;
        }
        Ok(())
    }
    // ANCHOR_END: launch

    fn wait(&self, news: &Receiver<News>) -> Outcome {
        let mut failed = 0;
        for item in news.iter().take(self.clients) {
            match item {
                News::Client { served } => failed += usize::from(!served),
                News::Stop => return Ok(()),
            }
        }
        if failed == 0 {
            return Ok(());
        }
        Err(Trouble::new(
            format!(
                "clientes de prueba que no recibieron lo que enviaron: {failed} de {}",
                self.clients
            ),
            "repítelo con -v, con menos --clients o con más --timeout",
        ))
    }
}
/// Un cliente de prueba: envía un mensaje con su nombre y cuenta qué le devuelven.
fn is_served(address: SocketAddr, timeout: Duration) -> bool {
    let message = format!("Hola desde {}", thread_name()).into_bytes();
    let conversation = connect(address, timeout)
        .and_then(|stream| Ok((stream.local_addr()?, ask(&stream, &message)?)));
    match conversation {
        Ok((local, answer)) => {
            tell(&format!("desde {local} recibió {}", preview(&answer)));
            answer == message
        }
        Err(error) => {
            tell(&format!("sin respuesta: {}", explain(&error)));
            false
        }
    }
}

fn connect(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

// ANCHOR: client
/// Envía `message`, cierra su lado y lee hasta el final.
fn ask(mut stream: &TcpStream, message: &[u8]) -> io::Result<Vec<u8>> {
    thread::scope(|scope| {
        // Se envía y se lee a la vez: lo grande no cabe en los búferes.
        let send = move || {
            stream.write_all(message)?;
            stream.shutdown(Shutdown::Write) // el servidor leerá cero bytes
        };
        let spawn = |thread: Builder| thread.spawn_scoped(scope, send);
        let sending = small_thread("envío", spawn).map_err(io::Error::other)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let badly = |_| Err(io::Error::other("el envío terminó mal"));
        sending.join().unwrap_or_else(badly)?;
        Ok(answer)
    })
}
// ANCHOR_END: client

/// En un socket bloqueante con plazo, «no hay nada listo» es que el plazo pasó (socket(7)).
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => errors::reason(&io::ErrorKind::TimedOut.into()),
        _ => errors::reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use multiplexacion::socketserver::{Request, TcpServer};

    #[test]
    fn t2_04_el_cliente_lee_hasta_el_final_un_mensaje_mayor_que_los_búferes() {
        let echo = || |mut request: &Request| io::copy(&mut { request }, &mut request).map(|_| ());
        let mut server = TcpServer::bind(([127, 0, 0, 1], 0), echo).unwrap();
        let address = server.server_address();
        let _stops_at_the_end = server.control().shutdown_on_drop();
        thread::spawn(move || server.serve_forever());
        let message: Vec<u8> = (0..=255).cycle().take(16 << 20).collect();
        let stream = connect(address, Duration::from_secs(20)).unwrap();
        assert!(ask(&stream, &message).unwrap() == message);
    }
}
