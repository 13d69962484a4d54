//! El servidor: de qué se compone y cómo se pone en marcha.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use multiplexacion::chat::Chat;
use multiplexacion::cli::{self, Trouble};
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::listener::{self, Pause};
use multiplexacion::stop::Stop;
use socket2::SockRef;

use crate::guest::Guest;
use crate::history::History;
use crate::keyboard::Console;
use crate::sets::must_fit_in_a_set;

/// Bytes que se leen de un cliente, como mucho, cada vez que le toca.
const TURN: usize = 4 * 1024;

/// Bytes que el núcleo guarda de lo escrito a cada cliente: lo heredan del socket que escucha
/// (tcp(7)). Si no, crecería hasta 4 MiB, y quien no lee tardaría en notarse lo que se tarda en
/// llenarlos.
const SEND_BUFFER: usize = 128 * 1024;

/// Un servidor de chat en un solo hilo.
pub(crate) struct ChatServer {
    pub(crate) listener: TcpListener,
    /// Si se ha dejado de aceptar, por falta de descriptores.
    pub(crate) pause: Pause,
    pub(crate) stop: Stop,
    pub(crate) console: Console,
    pub(crate) login_timeout: Duration,
    pub(crate) ids: ClientIds,
    /// Todos los que están conectados, por orden de llegada.
    pub(crate) guests: BTreeMap<ClientId, Guest>,
    /// Quiénes de ellos han dicho ya su nombre.
    pub(crate) chat: Chat,
    /// Lo que han dicho y a alguno le falta por oír.
    pub(crate) history: History,
    /// A quién, de los que están en el chat, se leyó el último.
    pub(crate) last_heard: ClientId,
    /// Donde se lee. Es uno para todos: un cliente ocioso no guarda ningún búfer.
    pub(crate) scratch: Vec<u8>,
}

/// Lo que `select` encontró listo.
#[derive(Default)]
pub(crate) struct Ready {
    pub(crate) stop: bool,
    pub(crate) console: bool,
    pub(crate) listener: bool,
    pub(crate) readable: Vec<ClientId>,
    pub(crate) writable: Vec<ClientId>,
}

/// Arranca el servidor y lo deja en marcha hasta Ctrl-C, SIGTERM o `salir`.
pub(crate) fn serve(host: &str, port: u16, login_timeout: Duration) -> Result<(), Trouble> {
    let stop = Stop::on_signals()?;
    let listener = listener::resolve(host, port)
        .and_then(listener::listen)
        .map_err(|error| Trouble::listening(host, port, &error))?;
    must_fit_in_a_set(&listener)?;
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    let address = listener.local_addr()?;
    let mut server = ChatServer {
        listener,
        pause: Pause::default(),
        stop,
        console: Console::new()?,
        login_timeout,
        ids: ClientIds::default(),
        guests: BTreeMap::new(),
        chat: Chat::default(),
        history: History::default(),
        last_heard: ClientId(0),
        scratch: vec![0; TURN],
    };
    cli::announce(address)?;
    // Si no mira nadie, porque solo quería la dirección (`| head -1`), no es asunto de los clientes.
    let _ = cli::say("Escribe «salir» o pulsa Ctrl-C para terminar; con -v verás cada paso.");
    Ok(server.run()?)
}
