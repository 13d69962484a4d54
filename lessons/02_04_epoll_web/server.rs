//! El servidor: de qué se compone y cómo se construye.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::listener::{BACKLOG, Pause};
use multiplexacion::steps::{self, Shown, Step};
use multiplexacion::stop::Stop;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use socket2::{Domain, Protocol, Socket, Type};

use crate::client::{Client, Context, Patience};
use crate::deadlines::Deadlines;

/// Lo que `epoll` devuelve con cada evento es un número que elegimos nosotros: para un
/// cliente, su identificador; estos dos, que ningún cliente alcanza, para lo demás.
pub(crate) const LISTENER: ClientId = ClientId(u64::MAX);
pub(crate) const STOP: ClientId = ClientId(u64::MAX - 1);

/// Cómo se comporta un [`EpollServer`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Compartir el puerto con otros servidores (SO_REUSEPORT).
    pub(crate) share_port: bool,
    /// Cuánto se espera a cada cliente.
    pub(crate) patience: Patience,
    /// Cuánto se espera, al terminar, a quien tiene una respuesta a medias.
    pub(crate) drain: Duration,
}

// ANCHOR: server
/// Un servidor web en un solo hilo.
pub(crate) struct EpollServer {
    pub(crate) epoll: Epoll,
    /// `None` cuando se pidió la parada.
    pub(crate) listener: Option<TcpListener>,
    /// Si se ha dejado de aceptar, por falta de descriptores.
    pub(crate) pause: Pause,
    pub(crate) stop: Arc<Stop>,
    pub(crate) drain: Duration,
    pub(crate) ids: ClientIds,
    /// En cajas: al crecer, la tabla mueve punteros, y un hueco no ocupa un cliente
    /// entero. La de `std` se protege de quien elige las claves; estas las ponemos
    /// nosotros, y basta otra más rápida.
    pub(crate) clients: HashMap<ClientId, Box<Entry>>,
    pub(crate) deadlines: Deadlines,
    /// A quién hay que cerrar al final de la vuelta.
    pub(crate) closing: Vec<ClientId>,
    pub(crate) context: Context,
}

/// Un cliente, y lo que `epoll` y las alarmas saben de él.
pub(crate) struct Entry {
    pub(crate) client: Client,
    pub(crate) interest: EpollFlags,
    pub(crate) alarm: Instant,
}
// ANCHOR_END: server

impl EpollServer {
    // ANCHOR: new
    /// Prepara el servidor: cuando vuelve, el núcleo ya acepta conexiones.
    pub(crate) fn new(
        address: SocketAddr,
        settings: Settings,
        stop: Arc<Stop>,
    ) -> io::Result<Self> {
        // Un socket TCP, todavía sin dirección.
        let family = Domain::for_address(address);
        let socket = Socket::new(family, Type::STREAM, Some(Protocol::TCP))?;

        // Para volver a arrancar sin esperar a que caduquen las conexiones de antes.
        socket.set_reuse_address(true)?;
        // Con --workers, cada hilo escucha en el mismo puerto: el núcleo reparte.
        socket.set_reuse_port(settings.share_port)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;

        // Sin nadie en la cola, `accept` no duerme: responde EAGAIN.
        socket.set_nonblocking(true)?;
        // Lo que se escribe sale ya. En Linux lo heredan los aceptados, pero ninguna
        // norma lo promete: `listener::prepare` lo pide en cada conexión.
        socket.set_tcp_nodelay(true)?;
        let listener = TcpListener::from(socket);

        // Una instancia de epoll es un descriptor que vigila otros descriptores.
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER.0))?;
        epoll.add(&*stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP.0))?;
        // ANCHOR_END: new

        let (fd, result) = (listener.as_raw_fd(), Shown(&"EPOLLIN"));
        Step::Listen { fd }.tell();
        Step::RegisterListener { fd, result }.tell();
        Ok(EpollServer {
            epoll,
            listener: Some(listener),
            pause: Pause::default(),
            stop,
            drain: settings.drain,
            ids: ClientIds::default(),
            clients: HashMap::default(),
            deadlines: Deadlines::default(),
            closing: Vec::new(),
            context: Context::new(settings.patience),
        })
    }

    /// La dirección en la que escucha.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match &self.listener {
            Some(listener) => listener.local_addr(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Cuenta que un cliente está listo. Su descriptor se busca solo si alguien lo va a
    /// oír.
    pub(crate) fn tell_ready(&self, id: ClientId, events: EpollFlags) {
        if !steps::are_told() {
            return;
        }
        if let Some(entry) = self.clients.get(&id) {
            let fd = entry.client.conn.raw_fd();
            Step::Ready { fd, client: id, result: Shown(&Names(events)) }.tell();
        }
    }
}

/// Eventos que se recogen de una vez. Los que no quepan llegan en la vuelta siguiente.
pub(crate) const EVENTS: usize = 256;

/// Lo que `epoll` encontró listo. Se reutiliza de una vuelta a otra.
#[derive(Default)]
pub(crate) struct Ready {
    pub(crate) events: Vec<EpollEvent>,
    pub(crate) stop: bool,
    pub(crate) listener: bool,
    pub(crate) readable: Vec<ClientId>,
    pub(crate) writable: Vec<ClientId>,
}

impl Ready {
    pub(crate) fn with_room_for(events: usize) -> Ready {
        Ready { events: vec![EpollEvent::empty(); events], ..Ready::default() }
    }
}

/// Los nombres de los eventos, como en epoll_ctl(2).
pub(crate) struct Names(pub(crate) EpollFlags);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter_names().map(|(name, _)| name).collect();
        f.write_str(&names.join(" | "))
    }
}
