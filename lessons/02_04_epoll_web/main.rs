//! Lección 02_04: un servidor web sobre `epoll`.
//!
//! Responde a cualquier navegador con una línea fija de texto. `select` recorre en cada
//! vuelta todos los descriptores que vigila; con `epoll` se registran una vez y es el núcleo
//! quien lleva la cuenta y entrega solo los que tienen algo que contar.
//!
//! Se lee en este orden: este archivo (qué se puede pedir por la línea de órdenes),
//! [`server`] (el bucle de eventos), [`client`] (la conversación con un navegador) y
//! [`deadlines`] (quién se está retrasando).

mod client;
mod deadlines;
mod server;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use clap::Parser;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::net;
use multiplexacion::stop::Stop;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use client::Patience;
use server::{EpollServer, Settings};

/// Servidor web sobre epoll: responde a cualquier navegador con una línea de texto
#[derive(Parser, Debug)]
#[command(
    name = "aplic_02_04",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "aplic_02_04 [OPCIONES]",
    after_help = "Ábrelo en un navegador, o pruébalo con: curl -i http://127.0.0.1:8080/",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    /// Puerto en el que escucha; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8080")]
    port: u16,

    /// Bucles de eventos, cada uno en su hilo y con su epoll
    #[arg(long, value_name = "N", value_parser = cli::count, default_value = "1")]
    workers: usize,

    /// Segundos para enviar la cabecera de una petición
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    head_timeout: Duration,

    /// Segundos que una conexión puede pasar sin actividad
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "60")]
    idle_timeout: Duration,

    /// Segundos para terminar, tras Ctrl-C, lo que se estaba enviando
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "5")]
    drain_timeout: Duration,

    #[command(flatten)]
    common: Common,
}

impl cli::Arguments for Arguments {
    fn common(&self) -> &Common {
        &self.common
    }
}

fn main() -> ExitCode {
    cli::start(|arguments| serve(&arguments))
}

fn serve(arguments: &Arguments) -> Result<(), Trouble> {
    // Antes de crear hilos, para que todos hereden la máscara de señales.
    let stop = Arc::new(Stop::on_signals()?);
    let servers = open(arguments, &stop)
        .map_err(|error| Trouble::listening(&arguments.common.host, arguments.port, &error))?;
    let address = servers[0].address()?;
    cli::announce(address)?;
    // A quien solo quería la dirección (`| head -1`) no le hace falta lo demás.
    let _ = cli::say(&format!("Ábrelo en un navegador, http://{address}/; Ctrl-C termina."));
    Ok(run_all(servers)?)
}

/// Un servidor por hilo, todos en el mismo puerto. El primero descubre cuál es, si lo elige
/// el núcleo.
fn open(arguments: &Arguments, stop: &Arc<Stop>) -> io::Result<Vec<EpollServer>> {
    let settings = Settings {
        share_port: arguments.workers > 1,
        patience: Patience { head: arguments.head_timeout, idle: arguments.idle_timeout },
        drain: arguments.drain_timeout,
    };
    let address = net::resolve(&arguments.common.host, arguments.port)?;
    if settings.share_port {
        // ¿Está libre? Con SO_REUSEPORT el núcleo no lo diría: dos servidores arrancados por
        // descuido se repartirían los clientes.
        drop(net::listen(address)?);
    }
    let first = EpollServer::new(address, settings, Arc::clone(stop))?;
    let address = first.address()?;
    let mut servers = vec![first];
    for _ in 1..arguments.workers {
        servers.push(EpollServer::new(address, settings, Arc::clone(stop))?);
    }
    Ok(servers)
}

/// El primero en este hilo; los demás, cada uno en el suyo.
fn run_all(servers: Vec<EpollServer>) -> io::Result<()> {
    thread::scope(|scope| {
        let mut servers = (1..).zip(servers);
        let first = servers.next();
        let others: Vec<_> = servers
            .map(|(number, server)| {
                let thread = thread::Builder::new().name(format!("epoll-{number}"));
                thread.spawn_scoped(scope, || run(server)).inspect_err(|_| stop_everyone())
            })
            .collect();
        let ended = first.map_or(Ok(()), |(_, server)| run(server));
        others.into_iter().fold(ended, |ended, thread| ended.and(outcome(thread)))
    })
}

/// Lo que devolvió un hilo, si llegó a empezar y a terminar.
fn outcome(thread: io::Result<ScopedJoinHandle<'_, io::Result<()>>>) -> io::Result<()> {
    thread?.join().unwrap_or_else(|_| Err(io::Error::other("un hilo no terminó bien")))
}

/// Si un bucle falla, los demás terminan también: mejor un error a la vista que un servidor a
/// medias.
fn run(mut server: EpollServer) -> io::Result<()> {
    server.run().inspect_err(|_| stop_everyone())
}

fn stop_everyone() {
    // Al proceso y no a este hilo: el descriptor de señales de cada hilo solo muestra las suyas
    // y las de todo el proceso.
    let _ = kill(Pid::this(), Signal::SIGTERM);
}
