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
//! | `handle_request`, `timeout`, `handle_timeout` | [`TcpServer::handle_request`], [`TcpServer::timeout`], [`TcpServer::handle_timeout`] |
//! | `shutdown` | [`Control::shutdown`], desde cualquier hilo |
//! | `server_close` | [`TcpServer::server_close`], o dejar que el servidor salga de ámbito |
//! | `with server:` | salir de ámbito cierra; [`Control::shutdown_on_drop`] para además el bucle de otro hilo |
//! | `fileno` | [`TcpServer`] implementa [`AsFd`] |
//! | `socket`, `server_address` | [`TcpServer::listener`], [`TcpServer::server_address`] |
//! | `address_family`, `socket_type` | la familia la dice la dirección, IPv4 o IPv6; el tipo es siempre SOCK_STREAM |
//! | `request_queue_size` (5) | [`listener::BACKLOG`] (1024); otra, con [`TcpServer::from_listener`] |
//! | `allow_reuse_address` (`False`) | siempre, con SO_REUSEADDR: en Linux solo permite volver a arrancar, no robar el puerto. SO_REUSEPORT (`allow_reuse_port`), con [`TcpServer::from_listener`] |
//! | `get_request` | privada: acepta con [`listener::prepare`], que ya distingue los errores del cliente de los del servidor |
//! | `verify_request` | [`TcpServer::verify_request`] |
//! | `process_request`, `process_request_thread` | se elige, no se redefine: uno tras otro, o [`TcpServer::threading`] |
//! | `finish_request` | privada: crea el manejador y recorre sus tres pasos |
//! | `shutdown_request`, `close_request` | privadas: cierre ordenado al acabar el manejador, y descriptor cerrado por propiedad |
//! | `handle_error` | [`TcpServer::handle_error`], con el [`Failure`] |
//! | `BaseRequestHandler`: `setup`, `handle`, `finish` | [`RequestHandler`] |
//! | `self.request`, `self.client_address`, `self.server` | [`Request`], [`Request::client_address`], [`Request::server`] |
//! | `request.recv`, `request.sendall` | [`Request::recv`], [`Request::send_all`] |
//! | `StreamRequestHandler`: `rfile`, `wfile`, `rbufsize`, `wbufsize` | `BufReader::with_capacity(n, request)` y `BufWriter::with_capacity(n, request)`: quien quiere un búfer lo crea, y ve dónde se vacía |
//! | `StreamRequestHandler.timeout` | [`TcpServer::client_timeout`] |
//! | `disable_nagle_algorithm` | siempre: [`listener::prepare`] pone TCP_NODELAY |
//! | `UDPServer`, `DatagramRequestHandler`, `max_packet_size`, `ThreadingUDPServer` | no está: sin conexión no hay `accept` ni cliente al que dar un hilo; un datagrama es `UdpSocket::recv_from` y `send_to` en un bucle |
//! | `UnixStreamServer`, `UnixDatagramServer`, sus variantes con hilos y con procesos | no está: el curso trata de la red. Lo único que cambiaría es la familia de direcciones |

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::client_id::{ClientId, ClientIds};
use crate::listener::{self, Pause};
use crate::steps::{Shown, Step};

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

/// Qué hizo [`TcpServer::handle_request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Atendió a un cliente, le dio un hilo o lo rechazó.
    Request,
    /// No llegó nadie en el plazo de [`TcpServer::timeout`].
    Timeout,
    /// Alguien llamó a [`Control::shutdown`].
    Shutdown,
}

/// Un servidor TCP: el equivalente de `socketserver.TCPServer`.
///
/// Sin más, atiende a los clientes uno tras otro; con [`threading`](TcpServer::threading), a
/// cada uno en su hilo. Al salir de ámbito despide a los clientes que queden, espera a sus
/// hilos y cierra el socket.
pub struct TcpServer<F> {
    listener: TcpListener,
    control: Control,
    service: Service<F>,
    threading: Option<ThreadingMixIn>,
    timeout: Option<Duration>,
    verify_request: Box<VerifyRequest>,
    handle_timeout: Box<HandleTimeout>,
    threads: HashMap<ClientId, JoinHandle<()>>,
    ids: ClientIds,
    /// Si se ha dejado de aceptar, por falta de descriptores.
    pause: Pause,
    /// Si se ha dejado de aceptar, porque todos los hilos están ocupados.
    busy: bool,
}

