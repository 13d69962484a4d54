//! El servidor: un hilo, todos los clientes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::connection::ClientId;
use multiplexacion::frame::{self, FrameError, MAX_TEXT};
use multiplexacion::net::{self, Accept};
use multiplexacion::stop::Stop;
use multiplexacion::trace::counted;
use nix::errno::Errno;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};
use tracing::debug;

use crate::keyboard::{Keyboard, Lines};
use crate::protocol::{self, CLIENT, ERROR, NAME};
use crate::{Channel, CloseReason, LIMITS, fits_in_a_set, must_fit_in_a_set, receive, send};

/// Cuánto se espera a que un cliente despedido lea la razón y cierre.
const FAREWELL: Duration = Duration::from_secs(2);

/// Sin descriptores libres, cuánto se espera antes de volver a intentar aceptar.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes que se leen de un cliente, como mucho, cada vez que le toca.
const TURN: usize = 16 * 1024;

/// Arranca el servidor y lo deja en marcha hasta Ctrl-C, SIGTERM o `salir`.
pub(crate) fn serve(host: &str, port: u16, patience: Duration) -> Result<(), Trouble> {
    let stop = Stop::on_signals()?;
    let listener = net::resolve(host, port)
        .and_then(net::listen)
        .map_err(|error| Trouble::listening(host, port, &error))?;
    must_fit_in_a_set(&listener)?;
    let mut server = ChatServer::new(listener, stop, patience)?;
    cli::announce(server.address()?)?;
    tell("Escribe «salir» o pulsa Ctrl-C para terminar; con -v verás cada paso.");
    Ok(server.run()?)
}

/// Se lo cuenta a quien mire. Si no mira nadie, porque solo quería la dirección (`| head -1`),
/// no es asunto de los clientes.
fn tell(line: &str) {
    let _ = cli::say(line);
}

// ANCHOR: client
/// Todo lo que se sabe de un cliente, junto, para que desaparezca junto.
struct Client {
    conn: Channel,
    address: IpAddr,
    state: State,
    /// El otro extremo ya no enviará más: no hay nada que esperar por ese lado.
    ended: bool,
    closing: Option<CloseReason>,
}
// ANCHOR_END: client

// ANCHOR: state
/// Por dónde va la conversación con un cliente.
enum State {
    /// Aún no ha dicho su nombre. Mientras, los demás siguen hablando.
    Login { until: Instant },
    /// Está en el chat.
    Member { name: String },
    /// Se le despide: tiene mensajes por recibir, o la razón de su despedida.
    Leaving { until: Instant },
    /// Ya lo tiene todo y nuestro lado está cerrado: se descarta lo que envíe hasta que cierre.
    Lingering { until: Instant },
}
// ANCHOR_END: state

/// Lo que `select` encontró listo.
#[derive(Default)]
struct Ready {
    stop: bool,
    keyboard: bool,
    listener: bool,
    readable: Vec<ClientId>,
    writable: Vec<ClientId>,
}

/// Un servidor de chat en un solo hilo.
struct ChatServer {
    listener: TcpListener,
    stop: Stop,
    /// `None` cuando la entrada estándar terminó: el servidor sigue.
    keyboard: Option<Keyboard>,
    lines: Lines,
    /// Por orden de llegada, que es el orden en el que se difunde.
    clients: BTreeMap<ClientId, Client>,
    next_id: u64,
    paused_until: Option<Instant>,
    patience: Duration,
    scratch: Vec<u8>,
}

