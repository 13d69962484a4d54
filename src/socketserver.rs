//! Un servidor TCP en pocas líneas: el equivalente del módulo `socketserver` de Python.
//!
//! Quien lo usa escribe qué se hace con un cliente; aceptar, crear los hilos, poner límites,
//! contar los errores, cerrar y parar ya está hecho.
//!
//! ```
//! use std::io;
//! use multiplexacion::socketserver::{Request, RequestHandler, TcpServer, ThreadingMixIn};
//!
//! struct Echo;
//!
//! impl RequestHandler for Echo {
//!     fn handle(&mut self, request: &Request) -> io::Result<()> {
//!         let mut buffer = [0; 4096];
//!         loop {
//!             let count = request.recv(&mut buffer)?;
//!             if count == 0 {
//!                 return Ok(());
//!             }
//!             request.send_all(&buffer[..count])?;
//!         }
//!     }
//! }
//!
//! # fn main() -> io::Result<()> {
//! let mut server = TcpServer::bind(([127, 0, 0, 1], 0), || Echo)?
//!     .threading(ThreadingMixIn { max_threads: 200, ..Default::default() });
//!
//! let control = server.control();
//! let background = std::thread::spawn(move || server.serve_forever());
//! // …
//! control.shutdown();
//! # background.join().unwrap()
//! # }
//! ```
//!
//! Un manejador que solo necesita [`handle`](RequestHandler::handle) puede ser una clausura.
//! La de fuera se llama una vez por cliente; la de dentro lo atiende:
//!
//! ```
//! # use std::io::{self, Write};
//! # use multiplexacion::socketserver::{Request, TcpServer};
//! # fn main() -> io::Result<()> {
//! let server = TcpServer::bind(([127, 0, 0, 1], 0), || {
//!     |mut request: &Request| writeln!(request, "Hola, {}", request.client_address())
//! })?;
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! # Lo que hay en Python y dónde está aquí
//!
//! Lo que ninguna lección ni ejercicio necesita no está; la tabla dice por qué no hace falta.
//!
//! | Python | aquí |
//! |---|---|
//! | `TCPServer(address, Handler)`, `BaseServer` | [`TcpServer::bind`]. Una sola clase: la jerarquía servía para heredar, y aquí se compone |
//! | `bind_and_activate=False`, `server_bind`, `server_activate` | [`TcpServer::from_listener`], con un socket preparado al gusto |
//! | `RequestHandlerClass` | la clausura que crea los manejadores: `Echo::new`, `Echo::default`, `\|\| Echo` |
//! | `ThreadingMixIn`, `ThreadingTCPServer` | [`TcpServer::threading`] con un [`ThreadingMixIn`] |
//! | `daemon_threads`, `block_on_close` | [`ThreadingMixIn::block_on_close`]. Los hilos de Rust son siempre *daemon*: cuando `main` vuelve, el proceso termina |
//! | `ForkingMixIn`, `ForkingTCPServer`, `max_children` | no está: tras `fork(2)`, en un programa con hilos solo se puede llamar a funciones seguras en señales (signal-safety(7)), y eso en Rust exige `unsafe`. El tope de hijos es aquí [`ThreadingMixIn::max_threads`] |
//! | `serve_forever(poll_interval)` | [`TcpServer::serve_forever`], sin intervalo: la parada llega por un descriptor |
//! | `service_actions` | no está: se llamaría en cada vuelta de un bucle que aquí duerme. Servía para recoger procesos terminados; a los hilos terminados se les recoge cuando avisan. Lo periódico va en otro hilo |
//! | `handle_request`, `timeout`, `handle_timeout` | no está: atender a uno y volver es para quien escribe su propio bucle, y entonces le conviene entero, a la vista, como en 02_03 y en 02_04 |
//! | `shutdown` | [`Control::shutdown`], desde cualquier hilo |
//! | `server_close` | no está: el servidor se cierra al salir de ámbito |
//! | `with server:` | también cierra al salir, y nada más: `__exit__` solo llama a `server_close()`, y un `serve_forever` en otro hilo sigue vivo. El que además lo para es [`Control::shutdown_on_drop`] |
//! | `fileno`, `socket` | no está: el socket es del servidor, y nadie más lo vigila |
//! | `server_address` | [`TcpServer::server_address`] |
//! | `address_family`, `socket_type` | la familia la dice la dirección, IPv4 o IPv6; el tipo es siempre SOCK_STREAM |
//! | `request_queue_size` (5) | [`listener::BACKLOG`] (1024); otra, con [`TcpServer::from_listener`] |
//! | `allow_reuse_address` (`False`) | siempre, con SO_REUSEADDR: en Linux solo permite volver a arrancar, no robar el puerto, y solo si el servidor anterior también la pidió. SO_REUSEPORT (`allow_reuse_port`), con [`TcpServer::from_listener`] |
//! | `get_request` | privada: [`listener::Pause`] distingue los errores de `accept` que son del cliente de los que son del servidor |
//! | `verify_request` | no está: el manejador mira [`Request::client_address`] y, si no le gusta, vuelve |
//! | `process_request`, `process_request_thread` | se elige, no se redefine: uno tras otro, o [`TcpServer::threading`] |
//! | `finish_request` | privada: crea el manejador y llama a `handle` |
//! | `shutdown_request`, `close_request` | privadas: cierre ordenado al acabar el manejador, y descriptor cerrado por propiedad |
//! | `handle_error` | [`TcpServer::handle_error`], con el [`Failure`] |
//! | `BaseRequestHandler`, `handle` | [`RequestHandler`] |
//! | `setup`, `finish` | no están: hay un manejador por cliente, así que lo que se prepara va donde se crea, y lo que se recoge pase lo que pase, en su `Drop` |
//! | `self.request`, `self.client_address` | [`Request`], [`Request::client_address`] |
//! | `self.server` | no está: lo que un manejador necesite de fuera lo captura la clausura que lo crea |
//! | `request.recv`, `request.sendall` | [`Request::recv`], [`Request::send_all`] |
//! | `StreamRequestHandler`: `rfile`, `wfile`, `rbufsize`, `wbufsize` | `BufReader::with_capacity(n, request)` y `BufWriter::with_capacity(n, request)`: quien quiere un búfer lo crea, y ve dónde se vacía |
//! | `StreamRequestHandler.timeout` | [`TcpServer::client_timeout`] |
//! | `disable_nagle_algorithm` | siempre, con TCP_NODELAY (tcp(7)) |
//! | `UDPServer`, `DatagramRequestHandler`, `max_packet_size`, `ThreadingUDPServer` | no está: sin conexión no hay `accept` ni cliente al que dar un hilo; un datagrama es `UdpSocket::recv_from` y `send_to` en un bucle |
//! | `UnixStreamServer`, `UnixDatagramServer`, sus variantes con hilos y con procesos | no está: el curso trata de la red. Lo único que cambiaría es la familia de direcciones |

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::client_id::ClientIds;
use crate::listener::{self, Pause};
use crate::output;
use crate::steps::{Shown, Step};
use crate::threads;