type VerifyRequest = dyn FnMut(&Request) -> bool + Send;
type HandleTimeout = dyn FnMut() + Send;
type HandleError = dyn Fn(&Request, &Failure) + Send + Sync;

/// Lo que un hilo necesita para atender a su cliente.
struct Service<F> {
    new_handler: Arc<F>,
    handle_error: Arc<HandleError>,
    client_timeout: Option<Duration>,
}

/// Qué despertó al bucle.
enum Next {
    Client(Arc<Request>),
    Timeout,
    Stop,
}

impl<F, H> TcpServer<F>
where
    F: Fn() -> H + Send + Sync + 'static,
    H: RequestHandler,
{
    /// Escucha en `address`; `new_handler` crea el manejador de cada cliente. El puerto 0 deja
    /// que elija el núcleo: [`server_address`](TcpServer::server_address) dice cuál.
    ///
    /// # Errors
    /// Los de [`listener::listen`]: puerto ocupado, sin permiso, dirección ajena.
    pub fn bind(address: impl Into<SocketAddr>, new_handler: F) -> io::Result<TcpServer<F>> {
        TcpServer::from_listener(listener::listen(address.into())?, new_handler)
    }

    /// Sirve en un socket que ya escucha, preparado por quien llama: otra cola de espera,
    /// `SO_REUSEPORT`, uno heredado de otro proceso…
    ///
    /// # Errors
    /// No es un socket que escuche, o no quedan descriptores.
    pub fn from_listener(listener: TcpListener, new_handler: F) -> io::Result<TcpServer<F>> {
        // Entre el aviso de que hay un cliente y el `accept`, el cliente puede irse: en modo
        // bloqueante, `accept` dormiría y nadie atendería la parada (accept(2)).
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(TcpServer {
            listener,
            control: Control::new(address)?,
            service: Service {
                new_handler: Arc::new(new_handler),
                handle_error: Arc::new(print_error),
                client_timeout: Some(CLIENT_TIMEOUT),
            },
            threading: None,
            timeout: None,
            verify_request: Box::new(|_| true),
            handle_timeout: Box::new(|| ()),
            threads: HashMap::new(),
            ids: ClientIds::default(),
            pause: Pause::default(),
            busy: false,
        })
    }

    /// Un hilo por cliente, en vez de uno tras otro.
    pub fn threading(mut self, mixin: ThreadingMixIn) -> TcpServer<F> {
        self.threading = Some(mixin);
        self
    }

    /// Plazo de **cada** lectura y de **cada** escritura con un cliente; `None` espera para
    /// siempre. Si no se pide otro, un minuto.
    ///
    /// Echa al cliente silencioso y al que no lee, pero no al que envía un byte de vez en
    /// cuando: un plazo para toda la conversación es cosa del protocolo. Cero vale por un
    /// microsegundo.
    pub fn client_timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpServer<F> {
        // Para el núcleo, cero significa «sin plazo» (socket(7)).
        let shortest = Duration::from_micros(1);
        self.service.client_timeout = timeout.into().map(|timeout| timeout.max(shortest));
        self
    }

    /// Cuánto espera [`handle_request`](TcpServer::handle_request) a que llegue un cliente;
    /// `None`, para siempre. [`serve_forever`](TcpServer::serve_forever) no lo usa.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpServer<F> {
        self.timeout = timeout.into();
        self
    }

    /// Decide si se atiende a un cliente recién aceptado. Si no se dice otra cosa, a todos.
    /// Se llama en el hilo del servidor: mientras decide, no se acepta a nadie.
    pub fn verify_request(
        mut self,
        verify: impl FnMut(&Request) -> bool + Send + 'static,
    ) -> TcpServer<F> {
        self.verify_request = Box::new(verify);
        self
    }

    /// Qué hacer cuando no se pudo atender a un cliente. Si no se dice otra cosa, escribe una
    /// línea en la salida de errores. Puede llamarse desde varios hilos a la vez.
    pub fn handle_error(
        mut self,
        handle: impl Fn(&Request, &Failure) + Send + Sync + 'static,
    ) -> TcpServer<F> {
        self.service.handle_error = Arc::new(handle);
        self
    }

    /// Qué hacer cuando [`handle_request`](TcpServer::handle_request) agota su plazo. Si no se
    /// dice otra cosa, nada.
    pub fn handle_timeout(mut self, handle: impl FnMut() + Send + 'static) -> TcpServer<F> {
        self.handle_timeout = Box::new(handle);
        self
    }

    /// Acepta y atiende hasta que alguien llame a [`Control::shutdown`]; entonces despide a
    /// los clientes, espera a sus hilos y vuelve. Se puede volver a llamar.
    ///
    /// Sin clientes no gasta procesador: duerme en `poll(2)` hasta que llegue uno, termine un
    /// hilo o se pida la parada.
    ///
    /// # Errors
    /// Solo los que impiden seguir aceptando. Los de un cliente van a
    /// [`handle_error`](TcpServer::handle_error); quedarse sin descriptores detiene las
    /// aceptaciones hasta que se libere alguno.
    pub fn serve_forever(&mut self) -> io::Result<()> {
        let serving = self.control.begin();
        let outcome = self.serve();
        self.leave();
        drop(serving);
        outcome
    }

    fn serve(&mut self) -> io::Result<()> {
        while let Next::Client(request) = self.next(None)? {
            self.process_request(request);
        }
        Ok(())
    }

    /// Espera a un cliente, lo atiende (o le da su hilo) y vuelve.
    ///
    /// # Errors
    /// Los de [`serve_forever`](TcpServer::serve_forever).
    pub fn handle_request(&mut self) -> io::Result<Handled> {
        let _serving = self.control.begin();
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        match self.next(deadline)? {
            Next::Client(request) => {
                self.process_request(request);
                Ok(Handled::Request)
            }
            Next::Timeout => {
                (self.handle_timeout)();
                Ok(Handled::Timeout)
            }
            Next::Stop => {
                self.leave();
                Ok(Handled::Shutdown)
            }
        }
    }

    /// El único sitio que bloquea, salvo el propio manejador cuando no hay hilos.
    fn next(&mut self, deadline: Option<Instant>) -> io::Result<Next> {
        loop {
            self.reap();
            if self.control.is_requested() {
                return Ok(Next::Stop);
            }
            if self.wait(deadline)? {
                if let Some(request) = self.get_request() {
                    return Ok(Next::Client(request));
                }
            } else if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(Next::Timeout);
            }
        }
    }

    // ANCHOR: wait
    /// Duerme hasta que haya algo que mirar; dice si es un cliente.
    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        let accepting = self.accepting();
        let until = [deadline, self.pause.until()].into_iter().flatten().min();
        let mut watched = [
            PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
        ];
        // En pausa no se mira el socket que escucha: con clientes en la cola está siempre
        // listo, y `poll` volvería en el acto una y otra vez.
        let watched = if accepting { &mut watched[..] } else { &mut watched[..1] };
        match poll(watched, timeout_until(until)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let ready = |index: usize| watched.get(index).and_then(PollFd::any).unwrap_or(false);
        let (woken, client) = (ready(0), ready(1));
        if woken {
            self.control.clear_wake();
        }
        Ok(client)
    }
    // ANCHOR_END: wait

    /// Si se puede aceptar ahora: hay hilos libres y descriptores.
    fn accepting(&mut self) -> bool {
        self.pause.resume(Instant::now(), &self.listener);
        let busy =
            self.threading.is_some_and(|mixin| self.threads.len() >= mixin.max_threads.max(1));
        let fd = self.listener.as_raw_fd();
        if busy && !self.busy {
            Step::Pause { fd, result: Shown(&"todos los hilos están ocupados") }.tell();
        } else if self.busy && !busy {
            Step::Resume { fd }.tell();
        }
        self.busy = busy;
        !busy && self.pause.until().is_none()
    }

    fn get_request(&mut self) -> Option<Arc<Request>> {
        match self.listener.accept() {
            Ok((stream, address)) => {
                let (fd, client) = (stream.as_raw_fd(), self.ids.next_id());
                Step::Accept { fd, client, address }.tell();
                // Sin la demora de Nagle (tcp(7)). Si no se puede, se sigue: la respuesta tarda más.
                let _ = stream.set_nodelay(true);
                Some(Arc::new(Request::new(stream, address, client, self.control.clone())))
            }
            Err(error) => {
                self.pause.after(&error, &self.listener);
                None
            }
        }
    }

    fn process_request(&mut self, request: Arc<Request>) {
        if !(self.verify_request)(&request) {
            return request.refuse("rechazado");
        }
        match self.threading {
            None => self.service.attend(request),
            Some(mixin) => self.start_thread(mixin, &request),
        }
    }

    // ANCHOR: start_thread
    fn start_thread(&mut self, mixin: ThreadingMixIn, request: &Arc<Request>) {
        let client = request.client();
        let (service, theirs) = (self.service.clone(), Arc::clone(request));
        let thread = thread::Builder::new()
            .name(format!("cliente-{client}"))
            .stack_size(mixin.stack_size)
            .spawn(move || service.attend(theirs));
        match thread {
            Ok(thread) => {
                self.threads.insert(client, thread);
            }
            Err(error) => {
                request.refuse("sin hilos");
                (self.service.handle_error)(request, &Failure::NoThread(error));
            }
        }
    }
    // ANCHOR_END: start_thread
}