impl ChatServer {
    fn new(listener: TcpListener, stop: Stop, patience: Duration) -> io::Result<ChatServer> {
        listener.set_nonblocking(true)?;
        let fd = listener.as_raw_fd();
        debug!(what = "listen", fd, "listen({fd}): el núcleo ya acepta conexiones por nosotros");
        Ok(ChatServer {
            listener,
            stop,
            keyboard: Some(Keyboard::new()),
            lines: Lines::default(),
            clients: BTreeMap::new(),
            next_id: 1,
            paused_until: None,
            patience,
            scratch: vec![0; TURN],
        })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    // ANCHOR: run
    /// El bucle de eventos. Cada vuelta: esperar, atender a quien esté listo, recoger.
    fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.stop || (ready.keyboard && self.on_keyboard()?) {
                debug!(what = "stop", "parada pedida");
                return Ok(());
            }
            for id in ready.writable {
                self.on_writable(id);
            }
            for id in ready.readable {
                self.on_readable(id);
            }
            if ready.listener {
                self.on_acceptable()?;
            }
            self.settle();
        }
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    /// El único punto en el que el programa espera.
    ///
    /// `select` recibe dos conjuntos de descriptores y los devuelve con solo los que están
    /// listos: por eso hay que volver a llenarlos en cada vuelta, y recorrerlos enteros a la
    /// ida y a la vuelta. Con muchos clientes ociosos, ese es su costo.
    fn wait(&self) -> io::Result<Ready> {
        let mut reading = FdSet::new();
        let mut writing = FdSet::new();
        reading.insert(self.stop.as_fd());
        if let Some(keyboard) = &self.keyboard {
            reading.insert(keyboard.as_fd());
        }
        if self.paused_until.is_none() {
            reading.insert(self.listener.as_fd());
        }
        for client in self.clients.values() {
            if !client.ended {
                reading.insert(client.conn.stream().as_fd());
            }
            // ANCHOR: writing
            // Solo quien tiene algo en la cola. Un socket casi siempre admite más bytes:
            // con todos en este conjunto, `select` volvería al instante, siempre.
            if client.conn.wants_write() {
                writing.insert(client.conn.stream().as_fd());
            }
            // ANCHOR_END: writing
        }
        debug!(
            what = "wait",
            "select: a dormir, con {}",
            counted(self.clients.len(), "cliente", "clientes")
        );
        let mut timeout = self.timeout();
        match select(None, &mut reading, &mut writing, None, timeout.as_mut()) {
            Ok(count) => debug!(
                what = "wait",
                result = count,
                "select: {}",
                counted(count, "listo", "listos")
            ),
            // Otra señal, como la de reanudar tras Ctrl-Z (signal(7)): nadie está listo.
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        Ok(self.sort_out(&reading, &writing))
    }
    // ANCHOR_END: wait

    /// Pregunta por cada descriptor si quedó en los conjuntos.
    fn sort_out(&self, reading: &FdSet<'_>, writing: &FdSet<'_>) -> Ready {
        let among = |set: &FdSet<'_>| -> Vec<ClientId> {
            let ready = self
                .clients
                .iter()
                .filter(|(_, client)| set.contains(client.conn.stream().as_fd()));
            ready.map(|(id, _)| *id).collect()
        };
        Ready {
            stop: reading.contains(self.stop.as_fd()),
            keyboard: self
                .keyboard
                .as_ref()
                .is_some_and(|keyboard| reading.contains(keyboard.as_fd())),
            listener: reading.contains(self.listener.as_fd()),
            readable: among(reading),
            writable: among(writing),
        }
    }

    /// Lo que falta hasta el plazo más próximo; sin plazos, `select` duerme sin límite.
    fn timeout(&self) -> Option<TimeVal> {
        let deadlines = self.clients.values().filter_map(Client::until);
        let next = deadlines.chain(self.paused_until).min()?;
        let left = next.saturating_duration_since(Instant::now());
        // Hacia arriba: despertar antes de la hora sería despertar para nada.
        Some(TimeVal::microseconds(i64::try_from(left.as_micros()).unwrap_or(i64::MAX) + 1))
    }

    // ANCHOR: on_acceptable
    /// El socket que escucha está listo para leer: alguien espera en la cola del núcleo.
    fn on_acceptable(&mut self) -> io::Result<()> {
        match net::accept(&self.listener)? {
            Accept::Client(stream, address) => self.welcome(stream, address)?,
            Accept::Empty => {}
            Accept::Full(_) => {
                debug!(what = "pause", "no quedan descriptores: se deja de aceptar por ahora");
                self.paused_until = Some(Instant::now() + PAUSE);
            }
        }
        Ok(())
    }
    // ANCHOR_END: on_acceptable

    /// Un cliente nuevo. Aquí no se le lee nada: su nombre llegará cuando llegue, y esperarlo
    /// detendría a todos.
    fn welcome(&mut self, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let id = ClientId(self.next_id);
        self.next_id += 1;
        let fd = stream.as_raw_fd();
        debug!(
            what = "accept",
            fd,
            client = id.0,
            "accept: cliente {id} desde {address}, descriptor {fd}"
        );
        if !fits_in_a_set(&stream) {
            turn_away(&Channel::new(stream, id, &LIMITS));
            return Ok(());
        }
        let conn = Channel::new(stream, id, &LIMITS);
        // Un servidor que escucha en `::` ve las direcciones IPv4 disfrazadas de IPv6.
        let address = address.ip().to_canonical();
        let state = State::Login { until: Instant::now() + self.patience };
        self.clients.insert(id, Client { conn, address, state, ended: false, closing: None });
        Ok(())
    }

