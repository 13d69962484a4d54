//! El servidor: cómo se monta, en su propio hilo, y cómo se detiene.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};
use multiplexacion::listener;
use multiplexacion::socketserver::{Failure, Request, TcpServer, ThreadingMixIn};
use multiplexacion::stop::Stop;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clients::Demonstration;
use crate::echo::{EchoHandler, Meeting};
use crate::threads::tell;

type Outcome = Result<(), Trouble>;

/// Lo que se elige al arrancar.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Cuántos clientes de prueba; sin ellos, se sirve hasta Ctrl-C.
    pub(crate) clients: Option<usize>,
    /// Hilos a la vez, como mucho.
    pub(crate) max_threads: usize,
    /// Lo que se espera a quien calla.
    pub(crate) timeout: Duration,
}

// ANCHOR: run
pub(crate) fn run(host: &str, port: u16, settings: Settings) -> Outcome {
    // Antes que los hilos: heredan de este que Ctrl-C llega por un descriptor.
    let stop = Stop::on_signals()?;
    let listening = |error| Trouble::listening(host, port, &error);
    let address = listener::resolve(host, port).map_err(listening)?;
    let Settings { clients, max_threads, timeout } = settings;
    let meeting = Arc::new(Meeting::of(clients.unwrap_or(0).min(max_threads)));
    let server = prepare(address, settings, &meeting).map_err(listening)?;
    let address = server.server_address();
    cli::announce(address)?;
    in_background(server, || match clients {
        None => Ok(stop.wait()?),
        Some(clients) => {
            let trial = Demonstration { address, clients, timeout, meeting };
            trial.run(stop)
        }
    })
}
// ANCHOR_END: run

// ANCHOR: prepare
/// Dónde se escucha, quién atiende a cada cliente, y con qué límites.
fn prepare(
    address: SocketAddr,
    settings: Settings,
    meeting: &Arc<Meeting>,
) -> io::Result<TcpServer> {
    let meeting = Arc::clone(meeting);
    let new_handler = move || EchoHandler { meeting: Arc::clone(&meeting) };
    let max_threads = settings.max_threads;
    let server = TcpServer::bind(address, new_handler)?
        .threading(ThreadingMixIn { max_threads, ..Default::default() })
        .client_timeout(settings.timeout)
        .handle_error(complain);
    Ok(server)
}
// ANCHOR_END: prepare

fn complain(request: &Request, failure: &Failure) {
    tell(&format!("{}: {failure}", request.client_address()));
}

// ANCHOR: background
/// Ejecuta `work` mientras `server` sirve en su propio hilo; después, lo detiene.
fn in_background(mut server: TcpServer, work: impl FnOnce() -> Outcome) -> Outcome {
    // Se salga como se salga de aquí, el servidor se detiene. Sin esto, un
    // fallo en `work` dejaría al programa esperando a un hilo que no sabe
    // que todo terminó.
    let stops_at_the_end = server.control().shutdown_on_drop();
    let background = Builder::new().name("servidor".into()).spawn(move || {
        tell("acepta en el fondo y da un hilo a cada cliente");
        // Si no puede seguir, que el programa no se quede esperando a Ctrl-C.
        server.serve_forever().inspect_err(|_| stop_everything())
        // `server` es de este hilo: al terminar, su socket se cierra.
    });
    let too_many = |_| Trouble::no_more_threads("--clients");
    let background = background.map_err(too_many)?;
    let outcome = work();
    drop(stops_at_the_end);
    let badly = |_| Err(io::Error::other("el servidor terminó mal"));
    background.join().unwrap_or_else(badly)?;
    outcome
}
// ANCHOR_END: background

fn stop_everything() {
    let _ = kill(Pid::this(), Signal::SIGTERM);
}
