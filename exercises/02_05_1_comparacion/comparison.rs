//! El servicio, que no sabe qué motor tiene debajo, y lo que se mide con cada uno.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ejercicios::descriptors::fill_to;
use harness::Failure;
use multiplexacion::listener;
use multiplexacion::socketserver::{Control, Request, TcpServer, ThreadingMixIn};
use nix::sys::select::FD_SETSIZE;
use nix::time::{ClockId, clock_gettime};

use super::selectors::{Interest, Selector};

/// Bytes de cada mensaje.
pub const MESSAGE: usize = 64;

/// Lo que se espera a un motor que tiene algo que decir.
const ENOUGH: Option<Duration> = Some(Duration::from_secs(1));

/// El número del socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Da el eco a `expected` clientes sobre `selector`. Termina cuando se va el último.
pub fn serve(
    selector: &mut dyn Selector,
    listener: TcpListener,
    expected: usize,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = Rc::new(listener);
    selector.register(LISTENER, listener.clone(), Interest::Read)?;
    let (mut clients, mut arrived) = (HashMap::new(), 0);
    while arrived < expected || !clients.is_empty() {
        for event in selector.select(None)? {
            if event.id == LISTENER {
                let Ok((stream, _)) = listener.accept() else { continue };
                let client = Client::new(stream)?;
                selector.register(arrived as u64, client.stream.clone(), Interest::Read)?;
                clients.insert(arrived as u64, client);
                arrived += 1;
                if arrived == expected {
                    selector.unregister(LISTENER)?;
                }
            } else if let Some(client) = clients.get_mut(&event.id) {
                match client.advance() {
                    Some(interest) if interest == client.interest => {}
                    Some(interest) => {
                        client.interest = interest;
                        selector.modify(event.id, interest)?;
                    }
                    None => {
                        selector.unregister(event.id)?;
                        clients.remove(&event.id);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Un cliente del eco.
struct Client {
    stream: Rc<TcpStream>,
    message: [u8; MESSAGE],
    /// Bytes del mensaje que ya llegaron.
    received: usize,
    /// Y los que ya volvieron.
    returned: usize,
    interest: Interest,
}

impl Client {
    fn new(stream: TcpStream) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: Rc::new(stream),
            message: [0; MESSAGE],
            received: 0,
            returned: 0,
            interest: Interest::Read,
        })
    }

    /// Lee una vez, o escribe una vez si el mensaje está entero. Dice qué esperar ahora; nada, si
    /// el cliente se fue.
    fn advance(&mut self) -> Option<Interest> {
        let mut stream = &*self.stream;
        if self.received < MESSAGE {
            match stream.read(&mut self.message[self.received..]) {
                Ok(0) => return None,
                Ok(count) => self.received += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
        if self.received == MESSAGE {
            match stream.write(&self.message[self.returned..]) {
                Ok(count) => self.returned += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
        if self.returned == MESSAGE {
            (self.received, self.returned) = (0, 0);
        }
        Some(if self.received == MESSAGE { Interest::Write } else { Interest::Read })
    }
}

/// El mismo eco, con un hilo por cliente. Se detiene al descartarlo.
pub struct Threads {
    control: Control,
    background: Option<JoinHandle<io::Result<()>>>,
    alive: Arc<AtomicUsize>,
}

impl Threads {
    /// Empieza a atender a quienes llamen a `listener`.
    pub fn start(listener: TcpListener) -> io::Result<Threads> {
        let alive = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&alive);
        let new_handler = move || {
            let counter = Arc::clone(&counter);
            move |request: &Request| {
                counter.fetch_add(1, Ordering::SeqCst);
                echo(request)
            }
        };
        let mut server = TcpServer::from_listener(listener, new_handler)?
            .client_timeout(None)
            .threading(ThreadingMixIn::default());
        let control = server.control();
        let background = Some(thread::spawn(move || server.serve_forever()));
        Ok(Threads { control, background, alive })
    }

    /// Los hilos que empezaron a atender a alguien.
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.control.shutdown();
        let _ = self.background.take().map(JoinHandle::join);
    }
}

fn echo(request: &Request) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    loop {
        let count = request.recv(&mut message)?;
        if count == 0 {
            return Ok(());
        }
        request.send_all(&message[..count])?;
    }
}

/// Lo que trabajó el núcleo para un motor.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Conexiones.
    pub connections: usize,
    /// Llamadas para registrarlas.
    pub registering: usize,
    /// Descriptores que examinó hasta oír a una, si solo habla esa.
    pub one_talks: usize,
    /// Y hasta oírlas a todas, si hablan todas.
    pub all_talk: usize,
}

/// Registra `connections` conexiones en `selector` y cuenta lo que trabaja el núcleo.
pub fn measure(selector: &mut dyn Selector, connections: usize) -> Result<Measured, Failure> {
    let crowd = Crowd::gather(connections)?;
    for (id, socket) in (0..).zip(&crowd.sockets) {
        selector.register(id, socket.clone(), Interest::Read)?;
    }
    let registering = selector.work().registrations;
    let one_talks = crowd.work_to_hear(1, selector)?;
    let all_talk = crowd.work_to_hear(connections, selector)?;
    Ok(Measured { connections, registering, one_talks, all_talk })
}

/// Conexiones, y el otro lado de cada una.
struct Crowd {
    sockets: Vec<Rc<TcpStream>>,
    talkers: Vec<TcpStream>,
}

impl Crowd {
    fn gather(count: usize) -> io::Result<Crowd> {
        let listener = listen()?;
        let (mut sockets, mut talkers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            talkers.push(TcpStream::connect(listener.local_addr()?)?);
            let (socket, _) = listener.accept()?;
            socket.set_nonblocking(true)?;
            sockets.push(Rc::new(socket));
        }
        Ok(Crowd { sockets, talkers })
    }

    /// Hablan los `count` últimos, y se espera hasta haberlos leído. Lo que examinó el núcleo.
    fn work_to_hear(&self, count: usize, selector: &mut dyn Selector) -> Result<usize, Failure> {
        let before = selector.work();
        for mut talker in &self.talkers[self.talkers.len() - count..] {
            talker.write_all(&[b'x'; MESSAGE])?;
        }
        let mut heard = 0;
        while heard < count {
            let events = selector.select(ENOUGH)?;
            if events.is_empty() {
                return Err(Failure::new(format!(
                    "De {} conexiones hablaron {count}, y `select` solo avisó de {heard}.",
                    self.sockets.len()
                )));
            }
            for event in events {
                let place = usize::try_from(event.id).unwrap_or(usize::MAX);
                let mut socket =
                    self.sockets.get(place).map(|socket| &**socket).ok_or_else(|| {
                        Failure::new(format!("`select` avisa de {}, que nadie registró.", event.id))
                    })?;
                socket.read_exact(&mut [0; MESSAGE]).map_err(|_| {
                    Failure::new(format!("`select` avisa de {}, que no ha hablado.", event.id))
                })?;
                heard += 1;
            }
        }
        let after = selector.work();
        if after.waits == before.waits {
            return Err(Failure::new(
                "Tu motor esperó sin llamar a `Kernel`: así no se puede contar su trabajo.",
            ));
        }
        Ok(after.examined.saturating_sub(before.examined))
    }
}

/// Los hilos que hacen falta para que `connections` conexiones callen.
pub fn threads_for(connections: usize) -> Result<usize, Failure> {
    let listener = listen()?;
    let address = listener.local_addr()?;
    let threads = Threads::start(listener)?;
    let silent = (0..connections).map(|_| TcpStream::connect(address));
    let _silent = silent.collect::<io::Result<Vec<_>>>()?;
    harness::eventually("cada cliente tuviera su hilo", Duration::from_secs(5), || {
        threads.alive() >= connections
    })?;
    Ok(threads.alive())
}

/// Clientes que hablan; los demás callan.
const TALKING: usize = 4;

/// Lo que dura cada medida.
const SPAN: Duration = Duration::from_millis(600);

/// Procesador que gasta en cada mensaje el servidor que pone en marcha `start`, con unas cuantas
/// conexiones habladoras entre `connections`.
pub fn cpu_per_message<T>(
    connections: usize,
    start: impl FnOnce(TcpListener) -> Result<T, Failure>,
) -> Result<(T, Duration), Failure> {
    let listener = listen()?;
    // Los clientes, arriba: abajo queda sitio para que los del servidor quepan en `select`.
    let fillers = fill_to(FD_SETSIZE)?;
    let address = listener.local_addr()?;
    let clients = (0..connections).map(|_| TcpStream::connect(address));
    let mut clients = clients.collect::<io::Result<Vec<_>>>()?;
    drop(fillers);
    let server = start(listener)?;
    // Cuando el último recibe respuesta, están todos dentro.
    let talking = clients.split_off(connections - TALKING);
    say_once(&talking)?;
    let (everybody, me) =
        (cpu(ClockId::CLOCK_PROCESS_CPUTIME_ID)?, cpu(ClockId::CLOCK_THREAD_CPUTIME_ID)?);
    let (started, mut messages) = (Instant::now(), 0);
    while started.elapsed() < SPAN {
        say_once(&talking)?;
        messages += 4;
    }
    let all = cpu(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.saturating_sub(everybody);
    let mine = cpu(ClockId::CLOCK_THREAD_CPUTIME_ID)?.saturating_sub(me);
    Ok((server, all.saturating_sub(mine) / messages))
}

fn say_once(talking: &[TcpStream]) -> io::Result<()> {
    for mut client in talking {
        client.write_all(&[b'x'; MESSAGE])?;
    }
    for mut client in talking {
        client.read_exact(&mut [0; MESSAGE])?;
    }
    Ok(())
}

fn cpu(clock: ClockId) -> io::Result<Duration> {
    Ok(clock_gettime(clock)?.into())
}

fn listen() -> io::Result<TcpListener> {
    let listener = listener::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    // Aquí se acepta a quien se sabe que ya conectó: esperarlo es más fácil que preguntar.
    listener.set_nonblocking(false)?;
    Ok(listener)
}