    // ANCHOR: on_readable
    /// Llegaron bytes de un cliente, o su final.
    fn on_readable(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let fd = client.conn.raw_fd();
        debug!(what = "ready", fd, client = id.0, result = "lectura", "listo: {fd}, para leer");
        let received = receive(&mut client.conn, &mut self.scratch);
        for message in received.messages {
            self.on_message(id, &message);
        }
        if let (Some(reason), Some(client)) = (received.end, self.clients.get_mut(&id)) {
            client.on_end(reason);
        }
    }
    // ANCHOR_END: on_readable

    /// Volvió a haber sitio en el búfer de salida de un cliente.
    fn on_writable(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let fd = client.conn.raw_fd();
        debug!(
            what = "ready",
            fd,
            client = id.0,
            result = "escritura",
            "listo: {fd}, para escribir"
        );
        client.conn.writable();
    }

    /// Un mensaje entero: según dónde esté el cliente, es su nombre o algo que dice a todos.
    fn on_message(&mut self, id: ClientId, text: &str) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.closing.is_some() {
            return;
        }
        match &client.state {
            State::Login { .. } => self.on_login(id, text),
            State::Member { name } => {
                let message = protocol::said(name, client.address, text);
                if message.len() > MAX_TEXT {
                    let why = FrameError::TooLong(message.len());
                    client.send(&format!("{ERROR}con tu nombre delante no cabe: {why}"));
                } else if !text.is_empty() {
                    self.broadcast(id, &message);
                }
            }
            State::Leaving { .. } | State::Lingering { .. } => {}
        }
    }

    // ANCHOR: on_login
    /// El primer mensaje: el nombre.
    fn on_login(&mut self, id: ClientId, text: &str) {
        let verdict = self.check_login(text);
        let count = self.members().count() + 1;
        let Some(client) = self.clients.get_mut(&id) else { return };
        match verdict {
            Ok(name) => {
                let address = client.address;
                client.send(&format!("{CLIENT}{address}"));
                let notice = protocol::joined(count, &name, address);
                client.state = State::Member { name };
                self.broadcast(id, &notice);
            }
            Err(why) => client.closing = Some(CloseReason::Refused(why.to_owned())),
        }
    }
    // ANCHOR_END: on_login

    fn check_login(&self, text: &str) -> Result<String, &'static str> {
        let name =
            text.strip_prefix(NAME).ok_or("el primer mensaje debe ser «NAME: » y tu nombre")?;
        protocol::check_name(name)?;
        if self.members().any(|other| protocol::same_name(other, name)) {
            return Err("ese nombre ya está en uso");
        }
        Ok(name.to_owned())
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.clients.values().filter_map(Client::name)
    }

    // ANCHOR: broadcast
    /// Difunde un mensaje a todos menos a quien lo envió.
    ///
    /// A cada uno le va en su cola, siempre en el mismo orden. Si a alguien no le cabe, el
    /// problema es suyo: ni del que habla ni de los demás.
    fn broadcast(&mut self, from: ClientId, text: &str) {
        for (id, client) in &mut self.clients {
            if *id != from && client.name().is_some() {
                client.send(text);
            }
        }
    }
    // ANCHOR_END: broadcast

    // ANCHOR: settle
    /// Escribe lo encolado y despide a quien toca. Despedir a alguien encola un aviso para los
    /// demás, que puede salir mal a su vez: se repite hasta que no queda nada por hacer.
    fn settle(&mut self) {
        loop {
            self.clients.values_mut().for_each(Client::flush);
            if !self.reap() {
                return;
            }
        }
    }
    // ANCHOR_END: settle

    // ANCHOR: reap
    /// El único lugar que cierra conexiones. Devuelve si despidió a alguien.
    fn reap(&mut self) -> bool {
        let now = Instant::now();
        self.clients.values_mut().for_each(|client| client.expire(now));
        let closing: Vec<ClientId> = self
            .clients
            .iter()
            .filter_map(|(id, client)| client.closing.as_ref().map(|_| *id))
            .collect();
        for id in &closing {
            self.dismiss(*id, now);
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            debug!(what = "resume", "se vuelve a aceptar");
            self.paused_until = None;
        }
        !closing.is_empty()
    }
    // ANCHOR_END: reap

    /// Avisa a los demás, si estaba en el chat, y lo despide: con una explicación si la
    /// merece, y de inmediato si no tiene nada por recibir.
    fn dismiss(&mut self, id: ClientId, now: Instant) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(reason) = client.closing.take() else { return };
        let notice = client.name().map(|name| protocol::left(name, client.address));
        if client.can_leave_later(&reason) {
            debug!(what = "leave", client = id.0, result = %reason, "cliente {id}: se le despide: {reason}");
            client.state = State::Leaving { until: now + FAREWELL };
        } else {
            let fd = client.conn.raw_fd();
            debug!(what = "close", fd, client = id.0, result = %reason, "close({fd}): cliente {id}: {reason}");
            self.clients.remove(&id);
            self.paused_until = self.paused_until.map(|_| now);
        }
        if let Some(notice) = notice {
            self.broadcast(id, &notice);
        }
    }

    /// Lo que se escribe en la terminal del servidor. Devuelve si pide terminar.
    fn on_keyboard(&mut self) -> io::Result<bool> {
        let Some(keyboard) = self.keyboard.as_ref().filter(|k| !k.belongs_to_another()) else {
            self.keyboard = None;
            return Ok(false);
        };
        let Some(bytes) = keyboard.read(&mut self.scratch)? else {
            debug!(
                what = "stdin",
                result = "fin",
                "la entrada estándar terminó; el servidor sigue"
            );
            self.keyboard = None;
            return Ok(false);
        };
        for line in self.lines.push(bytes) {
            match line.trim() {
                "salir" => return Ok(true),
                "" => {}
                other => tell(&format!(
                    "No conozco «{}»; para terminar, escribe «salir».",
                    protocol::printable(other)
                )),
            }
        }
        Ok(false)
    }
}