mod control;
mod handler;
mod panics;
mod request;
#[cfg(test)]
mod tests;

pub use control::{Control, ShutdownOnDrop};
pub use handler::{Failure, RequestHandler};
pub use request::Request;

/// Plazo de un cliente silencioso si no se pide otro.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

// ANCHOR: mixin
/// Un hilo por cliente: el equivalente de `ThreadingMixIn`.
///
/// Los hilos se llaman `cliente-1`, `cliente-2`… por orden de llegada.
#[derive(Clone, Copy, Debug)]
pub struct ThreadingMixIn {
    /// Hilos a la vez, como mucho; cero vale por uno. Con todos ocupados se deja de aceptar
    /// hasta que termine alguno: los clientes esperan, ya conectados, en la cola del núcleo
    /// ([`listener::BACKLOG`]), y el servidor duerme.
    pub max_threads: usize,
    /// Bytes de la pila de cada hilo. Solo ocupa memoria la parte que se usa (mmap(2)), pero
    /// desbordarla mata el proceso: súbela si el manejador guarda en ella arreglos grandes.
    pub stack_size: usize,
    /// Si al parar se espera a que terminen los hilos. Con `false` también se les anuncia el
    /// final de la entrada, pero acaban por su cuenta.
    pub block_on_close: bool,
}
// ANCHOR_END: mixin

