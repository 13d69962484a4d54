//! El bucle de eventos.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use multiplexacion::connection::ClientId;
use multiplexacion::errors;
use multiplexacion::net::{self, Accept, BACKLOG};
use multiplexacion::stop::Stop;
use multiplexacion::trace::counted;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

use crate::client::{Client, CloseReason, Desk, Patience};
use crate::deadlines::Deadlines;

/// Lo que `epoll` devuelve con cada evento es un número que elegimos nosotros: para un
/// cliente, su identificador; estos dos, que ningún cliente alcanza, para lo demás.
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// Eventos que se recogen de una vez. Los que no quepan se entregan en la vuelta siguiente.
const EVENTS: usize = 256;

/// Sin descriptores libres, cuánto se espera antes de volver a intentar aceptar.
const PAUSE: Duration = Duration::from_secs(1);

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

/// Un cliente y lo que `epoll` y las alarmas saben de él.
struct Entry {
    client: Client,
    interest: EpollFlags,
    alarm: Instant,
}

/// Lo que se lleva de todos los clientes a la vez.
struct Watch {
    epoll: Epoll,
    deadlines: Deadlines,
    /// A quién hay que cerrar al final de la vuelta.
    closing: Vec<ClientId>,
}

/// Un servidor web en un solo hilo.
pub(crate) struct EpollServer {
    watch: Watch,
    listener: Option<TcpListener>,
    stop: Arc<Stop>,
    clients: HashMap<ClientId, Entry>,
    next_id: u64,
    paused_until: Option<Instant>,
    drain: Duration,
    desk: Desk,
}

