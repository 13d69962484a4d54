//! El generador de carga: un solo proceso, un solo hilo y `epoll`, que hace de miles de clientes.
//!
//! Trabaja de dos maneras, porque son dos preguntas:
//!
//! - [`Crowd::saturate`], *a todo lo que da*: cada cliente activo envía en cuanto recibe. Mide
//!   cuánto cabe y cuánto cuesta.
//! - [`Crowd::pace`], *a ritmo fijo*: los mensajes salen a su hora, hayan llegado o no las
//!   respuestas anteriores. Mide cuánto se espera.
//!
//! La segunda existe porque la primera no sirve para medir esperas: si el servidor se atasca, sus
//! clientes dejan de enviar, y los mensajes que habrían sufrido el atasco no se llegan a contar.
//! A eso se llama **omisión coordinada**. Aquí la espera de un mensaje se cuenta desde que
//! **tocaba** enviarlo, también si el propio generador llegó tarde.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use multiplexacion::errors::reason;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock;
use crate::wording::{connections, count};

pub(crate) const MESSAGE: usize = 64;

/// Cada cuántas conexiones se comprueba que el servidor va aceptando. Con más, la cola del núcleo
/// (1024) podría llenarse, y una conexión que no cabe en ella tarda un segundo más.
const STRIDE: usize = 256;

/// Cuánto se espera una respuesta antes de dar al servidor por perdido.
const PATIENCE: Duration = Duration::from_secs(5);

/// Cuánto se espera, acabado el ritmo fijo, a las respuestas que falten.
const GRACE: Duration = Duration::from_millis(500);

/// Con qué se registra el reloj en epoll; los clientes, con su índice.
const TIMER: u64 = u64::MAX;

/// Clientes conectados a un servidor, de los que hablan unos cuantos.
pub(crate) struct Crowd {
    clients: Vec<Client>,
    /// Índices de los que hablan, repartidos entre todos.
    active: Vec<usize>,
    epoll: Epoll,
    talk: Talk,
    scratch: Vec<u8>,
}

/// Lo que se dice y lo que se espera oír.
#[derive(Clone)]
pub(crate) struct Talk {
    /// Lo que se envía de una vez.
    pub(crate) said: Vec<u8>,
    /// Bytes de cada respuesta.
    pub(crate) answer: usize,
    /// Cómo acaba una respuesta buena.
    pub(crate) ending: Vec<u8>,
    /// Si se pregunta sin dormir. A quien duerme hay que despertarlo, y en la misma máquina eso lo paga
    /// el proceso que le escribe: más cuanto más lento sea, que lo encuentra dormido más veces. No es
    /// un gasto suyo: con el cliente en otra máquina no lo tendría.
    pub(crate) awake: bool,
}

impl Talk {
    /// La de un eco: vuelve lo mismo.
    fn echo() -> Talk {
        let said: Vec<u8> = (b'a'..=b'z').cycle().take(MESSAGE).collect();
        Talk { answer: said.len(), ending: said.clone(), said, awake: false }
    }
}

struct Client {
    stream: TcpStream,
    /// Bytes que tocaba enviar y aún no cupieron.
    unsent: usize,
    /// Bytes recibidos del mensaje en curso.
    received: usize,
    /// Cuándo tocaba cada mensaje sin responder, en orden.
    due: VecDeque<Instant>,
}