impl Default for ThreadingMixIn {
    /// 1024 hilos, pilas de 128 KiB, y se les espera.
    fn default() -> ThreadingMixIn {
        ThreadingMixIn { max_threads: 1024, stack_size: 128 * 1024, block_on_close: true }
    }
}

/// Un servidor TCP: el equivalente de `socketserver.TCPServer`.
///
/// Sin más, atiende a los clientes uno tras otro; con [`threading`](TcpServer::threading), a
/// cada uno en su hilo. Al salir de ámbito cierra el socket.
pub struct TcpServer {
    listener: TcpListener,
    address: SocketAddr,
    service: Service,
    threading: Option<ThreadingMixIn>,
    /// Los hilos que atienden a alguien, o que acaban de hacerlo y aún no se han recogido.
    threads: HashMap<ThreadId, JoinHandle<()>>,
    ids: ClientIds,
    pause: Pause,
}

/// Lo que un hilo necesita para atender a su cliente.
#[derive(Clone)]
struct Service {
    control: Control,
    /// Crea un manejador y le da un cliente.
    handle: Arc<Handle>,
    handle_error: Arc<HandleError>,
    client_timeout: Option<Duration>,
}

type Handle = dyn Fn(&Request) -> io::Result<()> + Send + Sync;
type HandleError = dyn Fn(&Request, &Failure) + Send + Sync;