impl Client {
    fn name(&self) -> Option<&str> {
        match &self.state {
            State::Member { name } => Some(name),
            _ => None,
        }
    }

    fn until(&self) -> Option<Instant> {
        match self.state {
            State::Member { .. } => None,
            State::Login { until } | State::Leaving { until } | State::Lingering { until } => {
                Some(until)
            }
        }
    }

    /// Encola un mensaje para él. Si falla, el problema queda anotado en él y no en quien
    /// llama.
    fn send(&mut self, text: &str) {
        // A quien no le cupo un mensaje no se le dan los siguientes, aunque sean más cortos:
        // creería haberlos leído todos.
        if matches!(self.closing, Some(CloseReason::NotReading)) {
            return;
        }
        if let Err(reason) = send(&mut self.conn, text) {
            self.closing.get_or_insert(reason);
        }
    }

    /// No llegará nada más de él, o nada que se entienda.
    fn on_end(&mut self, reason: CloseReason) {
        let nonsense = matches!(reason, CloseReason::BadFrame(_));
        self.ended |= !nonsense;
        match self.state {
            // Ya se le despide: lo que envíe no importa, y lo que le queda por leer sí.
            State::Leaving { .. } => {}
            State::Lingering { .. } if nonsense => {}
            _ => {
                self.closing.get_or_insert(reason);
            }
        }
    }

    /// Escribe lo que quepa; si ya se lo llevó todo y se le estaba despidiendo, cierra nuestro
    /// lado. Cerrar los dos de golpe, con algo suyo sin leer, provocaría un reinicio que podría
    /// destruir lo que aún no ha leído.
    fn flush(&mut self) {
        if let Err(error) = self.conn.flush() {
            self.closing = Some(CloseReason::Broken(error));
        } else if let (State::Leaving { until }, false) = (&self.state, self.conn.wants_write()) {
            self.state = State::Lingering { until: *until };
            if self.ended || self.conn.stream().shutdown(Shutdown::Write).is_err() {
                self.closing = Some(CloseReason::Left);
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        if self.until().is_some_and(|until| until <= now) {
            let reason = if matches!(self.state, State::Login { .. }) {
                CloseReason::Silent
            } else {
                CloseReason::Overstayed
            };
            self.closing.get_or_insert(reason);
        }
    }

    /// Si conviene despedirlo con calma. Quien merece una explicación la encuentra al final de
    /// su cola.
    fn can_leave_later(&mut self, reason: &CloseReason) -> bool {
        if matches!(self.state, State::Leaving { .. } | State::Lingering { .. }) {
            return false;
        }
        if reason.deserves_explanation() {
            let words = frame::encode(&format!("{ERROR}{reason}")).unwrap_or_default();
            self.conn.queue_last(&words);
            return true;
        }
        matches!(reason, CloseReason::Left) && self.conn.wants_write()
    }
}

/// A un cliente cuyo descriptor no cabe se le dice, y se cierra.
fn turn_away(conn: &Channel) {
    let fd = conn.raw_fd();
    let why =
        format!("{ERROR}el chat está lleno: select no pasa del descriptor {}", FD_SETSIZE - 1);
    let mut stream = conn.stream();
    // Recién aceptado, su búfer está vacío: el aviso cabe. Lo que ya hubiera enviado se lee
    // para que el cierre no reinicie la conexión.
    let _ = stream.write(&frame::encode(&why).unwrap_or_default());
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 1024]);
    debug!(
        what = "close",
        fd,
        client = conn.id().0,
        result = "FD_SETSIZE",
        "close({fd}): no cabe en select"
    );
}