/// Por qué no se pudo medir.
#[derive(Debug)]
pub(crate) enum Lost {
    /// El servidor no atendió a todos: a cuántos sí, de cuántos.
    Served(usize, usize),
    /// Una conexión se cortó mientras se medía.
    Cut,
    /// Nadie responde.
    Silent,
    /// No quedan descriptores o puertos en el generador.
    Exhausted(io::Error),
    /// Lo que se pidió al sistema no se pudo hacer.
    System(io::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Lost {
        Lost::System(error)
    }
}

impl From<Errno> for Lost {
    fn from(error: Errno) -> Lost {
        Lost::System(error.into())
    }
}

impl From<Lost> for io::Error {
    fn from(lost: Lost) -> io::Error {
        io::Error::other(match lost {
            Lost::Served(some, all) => {
                format!("atendió a {} de {}", count(some as u64), connections(all))
            }
            Lost::Cut => "cortó una conexión mientras se medía".to_owned(),
            Lost::Silent => format!("dejó de responder durante {} s", PATIENCE.as_secs()),
            Lost::Exhausted(error) => {
                format!("el generador se quedó sin recursos: {}", reason(&error))
            }
            Lost::System(error) => return error,
        })
    }
}

/// Lo que dio un rato a todo lo que da.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    /// Mensajes que fueron y volvieron.
    pub(crate) messages: u64,
    pub(crate) elapsed: Duration,
    /// Qué parte de su procesador usó el generador, de 0 a 1.
    pub(crate) busy: f64,
}

/// Lo que dio un rato a ritmo fijo.
pub(crate) struct Paced {
    /// Esperas, en nanosegundos, desde que tocaba cada mensaje.
    pub(crate) waits: Histogram<u64>,
    /// Cuánto tarde salió cada mensaje, en nanosegundos: la parte de su espera que es del generador.
    pub(crate) late: Histogram<u64>,
    /// Mensajes que no habían vuelto al acabar. Están en `waits` con lo que llevaban esperado.
    pub(crate) unanswered: u64,
}

impl Crowd {
    /// Conecta a un eco `connections` clientes, de los que hablarán `active`, y comprueba con un mensaje
    /// que cada uno está atendido.
    ///
    /// # Errors
    /// [`Lost::Served`] si el servidor no atiende a todos.
    pub(crate) fn connect(
        address: SocketAddr,
        connections: usize,
        active: usize,
    ) -> Result<Crowd, Lost> {
        Crowd::talking(Talk::echo(), address, connections, active)
    }