impl TcpServer {
    /// Escucha en `address`; `new_handler` crea el manejador de cada cliente. El puerto 0 deja
    /// que elija el núcleo: [`server_address`](TcpServer::server_address) dice cuál. Errores: los
    /// de [`listener::listen`]: puerto ocupado, sin permiso, dirección ajena.
    pub fn bind<H: RequestHandler>(
        address: impl Into<SocketAddr>,
        new_handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> io::Result<TcpServer> {
        TcpServer::from_listener(listener::listen(address.into())?, new_handler)
    }

    /// Sirve en un socket que ya escucha, preparado por quien llama: otra cola de espera,
    /// `SO_REUSEPORT`, uno heredado de otro proceso… Errores: no es un socket que escuche, o no
    /// quedan descriptores.
    pub fn from_listener<H: RequestHandler>(
        listener: TcpListener,
        new_handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> io::Result<TcpServer> {
        // Entre el aviso de que hay un cliente y el `accept`, puede llevárselo otro proceso que
        // comparta el socket o, fuera de Linux, irse: en modo bloqueante, `accept` dormiría y nadie
        // atendería la parada (accept(2)).
        listener.set_nonblocking(true)?;
        Ok(TcpServer {
            address: listener.local_addr()?,
            listener,
            service: Service {
                control: Control::new()?,
                handle: Arc::new(move |request| new_handler().handle(request)),
                handle_error: Arc::new(print_error),
                client_timeout: Some(CLIENT_TIMEOUT),
            },
            threading: None,
            threads: HashMap::new(),
            ids: ClientIds::default(),
            pause: Pause::default(),
        })
    }

    /// Un hilo por cliente, en vez de uno tras otro.
    pub fn threading(mut self, mixin: ThreadingMixIn) -> TcpServer {
        self.threading = Some(mixin);
        self
    }

    /// Plazo de **cada** lectura y de **cada** escritura con un cliente; `None` espera para
    /// siempre. Si no se pide otro, un minuto.
    ///
    /// Echa al cliente silencioso y al que no lee, pero no al que envía un byte de vez en
    /// cuando: un plazo para toda la conversación es cosa del protocolo. Cero vale por un
    /// microsegundo.
    pub fn client_timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpServer {
        // Para el núcleo, cero significa «sin plazo» (socket(7)).
        let shortest = Duration::from_micros(1);
        self.service.client_timeout = timeout.into().map(|timeout| timeout.max(shortest));
        self
    }

    /// Qué hacer cuando no se pudo atender a un cliente. Si no se dice otra cosa, escribe una
    /// línea en la salida de errores. Puede llamarse desde varios hilos a la vez.
    pub fn handle_error(
        mut self,
        handle: impl Fn(&Request, &Failure) + Send + Sync + 'static,
    ) -> TcpServer {
        self.service.handle_error = Arc::new(handle);
        self
    }

    /// El mando, para parar el servidor desde otro hilo.
    pub fn control(&self) -> Control {
        self.service.control.clone()
    }

    /// Dirección en la que escucha, con el puerto real.
    pub fn server_address(&self) -> SocketAddr {
        self.address
    }

    /// Acepta y atiende hasta que alguien llame a [`Control::shutdown`]; entonces se
    /// despide de los clientes, espera a sus hilos y vuelve. Se puede volver a llamar.
    ///
    /// Sin clientes no gasta procesador: duerme en `poll(2)` hasta que llegue uno, termine un
    /// hilo o se pida la parada. Errores: solo los que impiden seguir aceptando. Los de un cliente
    /// van a [`handle_error`](TcpServer::handle_error); quedarse sin descriptores detiene las
    /// aceptaciones hasta que se libere alguno.
    pub fn serve_forever(&mut self) -> io::Result<()> {
        self.service.control.begin();
        let outcome = self.serve();
        self.leave();
        outcome
    }

    fn serve(&mut self) -> io::Result<()> {
        loop {
            self.reap();
            if self.service.control.is_stopping() {
                return Ok(());
            }
            if self.wait()? {
                self.on_acceptable();
            }
        }
    }

    /// Recoge los hilos que ya terminaron: sin `join`, el sistema guardaría la pila de cada
    /// uno (`pthread_join(3)`).
    fn reap(&mut self) {
        let was_full = self.is_full();
        for id in self.service.control.take_finished() {
            // Alguien liberó un descriptor: no hace falta esperar más.
            self.pause.shorten(Instant::now());
            self.threads.remove(&id).map(JoinHandle::join);
        }
        if was_full && !self.is_full() {
            Step::Resume { fd: self.listener.as_raw_fd() }.tell();
        }
    }

    /// Si todos los hilos están ocupados.
    fn is_full(&self) -> bool {
        self.threading.is_some_and(|mixin| self.threads.len() >= mixin.max_threads.max(1))
    }

    // ANCHOR: wait
    /// Duerme hasta que haya algo que mirar; dice si es un cliente. Es el único sitio que
    /// bloquea, salvo el propio manejador cuando no hay hilos.
    fn wait(&mut self) -> io::Result<bool> {
        self.pause.resume(Instant::now(), &self.listener);
        let mut watched = [
            PollFd::new(self.service.control.alarm(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
        ];
        // Sin hilos libres, o sin descriptores, no se mira el socket que escucha: con clientes en la
        // cola está siempre listo, y `poll` volvería en el acto una y otra vez.
        let accepting = !self.is_full() && self.pause.until().is_none();
        let count = if accepting { 2 } else { 1 };
        match poll(&mut watched[..count], timeout_until(self.pause.until())) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let [alarm, client] = watched.map(|fd| fd.any().unwrap_or_default());
        if alarm {
            self.service.control.silence_alarm();
        }
        Ok(client)
    }
    // ANCHOR_END: wait

    fn on_acceptable(&mut self) {
        let (stream, address) = match self.listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => return self.pause.after(&error, &self.listener),
        };
        let (fd, client) = (stream.as_raw_fd(), self.ids.next_id());
        Step::Accept { fd, client, address }.tell();
        // Sin la demora de Nagle (tcp(7)). Si no se puede, se sigue: la respuesta tarda más.
        let _ = stream.set_nodelay(true);
        let request = Arc::new(Request::new(stream, address, client));
        match self.threading {
            None => self.service.attend(request),
            Some(mixin) => self.start_thread(mixin, &request),
        }
        if self.is_full() {
            let fd = self.listener.as_raw_fd();
            Step::Pause { fd, result: Shown(&"todos los hilos están ocupados") }.tell();
        }
    }

    // ANCHOR: start_thread
    fn start_thread(&mut self, mixin: ThreadingMixIn, request: &Arc<Request>) {
        let (service, theirs) = (self.service.clone(), Arc::clone(request));
        let name = format!("cliente-{}", request.client());
        let work = move || service.attend(theirs);
        match threads::create(name, mixin.stack_size, |thread| thread.spawn(work)) {
            Ok(thread) => {
                self.threads.insert(thread.thread().id(), thread);
            }
            Err(_) => self.service.refuse(request),
        }
    }
    // ANCHOR_END: start_thread

    /// Se despide de los clientes y recoge sus hilos.
    fn leave(&mut self) {
        let wait = self.threading.is_none_or(|mixin| mixin.block_on_close);
        self.service.control.dismiss(wait);
        for (_, thread) in self.threads.drain().filter(|_| wait) {
            // Si entró en pánico fuera del manejador, ya lo contó al hacerlo.
            let _ = thread.join();
        }
        self.service.control.end();
    }
}

impl Drop for TcpServer {
    fn drop(&mut self) {
        // Por si fue un pánico lo que terminó el bucle: quien espera en `shutdown` debe saberlo.
        self.leave();
        Step::CloseListener { fd: self.listener.as_raw_fd() }.tell();
    }
}

impl Service {
    // ANCHOR: attend
    /// Atiende a un cliente de principio a fin, en el hilo que la llama.
    fn attend(&self, request: Arc<Request>) {
        let Some(_inside) = self.control.admit(&request) else {
            return request.tell_close("el servidor está parando");
        };
        let outcome = self.finish_request(&request);
        if let Err(failure) = &outcome {
            (self.handle_error)(&request, failure);
        }
        request.say_goodbye();
        request.tell_close(&outcome.map_or_else(|error| error.to_string(), |()| "atendido".into()));
        // Aquí se cierra el descriptor, antes de que `_inside` avise al bucle: si faltaban
        // descriptores, cuando despierte ya hay uno.
        drop(request);
    }
    // ANCHOR_END: attend

    fn finish_request(&self, request: &Request) -> Result<(), Failure> {
        request.set_timeout(self.client_timeout).map_err(Failure::Handler)?;
        panics::contain(|| (self.handle)(request))
            .map_err(Failure::Panic)?
            .map_err(Failure::Handler)
    }

    /// No hay quien lo atienda: al soltarlo se cierra, sin leer nada ni esperarlo.
    fn refuse(&self, request: &Request) {
        request.tell_close("sin hilos");
        (self.handle_error)(request, &Failure::NoThread);
    }
}

/// Lo que hace [`TcpServer::handle_error`] si no se le dice otra cosa.
fn print_error(request: &Request, failure: &Failure) {
    let line = format!("no se pudo atender a {}: {failure}\n", request.client_address());
    // Si ni siquiera hay salida de errores, no queda a quién contárselo.
    let _ = output::stderr().put(&line);
}

/// `poll(2)` cuenta en milisegundos: se redondea hacia arriba, porque despertar antes de hora
/// sería volver a dormir cero milisegundos una y otra vez.
fn timeout_until(instant: Option<Instant>) -> PollTimeout {
    let Some(instant) = instant else { return PollTimeout::NONE };
    let left = instant.saturating_duration_since(Instant::now()).as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