impl EpollServer {
    // ANCHOR: new
    /// Prepara el servidor: cuando vuelve, el núcleo ya acepta conexiones.
    pub(crate) fn new(
        address: SocketAddr,
        settings: Settings,
        stop: Arc<Stop>,
    ) -> io::Result<Self> {
        // Un socket TCP, todavía sin dirección.
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;

        // Reutilizar la dirección permite reiniciar sin esperar a que caduquen las conexiones
        // anteriores. Compartir el puerto, que el núcleo reparta los clientes entre varios
        // sockets que escuchan: uno por hilo.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(settings.share_port)?;

        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;

        // No bloqueante: `accept`, sin nadie en la cola, responde EAGAIN en vez de dormir. Un
        // solo hilo atiende a todos, y no puede quedarse dormido por uno.
        socket.set_nonblocking(true)?;

        // TCP_NODELAY: lo que se escribe sale ya, sin esperar a juntarse con lo siguiente. En
        // este socket es una declaración de intenciones (en Linux los aceptados la heredan,
        // pero no está escrito que deban): `net::accept` la pone en cada conexión.
        socket.set_tcp_nodelay(true)?;

        // Una instancia de epoll es un descriptor que vigila otros descriptores.
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let listener = TcpListener::from(socket);
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(&*stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        // ANCHOR_END: new

        let fd = listener.as_raw_fd();
        debug!(what = "listen", fd, "listen({fd}): el núcleo ya acepta conexiones por nosotros");
        debug!(
            what = "register",
            fd,
            result = "EPOLLIN",
            "epoll_ctl: añadido {fd}, el socket que escucha, para EPOLLIN"
        );
        Ok(EpollServer {
            watch: Watch { epoll, deadlines: Deadlines::default(), closing: Vec::new() },
            listener: Some(listener),
            stop,
            clients: HashMap::new(),
            next_id: 1,
            paused_until: None,
            drain: settings.drain,
            desk: Desk::new(settings.patience),
        })
    }

    /// La dirección en la que escucha.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match &self.listener {
            Some(listener) => listener.local_addr(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    // ANCHOR: run
    /// Atiende a todos hasta que llegue la señal de parada y se vaya el último.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        while self.listener.is_some() || !self.clients.is_empty() {
            let ready = self.wait(&mut events)?;
            for event in &events[..ready] {
                match event.data() {
                    LISTENER => self.on_acceptable()?,
                    STOP => self.on_stop()?,
                    id => self.on_client(ClientId(id), event.events())?,
                }
            }
            self.ring_alarms()?;
            self.reap()?;
        }
        Ok(())
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    /// El único punto en el que el programa espera: hasta que el núcleo tenga algo que
    /// contar, o hasta el plazo más próximo. Sin plazos ni clientes, para siempre.
    fn wait(&mut self, events: &mut [EpollEvent]) -> io::Result<usize> {
        let timeout = self.timeout();
        debug!(
            what = "wait",
            fd = self.watch.epoll.0.as_raw_fd(),
            "epoll_wait: a dormir, con {}",
            counted(self.clients.len(), "cliente", "clientes")
        );
        let ready = match self.watch.epoll.wait(events, timeout) {
            Ok(ready) => ready,
            // Otra señal, como la de reanudar tras Ctrl-Z (signal(7)).
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        self.desk.now = Instant::now();
        debug!(what = "wait", result = ready, "epoll_wait: {}", counted(ready, "listo", "listos"));
        Ok(ready)
    }
    // ANCHOR_END: wait

    fn timeout(&self) -> EpollTimeout {
        let Some(next) =
            [self.watch.deadlines.next(), self.paused_until].into_iter().flatten().min()
        else {
            return EpollTimeout::NONE;
        };
        // epoll cuenta milisegundos enteros. Hacia arriba: despertar antes de la hora sería
        // despertar para nada.
        let left = next.saturating_duration_since(self.desk.now) + Duration::from_micros(999);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    }

    // ANCHOR: on_acceptable
    /// EPOLLIN en el socket que escucha: alguien espera en la cola del núcleo. Uno por
    /// vuelta; si hay más, epoll lo repetirá (disparo por nivel).
    fn on_acceptable(&mut self) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        match net::accept(listener)? {
            Accept::Client(stream, address) => {
                self.welcome(stream, address).unwrap_or_else(|error| {
                    let why = errors::reason(&error);
                    debug!(what = "close", result = why, "cliente rechazado: {why}");
                });
                Ok(())
            }
            Accept::Empty => Ok(()),
            Accept::Full(_) => self.pause(),
        }
    }
    // ANCHOR_END: on_acceptable

    // ANCHOR: welcome
    fn welcome(&mut self, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        let id = ClientId(self.next_id);
        self.next_id += 1;
        stream.set_nonblocking(true)?;
        let (fd, interest) = (stream.as_raw_fd(), EpollFlags::EPOLLIN);
        debug!(
            what = "accept",
            fd,
            client = id.0,
            "accept: cliente {id} desde {address}, descriptor {fd}"
        );
        self.watch.epoll.add(&stream, EpollEvent::new(interest, id.0))?;
        debug!(
            what = "register",
            fd,
            client = id.0,
            result = "EPOLLIN",
            "epoll_ctl: añadido {fd} para EPOLLIN"
        );
        let client = Client::new(stream, id, &self.desk);
        let alarm = client.deadline();
        self.watch.deadlines.arm(alarm, id);
        self.clients.insert(id, Entry { client, interest, alarm });
        Ok(())
    }
    // ANCHOR_END: welcome

    // ANCHOR: on_client
    /// Algo pasó en la conexión de un cliente. Lo que le ocurra se queda en él: aquí solo
    /// fallan las llamadas sobre el propio epoll.
    fn on_client(&mut self, id: ClientId, events: EpollFlags) -> io::Result<()> {
        let Some(entry) = self.clients.get_mut(&id) else { return Ok(()) };
        let client = &mut entry.client;
        let fd = client.conn().raw_fd();
        debug!(
            what = "ready",
            fd,
            client = id.0,
            result = names(events),
            "listo: {fd}, con {}",
            names(events)
        );

        // EPOLLIN: hay bytes que leer, o llegó el fin. Va primero: quien envía y se va
        // enseguida da EPOLLIN y EPOLLHUP juntos, y lo que envió aún cuenta.
        if events.contains(EpollFlags::EPOLLIN) {
            client.on_readable(&mut self.desk);
        } else if events.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            // EPOLLERR: el socket guarda un error. EPOLLHUP: los dos lados están cerrados.
            // Llegan aunque no se pidan, y no dejan de llegar hasta que se cierra.
            client.on_hang_up();
        }

        // EPOLLOUT: hay sitio en el búfer de salida. Solo se pide cuando quedó algo sin
        // escribir: un socket casi siempre tiene sitio, y pedirlo sin necesidad despertaría
        // al bucle en cada vuelta.
        if events.contains(EpollFlags::EPOLLOUT) {
            client.on_writable(&mut self.desk);
        }
        entry.follow_up(id, &mut self.watch)
    }
    // ANCHOR_END: on_client