    /// Lo mismo, con cualquier servidor.
    pub(crate) fn talking(
        talk: Talk,
        address: SocketAddr,
        connections: usize,
        active: usize,
    ) -> Result<Crowd, Lost> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let active = spread(connections, active);
        let scratch = vec![0; 64 * 1024];
        let mut crowd = Crowd { clients: Vec::new(), active, epoll, talk, scratch };
        let served = crowd.fill(address, connections)?;
        if served < connections {
            return Err(Lost::Served(served, connections));
        }
        crowd.watch_the_active()?;
        Ok(crowd)
    }

    /// Cambia de conversación, cuando no queda nada por responder.
    pub(crate) fn change(&mut self, talk: Talk) {
        self.talk = talk;
    }

    /// Conecta de [`STRIDE`] en [`STRIDE`], hasta `connections` o hasta que alguien no sea
    /// atendido. Devuelve cuántos lo fueron.
    fn fill(&mut self, address: SocketAddr, connections: usize) -> Result<usize, Lost> {
        let ports = ports_per_address();
        let mut served = 0;
        while served < connections {
            let wanted = connections.min(served + STRIDE);
            for number in served..wanted {
                match connect(address, source(number, ports)) {
                    Ok(stream) => self.clients.push(Client::new(stream)),
                    Err(error) if is_ours(&error) => return Err(Lost::Exhausted(error)),
                    Err(_) => break,
                }
            }
            served += self.greet(served);
            if served < wanted {
                break;
            }
        }
        Ok(served)
    }

    /// Un mensaje de ida y vuelta con cada cliente desde `first`: todos hablan a la vez, y así el
    /// servidor toca la memoria que les dedica. Devuelve a cuántos contestó antes de fallar.
    fn greet(&self, first: usize) -> usize {
        let newcomers = &self.clients[first..];
        for client in newcomers {
            // Si ya lo cortaron, se verá al leer.
            let _ = (&client.stream).write_all(&self.talk.said);
        }
        let answers = newcomers.iter().take_while(|client| {
            let mut answer = vec![0; self.talk.answer];
            let whole = (&client.stream).read_exact(&mut answer).is_ok();
            whole && answer.ends_with(&self.talk.ending)
        });
        answers.count()
    }

    fn watch_the_active(&self) -> Result<(), Lost> {
        for &number in &self.active {
            let stream = &self.clients[number].stream;
            stream.set_nonblocking(true)?;
            self.epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        }
        Ok(())
    }

    // ANCHOR: saturate
    /// A todo lo que da durante `time`: cada cliente activo envía en cuanto recibe. Al volver no
    /// queda nada por responder.
    ///
    /// # Errors
    /// El servidor calla, corta o devuelve otra cosa.
    pub(crate) fn saturate(&mut self, time: Duration) -> Result<Burst, Lost> {
        let (start, cpu) = (Instant::now(), clock::this_thread());
        let mut events = [EpollEvent::empty(); 256];
        let mut messages = 0;
        let mut open = self.active.len();
        for place in 0..open {
            self.clients[self.active[place]].send(&self.talk.said)?;
        }
        while open > 0 {
            let ready = self.wait(&mut events, PATIENCE)?;
            if ready == 0 {
                return Err(Lost::Silent);
            }
            let over = start.elapsed() >= time;
            for event in &events[..ready] {
                let client = &mut self.clients[position(event)];
                if client.receive(self.talk.answer, &mut self.scratch)? == 0 {
                    continue;
                }
                messages += 1;
                if over {
                    open -= 1;
                } else {
                    client.send(&self.talk.said)?;
                }
            }
        }
        let elapsed = start.elapsed();
        let used = clock::this_thread().saturating_sub(cpu);
        Ok(Burst { messages, elapsed, busy: used.as_secs_f64() / elapsed.as_secs_f64() })
    }
    // ANCHOR_END: saturate

    // ANCHOR: pace
    /// A ritmo fijo: `rate` mensajes por segundo durante `time`, por turno entre los activos.
    ///
    /// # Errors
    /// El servidor corta o devuelve otra cosa. Que tarde no es un error: es lo que se mide.
    pub(crate) fn pace(&mut self, rate: u32, time: Duration) -> Result<Paced, Lost> {
        let interval = Duration::from_secs(1) / rate.max(1);
        let total = time.as_nanos() / interval.as_nanos();
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        let (mut waits, mut late) = (histogram(), histogram());
        let mut events = [EpollEvent::empty(); 256];
        let (mut sent, mut answered) = (0, 0);
        // El reloj se pone en marcha después. Así ningún aviso llega antes de la hora de su
        // mensaje, que entonces tendría que esperar al aviso siguiente.
        let start = Instant::now();
        let timer = ticking(interval)?;
        self.epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let end = start + interval * times(total) + GRACE;
        while answered < total && Instant::now() < end {
            // Todo lo que ya toca, aunque falten respuestas.
            while sent < total {
                let due = start + interval * times(sent);
                let now = Instant::now();
                if due > now {
                    break;
                }
                late.saturating_record(nanoseconds(now - due));
                let turn = usize::try_from(sent).unwrap_or(0) % self.active.len();
                let client = &mut self.clients[self.active[turn]];
                client.due.push_back(due);
                client.send(&self.talk.said)?;
                sent += 1;
            }
            let ready = self.wait(&mut events, GRACE)?;
            for event in &events[..ready] {
                if event.data() == TIMER {
                    let _ = timer.wait();
                    continue;
                }
                let client = &mut self.clients[position(event)];
                let complete = client.receive(self.talk.answer, &mut self.scratch)?;
                let now = Instant::now();
                for due in client.due.drain(..complete.min(client.due.len())) {
                    // La espera de este mensaje empezó cuando tocaba, y no cuando salió.
                    waits.saturating_record(nanoseconds(now.saturating_duration_since(due)));
                    answered += 1;
                }
            }
        }
        let unanswered = self.give_up(&mut waits);
        Ok(Paced { waits, late, unanswered })
    }
    // ANCHOR_END: pace

    /// Lo que no volvió también esperó: cuenta con lo que lleva.
    fn give_up(&mut self, waits: &mut Histogram<u64>) -> u64 {
        let now = Instant::now();
        let mut count = 0;
        for &number in &self.active {
            for due in self.clients[number].due.drain(..) {
                waits.saturating_record(nanoseconds(now.saturating_duration_since(due)));
                count += 1;
            }
        }
        count
    }

    fn wait(&self, events: &mut [EpollEvent], limit: Duration) -> Result<usize, Lost> {
        let sleep = if self.talk.awake { Duration::ZERO } else { limit };
        let sleep = EpollTimeout::try_from(sleep).unwrap_or(EpollTimeout::MAX);
        let start = Instant::now();
        loop {
            match self.epoll.wait(events, sleep) {
                Ok(0) if start.elapsed() < limit => {}
                Ok(ready) => return Ok(ready),
                // Una señal no es un silencio del servidor.
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Client {
    fn new(stream: TcpStream) -> Client {
        Client { stream, unsent: 0, received: 0, due: VecDeque::new() }
    }

    /// Envía un mensaje más, y lo que quedara de antes. Lo que no quepa espera.
    fn send(&mut self, message: &[u8]) -> Result<(), Lost> {
        self.unsent += message.len();
        while self.unsent > 0 {
            let start = (message.len() - self.unsent % message.len()) % message.len();
            match (&self.stream).write(&message[start..]) {
                Ok(count) => self.unsent -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Lost::Cut),
            }
        }
        Ok(())
    }

    /// Recoge lo que haya, y dice cuántas respuestas se completaron.
    fn receive(&mut self, answer: usize, scratch: &mut [u8]) -> Result<usize, Lost> {
        match (&self.stream).read(scratch) {
            Ok(0) => Err(Lost::Cut),
            Ok(count) => {
                self.received += count;
                let complete = self.received / answer;
                self.received %= answer;
                Ok(complete)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Lost::Cut),
        }
    }
}

/// Conecta desde `source` y deja el socket bloqueante, con plazo.
///
/// Al cerrarse corta en seco (SO_LINGER a cero): un cierre ordenado dejaría el puerto ocupado un
/// minuto (TIME_WAIT), y tras unos cuantos experimentos no quedaría ninguno.
fn connect(address: SocketAddr, source: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source {
        socket.bind(&SocketAddrV4::new(source, 0).into())?;
    }
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    if let Err(error) = socket.connect(&address.into()) {
        // Una señal a mitad: ese socket ya no sirve, y se abre otro.
        let interrupted = error.kind() == io::ErrorKind::Interrupted;
        return if interrupted { connect(address, source) } else { Err(error) };
    }
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// Si lo que falta, descriptores o puertos, falta en el generador y no en el servidor.
fn is_ours(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::EADDRINUSE
                | Errno::EADDRNOTAVAIL
                | Errno::EMFILE
                | Errno::ENFILE
                | Errno::ENOBUFS
                | Errno::ENOMEM
        )
    )
}

/// De qué dirección sale el cliente `number`: todas las 127.x.x.x son de esta máquina. La
/// primera, sin pedirla, hasta que se le acaban los puertos; después, 127.0.0.2, 127.0.0.3…
fn source(number: usize, ports_per_address: usize) -> Option<Ipv4Addr> {
    let turn = u8::try_from(number / ports_per_address).unwrap_or(u8::MAX - 1);
    (turn > 0).then(|| Ipv4Addr::new(127, 0, 0, turn + 1))
}

/// Puertos que el núcleo reparte en cada dirección, menos un margen para los demás programas.
fn ports_per_address() -> usize {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<usize>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if last > first => ((last - first) * 3 / 4).max(1),
        _ => 20_000,
    }
}

