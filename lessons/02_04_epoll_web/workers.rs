//! Un bucle por hilo, todos en el mismo puerto: el núcleo reparte los clientes.

use std::io;
use std::iter;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::listener;
use multiplexacion::stop::Stop;
use multiplexacion::threads;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::server::{EpollServer, Settings};

/// Pila de cada hilo: la de costumbre en un programa de Rust.
const STACK: usize = 2 * 1024 * 1024;

/// Arranca tantos bucles como `workers` y los deja en marcha hasta que se pida terminar.
pub(crate) fn serve(
    host: &str,
    port: u16,
    workers: usize,
    settings: Settings,
) -> Result<(), Trouble> {
    // Antes de crear hilos, para que todos hereden la máscara de señales.
    let stop = Arc::new(Stop::on_signals()?);
    let servers = open(host, port, workers, settings, &stop)
        .map_err(|error| Trouble::listening(host, port, &error))?;
    let address = servers[0].address()?;
    cli::announce(address)?;
    // A quien solo quería la dirección (`| head -1`) no le hace falta lo demás.
    let _ = cli::say(&format!("Ábrelo en un navegador, http://{address}/; Ctrl-C termina."));
    run_all(servers)
}

/// Un servidor por hilo, todos en el mismo puerto. El primero descubre cuál es, si lo elige
/// el núcleo.
fn open(
    host: &str,
    port: u16,
    workers: usize,
    settings: Settings,
    stop: &Arc<Stop>,
) -> io::Result<Vec<EpollServer>> {
    let address = listener::resolve(host, port)?;
    if settings.share_port {
        // ¿Está libre? Con SO_REUSEPORT el núcleo no lo diría: dos servidores arrancados por
        // descuido se repartirían los clientes.
        drop(TcpListener::bind(address)?);
    }
    let first = EpollServer::new(address, settings, Arc::clone(stop))?;
    let address = first.address()?;
    let others = (1..workers).map(|_| EpollServer::new(address, settings, Arc::clone(stop)));
    iter::once(Ok(first)).chain(others).collect()
}

/// El primero en este hilo; los demás, cada uno en el suyo.
fn run_all(servers: Vec<EpollServer>) -> Result<(), Trouble> {
    thread::scope(|scope| {
        let mut servers = (1..).zip(servers);
        let first = servers.next();
        let others: Vec<_> = servers
            .map(|(number, server)| {
                let work = || run(server);
                threads::create(format!("epoll-{number}"), STACK, |it| it.spawn_scoped(scope, work))
                    .inspect_err(|_| stop_everyone())
            })
            .collect();
        let ended = first.map_or(Ok(()), |(_, server)| Ok(run(server)?));
        others.into_iter().fold(ended, |ended, thread| ended.and(outcome(thread)))
    })
}

/// Lo que devolvió un hilo, si llegó a empezar y a terminar.
fn outcome(thread: io::Result<ScopedJoinHandle<'_, io::Result<()>>>) -> Result<(), Trouble> {
    let thread = thread.map_err(|_| Trouble::no_more_threads("--workers"))?;
    Ok(thread.join().unwrap_or_else(|_| Err(io::Error::other("un hilo no terminó bien")))?)
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
