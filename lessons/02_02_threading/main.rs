//! Lección 02_02: un hilo por cliente con `ThreadingMixIn`.
//!
//! Un servidor de eco, en un hilo de fondo, crea un hilo para cada cliente que se conecta; tres
//! clientes de prueba le hablan a la vez, y cada uno recibe lo que envió. Los hilos del servidor
//! no se programan aquí: de crearlos, limitarlos y recogerlos se encarga
//! [`socketserver`](multiplexacion::socketserver).
//!
//! Se lee en este orden: [`echo`] (qué se hace con un cliente), este archivo (cómo se monta el
//! servidor y cómo se para) y [`clients`] (los clientes de prueba).

mod clients;
mod echo;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, Builder};
use std::time::Duration;

use clap::Parser;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::listener;
use multiplexacion::socketserver::{RequestHandler, TcpServer, ThreadingMixIn};
use multiplexacion::stop::Stop;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use clients::Demonstration;
use echo::{EchoHandler, Meeting};

/// Pila de cada hilo. En un programa de Rust son 2 MiB; a estos les basta con el búfer y algo
/// más, y así caben mil hilos en cualquier sitio.
const STACK: usize = 128 * 1024;

/// Servidor de eco con un hilo por cliente, y tres clientes que lo prueban a la vez
#[derive(Parser, Debug)]
#[command(
    name = "aplic_02_02",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "aplic_02_02 [OPCIONES]",
    after_help = "Para hablarle tú: cargo run --bin aplic_02_02 -- --serve --port 8802\n\
                  En otra terminal: nc -N 127.0.0.1 8802",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    /// Sirve hasta Ctrl-C, sin clientes de prueba
    #[arg(long)]
    serve: bool,

    /// Clientes de prueba
    #[arg(long, value_name = "N", value_parser = cli::count, conflicts_with = "serve")]
    #[arg(default_value = "3")]
    clients: usize,

    /// Puerto en el que escucha; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "0")]
    port: u16,

    /// Hilos a la vez; los demás clientes esperan en la cola del núcleo
    #[arg(long, value_name = "N", value_parser = cli::count, default_value = "1024")]
    max_threads: usize,

    /// Segundos sin noticias tras los que se despide a un cliente
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "60")]
    timeout: Duration,

    #[command(flatten)]
    common: Common,
}

impl cli::Arguments for Arguments {
    fn common(&self) -> &Common {
        &self.common
    }
}

fn main() -> ExitCode {
    cli::start(run)
}

// ANCHOR: run
fn run(arguments: Arguments) -> Result<(), Trouble> {
    // Antes que los hilos: heredan de este que Ctrl-C llega por un descriptor.
    let stop = Stop::on_signals()?;
    let Arguments { serve, clients, max_threads, timeout, port, common } = arguments;
    let listening = |error| Trouble::listening(&common.host, port, &error);
    let address = listener::resolve(&common.host, port).map_err(listening)?;

    let members = if serve { 0 } else { clients.min(max_threads) };
    let meeting = Arc::new(Meeting::of(members));
    let theirs = Arc::clone(&meeting);
    let server = TcpServer::bind(address, move || EchoHandler { meeting: Arc::clone(&theirs) })
        .map_err(listening)?
        .threading(ThreadingMixIn { max_threads, stack_size: STACK, ..Default::default() })
        .client_timeout(timeout)
        .handle_error(|request, failure| tell(&format!("{}: {failure}", request.client_address())));

    let address = server.server_address();
    announce(address)?;
    in_background(server, || {
        if serve {
            Ok(stop.wait()?)
        } else {
            Demonstration { address, clients, timeout, meeting }.run(stop)
        }
    })
}
// ANCHOR_END: run

// ANCHOR: background
/// Ejecuta `work` mientras `server` sirve en su propio hilo; después, lo para.
fn in_background<F, H>(
    mut server: TcpServer<F>,
    work: impl FnOnce() -> Result<(), Trouble>,
) -> Result<(), Trouble>
where
    F: Fn() -> H + Send + Sync + 'static,
    H: RequestHandler,
{
    // Se salga como se salga de aquí, el servidor se para. Sin esto, un fallo en `work` dejaría
    // al programa esperando para siempre a un hilo que no sabe que todo terminó.
    let with_server = server.control().shutdown_on_drop();
    let background = Builder::new().name("servidor".into()).spawn(move || {
        tell("acepta en el fondo y da un hilo a cada cliente");
        // Si no puede seguir, que el programa no se quede esperando a Ctrl-C.
        server.serve_forever().inspect_err(|_| stop_everything())
        // `server` es de este hilo: al terminar, su socket se cierra.
    });
    let background = background.map_err(no_more_threads)?;
    let outcome = work();
    drop(with_server);
    background.join().unwrap_or_else(|_| Err(io::Error::other("el servidor terminó mal")))?;
    outcome
}
// ANCHOR_END: background

fn stop_everything() {
    let _ = kill(Pid::this(), Signal::SIGTERM);
}

fn announce(address: SocketAddr) -> io::Result<()> {
    match cli::announce(address) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

// ANCHOR: tell
/// Una línea en la salida, con el hilo que la dice. Entera y de una vez: los hilos no mezclan
/// las suyas.
fn tell(line: &str) {
    // Si ya nadie lee (`| head -1`), el programa sigue con lo suyo.
    let _ = cli::say(&format!("[{}] {line}", thread_name()));
}

fn thread_name() -> String {
    thread::current().name().unwrap_or("sin nombre").to_owned()
}
// ANCHOR_END: tell

fn small_thread(name: &str) -> Builder {
    Builder::new().name(name.into()).stack_size(STACK)
}

fn no_more_threads(_: io::Error) -> Trouble {
    Trouble::new(
        "el sistema no da más hilos",
        "usa menos --clients, o sube el límite (ulimit -u, ulimit -v)",
    )
}
