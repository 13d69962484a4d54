//! El servidor: de qué se compone, cómo se pone en marcha y cómo se detiene.

use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};
use multiplexacion::client_id::ClientIds;
use multiplexacion::listener::{self, Pause};
use multiplexacion::steps::Step;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::alone::Alone;
use crate::broker::Broker;
use crate::guest::Desk;
use crate::hub::Hub;
use crate::proxy::Gate;
use crate::room::Room;
use crate::shared::Shared;

/// Bytes que el núcleo guarda de lo escrito a cada cliente: como en 02_03.
const SEND_BUFFER: usize = 128 * 1024;

/// Lo que se espera, al detenerse, a que se vayan todos.
const GOODBYE: Duration = Duration::from_secs(3);

/// Cómo se pone en marcha.
#[derive(Debug, Clone)]
pub struct Options {
    /// Dónde escucha.
    pub host: String,
    /// En qué puerto; 0 deja que elija el núcleo.
    pub port: u16,
    /// La dirección del balanceador por el que se entra, si solo se entra por él.
    pub proxy: Option<IpAddr>,
    /// Lo que espera a que un cliente diga su nombre.
    pub login_timeout: Duration,
    /// El intermediario que comparte con otros; sin él, está solo.
    pub broker: Option<String>,
    /// Lo que los demás esperan a que dé señales de vida.
    pub lease: Duration,
}

/// Arranca el servidor y lo deja en marcha hasta Ctrl-C o SIGTERM. Errores: no se puede escuchar ahí; o
/// el intermediario no deja entrar, o no lo es.
pub fn serve(options: &Options) -> Result<(), Trouble> {
    // Un hilo: lo que aquí se aprende no es a repartir el trabajo, sino el estado.
    Builder::new_current_thread().enable_all().build()?.block_on(run(options))
}

async fn run(options: &Options) -> Result<(), Trouble> {
    // Antes de anunciarse: desde ese momento, Ctrl-C ya termina en orden.
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let broker = match &options.broker {
        Some(url) => Some(Broker::find(url).await?),
        None => None,
    };
    let listener = TcpListener::from_std(listen(options)?)?;
    let about = match &broker {
        Some(broker) => format!("El chat se comparte por {}.", broker.address()),
        None => "Sin --broker, este servidor está solo: nadie más oye lo que se diga en él.".into(),
    };
    // Si no mira nadie, porque solo quería la dirección (`| head -1`), no es asunto de los clientes.
    let _ = cli::say(&about);
    let (stop, stopping) = watch::channel(false);
    let desk = open(options, broker, stopping);
    let mut guests = JoinSet::new();
    tokio::select! {
        () = accept_all(listener, &desk, &mut guests) => {}
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Step::Stop {}.tell();
    stop.send_replace(true);
    let _ = timeout(GOODBYE, async { while guests.join_next().await.is_some() {} }).await;
    desk.hub.stop().await;
    Ok(())
}

fn listen(options: &Options) -> Result<StdListener, Trouble> {
    let (host, port) = (&options.host, options.port);
    let listener = listener::resolve(host, port)
        .and_then(listener::listen)
        .map_err(|error| Trouble::listening(host, port, &error))?;
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    cli::announce(listener.local_addr()?)?;
    Ok(listener)
}

fn open(options: &Options, broker: Option<Broker>, stop: watch::Receiver<bool>) -> Desk {
    let room = Arc::new(Room::default());
    let hub = match broker {
        Some(broker) => Hub::Shared(Shared::start(Arc::clone(&room), broker, options.lease)),
        None => Hub::Alone(Alone::new(Arc::clone(&room))),
    };
    Desk {
        room,
        hub: Arc::new(hub),
        gate: Gate::new(options.proxy),
        login_timeout: options.login_timeout,
        stop,
    }
}

/// Acepta clientes para siempre; cada uno sigue por su cuenta, en su tarea.
async fn accept_all(listener: TcpListener, desk: &Desk, guests: &mut JoinSet<()>) {
    let (mut ids, mut pause) = (ClientIds::default(), Pause::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = guests.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                // Si fallara, un mensaje pequeño podría esperar a que confirmen el anterior; nada más.
                let _ = stream.set_nodelay(true);
                guests.spawn(desk.clone().attend(stream, address, ids.next_id()));
            }
            Err(error) => pause.after(&error, &listener),
        }
        if let Some(until) = pause.until() {
            sleep_until(until.into()).await;
            pause.resume(until, &listener);
        }
    }
}