/// `some` índices repartidos por igual entre `all`.
fn spread(all: usize, some: usize) -> Vec<usize> {
    let some = some.clamp(1, all.max(1));
    (0..some).map(|turn| turn * all / some).collect()
}

fn ticking(interval: Duration) -> nix::Result<TimerFd> {
    let timer =
        TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    let every = Expiration::Interval(TimeSpec::from_duration(interval));
    timer.set(every, TimerSetTimeFlags::empty())?;
    Ok(timer)
}

/// De 1 µs a 60 s, con tres cifras.
fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "los límites son constantes, y valen")]
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("límites de un histograma")
}

fn position(event: &EpollEvent) -> usize {
    usize::try_from(event.data()).unwrap_or(usize::MAX)
}

fn times(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn los_activos_se_reparten_entre_todos() {
        assert_eq!(spread(10, 10), (0..10).collect::<Vec<_>>());
        assert_eq!(spread(1000, 4), [0, 250, 500, 750]);
        assert_eq!(spread(2, 10), [0, 1]);
    }

    #[test]
    fn al_acabarse_los_puertos_se_cambia_de_dirección() {
        assert_eq!(source(0, 100), None);
        assert_eq!(source(99, 100), None);
        assert_eq!(source(100, 100), Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(source(250, 100), Some(Ipv4Addr::new(127, 0, 0, 3)));
    }

    #[test]
    fn desde_otra_dirección_también_se_llega() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let source = Ipv4Addr::new(127, 0, 0, 3);
        let client = connect(listener.local_addr().unwrap(), Some(source)).unwrap();
        assert_eq!(client.local_addr().unwrap().ip(), source);
    }

    /// Un eco de una sola conexión que se queda dormido `nap` antes de cada respuesta número
    /// `every`.
    fn dozing_echo(nap: Duration, every: usize) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Sin nadie que escuche, la segunda conexión se corta.
            drop(listener);
            stream.set_nodelay(true).unwrap();
            let mut message = [0; MESSAGE];
            for turn in 1.. {
                if stream.read_exact(&mut message).is_err() {
                    return;
                }
                if turn % every == 0 {
                    thread::sleep(nap);
                }
                if stream.write_all(&message).is_err() {
                    return;
                }
            }
        });
        address
    }

    #[test]
    fn un_atasco_cuenta_para_todos_los_mensajes_que_lo_sufrieron() {
        // Un atasco de 100 ms a mil mensajes por segundo retrasa unos cien, y no uno: es lo que
        // la omisión coordinada esconde.
        let address = dozing_echo(Duration::from_millis(100), 150);
        let mut crowd = Crowd::connect(address, 1, 1).unwrap();
        let paced = crowd.pace(1000, Duration::from_millis(250)).unwrap();
        assert_eq!(paced.waits.len(), 250);
        let delayed = paced.waits.len()
            - paced
                .waits
                .count_between(0, Duration::from_millis(20).as_nanos().try_into().unwrap());
        assert!(delayed >= 70, "solo {delayed} mensajes cuentan el atasco");
    }

    #[test]
    fn a_ritmo_fijo_cada_mensaje_sale_cuando_le_toca_y_no_un_turno_después() {
        // Nadie responde: al generador solo lo despierta su reloj.
        let address = dozing_echo(Duration::from_secs(5), 2);
        let mut crowd = Crowd::connect(address, 1, 1).unwrap();
        let turn = Duration::from_millis(50);
        let paced = crowd.pace(20, turn * 10).unwrap();
        let half = u64::try_from((turn / 2).as_nanos()).unwrap();
        let late = paced.late.len() - paced.late.count_between(0, half);
        assert_eq!(paced.late.len(), 10);
        assert!(late <= 5, "{late} de 10 mensajes salieron más de medio turno tarde");
    }

    #[test]
    fn un_mensaje_que_sale_tarde_ya_estaba_esperando() {
        // Veinte mil mensajes para el mismo instante: enviarlos lleva milisegundos, y los últimos
        // salen tarde. Nadie responde, y todos llevan esperando desde que tocaba: medio segundo.
        let address = dozing_echo(Duration::from_secs(5), 2);
        let mut crowd = Crowd::connect(address, 1, 1).unwrap();
        let paced = crowd.pace(50_000_000, Duration::from_micros(400)).unwrap();
        let milliseconds = |time: u64| time / 1_000_000;
        assert_eq!((paced.unanswered, paced.waits.len()), (20_000, 20_000));
        assert!(milliseconds(paced.late.max()) >= 5, "{} ns", paced.late.max());
        assert!(milliseconds(paced.waits.min()) >= 499, "{} ns", paced.waits.min());
    }

    #[test]
    fn a_ritmo_fijo_todos_los_activos_hablan_por_turno() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let echoes = listener.incoming().take(4).map(|stream| {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut message = [0; MESSAGE];
                    let mut heard = 0;
                    while stream.read_exact(&mut message).is_ok() {
                        heard += 1;
                        if stream.write_all(&message).is_err() {
                            break;
                        }
                    }
                    heard
                })
            });
            let echoes: Vec<_> = echoes.collect();
            echoes.into_iter().map(|echo| echo.join().unwrap()).collect::<Vec<u32>>()
        });
        let mut crowd = Crowd::connect(address, 4, 3).unwrap();
        crowd.pace(1000, Duration::from_millis(30)).unwrap();
        drop(crowd);
        // Uno más cada uno, del saludo.
        let mut heard = server.join().unwrap();
        heard.sort_unstable();
        assert_eq!(heard, [1, 11, 11, 11]);
    }

    #[test]
    fn un_generador_que_espera_no_llena_su_procesador() {
        let mut crowd = Crowd::connect(dozing_echo(Duration::from_millis(20), 1), 1, 1).unwrap();
        let burst = crowd.saturate(Duration::from_millis(100)).unwrap();
        assert!(burst.busy > 0.0 && burst.busy < 0.5, "{burst:?}");
    }

    #[test]
    fn lo_que_no_vuelve_también_se_cuenta() {
        let address = dozing_echo(Duration::from_secs(3), 2);
        let mut crowd = Crowd::connect(address, 1, 1).unwrap();
        let paced = crowd.pace(100, Duration::from_millis(50)).unwrap();
        assert_eq!((paced.unanswered, paced.waits.len()), (5, 5));
        assert!(paced.waits.min() >= 100_000_000);
    }

    #[test]
    fn a_todo_lo_que_da_no_deja_nada_por_responder() {
        let mut crowd = Crowd::connect(dozing_echo(Duration::ZERO, usize::MAX), 1, 1).unwrap();
        let first = crowd.saturate(Duration::from_millis(5)).unwrap();
        let second = crowd.saturate(Duration::from_millis(5)).unwrap();
        assert!(first.messages > 0 && second.messages > 0);
    }

    #[test]
    fn quien_no_atiende_a_todos_lo_dice() {
        let lost = Crowd::connect(dozing_echo(Duration::ZERO, usize::MAX), 2, 2);
        assert!(matches!(lost, Err(Lost::Served(1, 2))));
    }

    #[test]
    fn un_servidor_que_muere_es_una_conexión_cortada() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut message = [0; MESSAGE];
            stream.read_exact(&mut message).unwrap();
            stream.write_all(&message).unwrap();
            stream.read_exact(&mut message).unwrap();
        });
        let mut crowd = Crowd::connect(address, 1, 1).unwrap();
        assert!(matches!(crowd.saturate(Duration::from_secs(1)), Err(Lost::Cut)));
    }
}