impl<F> TcpServer<F> {
    /// El mando, para parar el servidor desde otro hilo.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Dirección en la que escucha, con el puerto real.
    pub fn server_address(&self) -> SocketAddr {
        self.control.server_address()
    }

    /// El socket que escucha. Es no bloqueante.
    pub fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Cierra el servidor: despide a los clientes, espera a sus hilos y cierra el socket. Es
    /// lo mismo que ocurre cuando sale de ámbito.
    pub fn server_close(self) {}

    /// Despide a los clientes y recoge sus hilos.
    fn leave(&mut self) {
        let wait = self.threading.is_none_or(|mixin| mixin.block_on_close);
        self.control.dismiss(wait);
        for (_, thread) in self.threads.drain().filter(|_| wait) {
            join(thread);
        }
        self.control.reopen();
    }

    /// Recoge los hilos que ya terminaron: sin `join`, el sistema guardaría la pila de cada
    /// uno (`pthread_join(3)`).
    fn reap(&mut self) {
        for client in self.control.take_finished() {
            // Alguien liberó un descriptor: no hace falta esperar más.
            self.pause.shorten(Instant::now());
            if let Some(thread) = self.threads.remove(&client) {
                join(thread);
            }
        }
    }
}

impl<F> Drop for TcpServer<F> {
    fn drop(&mut self) {
        self.leave();
        let fd = self.listener.as_raw_fd();
        Step::CloseListener { fd }.tell();
    }
}