    /// Despide a quien agotó su plazo. Una alarma temprana solo se vuelve a poner.
    fn ring_alarms(&mut self) -> io::Result<()> {
        while let Some(id) = self.watch.deadlines.pop_due(self.desk.now) {
            let Some(entry) = self.clients.get_mut(&id) else { continue };
            if entry.client.deadline() <= self.desk.now {
                let fd = entry.client.conn().raw_fd();
                debug!(what = "timeout", fd, client = id.0, "plazo agotado: cliente {id}");
                entry.client.on_deadline(&mut self.desk);
            }
            // Para quien se cierra no hay más alarmas: su plazo ya pasó, y sonarían sin fin.
            if entry.client.closing().is_none() {
                entry.alarm = entry.client.deadline();
                self.watch.deadlines.arm(entry.alarm, id);
            }
            entry.follow_up(id, &mut self.watch)?;
        }
        Ok(())
    }

    // ANCHOR: reap
    /// El único lugar que cierra conexiones: soltar la entrada cierra el descriptor, y el
    /// núcleo lo borra de epoll (epoll(7)).
    fn reap(&mut self) -> io::Result<()> {
        for id in std::mem::take(&mut self.watch.closing) {
            let Some(entry) = self.clients.remove(&id) else { continue };
            self.watch.deadlines.disarm(entry.alarm, id);
            let fd = entry.client.conn().raw_fd();
            let reason = entry.client.closing().unwrap_or(&CloseReason::Left);
            debug!(what = "close", fd, client = id.0, result = %reason, "close({fd}): cliente {id}: {reason}");
            self.paused_until = self.paused_until.map(|_| self.desk.now);
        }
        self.resume()
    }
    // ANCHOR_END: reap

    /// Sin descriptores libres, el socket que escucha seguiría «listo» sin que nadie pudiera
    /// atenderlo: se deja de vigilar hasta que se vaya un cliente, o un momento.
    fn pause(&mut self) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        self.watch.epoll.delete(listener)?;
        self.paused_until = Some(self.desk.now + PAUSE);
        debug!(
            what = "pause",
            fd = listener.as_raw_fd(),
            "no quedan descriptores: se deja de aceptar por ahora"
        );
        Ok(())
    }

    fn resume(&mut self) -> io::Result<()> {
        let (Some(when), Some(listener)) = (self.paused_until, &self.listener) else {
            return Ok(());
        };
        if when <= self.desk.now {
            self.paused_until = None;
            self.watch.epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
            debug!(what = "resume", fd = listener.as_raw_fd(), "se vuelve a aceptar");
        }
        Ok(())
    }

    // ANCHOR: on_stop
    /// Ctrl-C o SIGTERM: nadie más entra, los ociosos se van y quien tenga una respuesta a
    /// medias la recibe entera.
    fn on_stop(&mut self) -> io::Result<()> {
        debug!(what = "stop", "parada pedida: se deja de aceptar");
        // La señal sigue «lista» para siempre: si se siguiera vigilando, no se dormiría más.
        self.watch.epoll.delete(&*self.stop)?;
        self.listener = None;
        self.paused_until = None;
        let limit = self.desk.now + self.drain;
        self.desk.closing_time = Some(limit);
        for (id, entry) in &mut self.clients {
            entry.client.on_stop(limit);
            entry.follow_up(*id, &mut self.watch)?;
        }
        Ok(())
    }
    // ANCHOR_END: on_stop
}

impl Entry {
    // ANCHOR: follow_up
    /// Pone al día lo que epoll y las alarmas saben de un cliente que acaba de moverse.
    fn follow_up(&mut self, id: ClientId, watch: &mut Watch) -> io::Result<()> {
        if self.client.closing().is_some() {
            watch.closing.push(id);
            return Ok(());
        }
        if self.client.deadline() < self.alarm {
            watch.deadlines.disarm(self.alarm, id);
            self.alarm = self.client.deadline();
            watch.deadlines.arm(self.alarm, id);
        }
        // Leer o escribir, una cosa a la vez: mientras un cliente no recoja lo que pidió, no
        // se le lee más. Es la contrapresión: él mismo se frena.
        let conn = self.client.conn();
        let interest = if conn.wants_write() { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        if interest != self.interest {
            self.interest = interest;
            watch.epoll.modify(conn.stream(), &mut EpollEvent::new(interest, id.0))?;
            debug!(
                what = "modify",
                fd = conn.raw_fd(),
                client = id.0,
                result = names(interest),
                "epoll_ctl: {} pasa a {}",
                conn.raw_fd(),
                names(interest)
            );
        }
        Ok(())
    }
    // ANCHOR_END: follow_up
}

/// Los nombres de los eventos, como en epoll_ctl(2).
fn names(events: EpollFlags) -> String {
    events.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join(" | ")
}