impl<F> AsFd for TcpServer<F> {
    /// El descriptor que escucha, para vigilarlo con `select` o `epoll`: legible, hay un
    /// cliente para [`handle_request`](TcpServer::handle_request).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

// Con `derive`, se exigiría `F: Clone`, y lo que se clona es su `Arc`.
impl<F> Clone for Service<F> {
    fn clone(&self) -> Service<F> {
        Service {
            new_handler: Arc::clone(&self.new_handler),
            handle_error: Arc::clone(&self.handle_error),
            client_timeout: self.client_timeout,
        }
    }
}

impl<F, H> Service<F>
where
    F: Fn() -> H,
    H: RequestHandler,
{
    // ANCHOR: attend
    /// Atiende a un cliente de principio a fin, en el hilo que la llama.
    fn attend(&self, request: Arc<Request>) {
        let Some(admission) = request.server().admit(&request) else {
            return request.refuse("el servidor está parando");
        };
        let outcome = self.finish_request(&request);
        if let Err(failure) = &outcome {
            (self.handle_error)(&request, failure);
        }
        request.close();
        request.trace_close(
            &outcome.map_or_else(|failure| failure.to_string(), |()| "atendido".into()),
        );
        // Aquí se cierra el descriptor, antes de avisar al bucle: si faltaban descriptores,
        // cuando despierte ya hay uno.
        drop(request);
        drop(admission);
    }
    // ANCHOR_END: attend

    fn finish_request(&self, request: &Request) -> Result<(), Failure> {
        request.set_timeout(self.client_timeout)?;
        handler::finish_request(&*self.new_handler, request)
    }
}

/// Lo que hace [`TcpServer::handle_error`] si no se le dice otra cosa.
fn print_error(request: &Request, failure: &Failure) {
    use std::io::Write;
    let line = format!("no se pudo atender a {}: {failure}\n", request.client_address());
    // Si ni siquiera hay salida de errores, no queda a quién contárselo.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Un hilo que entró en pánico fuera del manejador ya lo contó al hacerlo.
fn join(thread: JoinHandle<()>) {
    let _ = thread.join();
}

/// `poll(2)` cuenta en milisegundos: se redondea hacia arriba, porque despertar antes de hora
/// sería volver a dormir cero milisegundos una y otra vez.
fn timeout_until(instant: Option<Instant>) -> PollTimeout {
    let Some(instant) = instant else { return PollTimeout::NONE };
    let left = instant.saturating_duration_since(Instant::now()).as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
