//! El chat de la lección 02_03: cuánto cuesta entregar un mensaje, al lado de redis.
//!
//! En los dos, lo que uno dice lo reciben los demás. El chat valida, da formato y avisa de quién
//! entra; redis publica en un canal. No es lo mismo, y por eso la cifra es por entrega.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::frame;
use multiplexacion::stop::Stop;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use serde::{Deserialize, Serialize};
use socket2::SockRef;

use crate::clock;
use crate::cores::Cores;
use crate::machine::{Machine, fitting, now};
use crate::measure::asked;
use crate::programs::{installed, lesson};
use crate::report::progress::Bar;
use crate::report::terminal::note;
use crate::results::FULL;
use crate::statistics::Spread;
use crate::subject::Subject;
use crate::wording::{count, nanoseconds, number};

/// Veces que se repite cada medida si no se pide otra cosa.
pub const ROUNDS: usize = 5;

/// Clientes conectados, de pocos a los que `select` aguanta.
const CLIENTS: [usize; 3] = [10, 100, 1000];

/// Los que hablan, como mucho.
const SPEAKERS: usize = 8;

/// Mensajes en camino por cada uno que habla.
const WINDOW: usize = 8;

/// Entregas que se miden de cada vez.
const DELIVERIES: usize = 200_000;

/// Bytes de lo que llega a cada uno, sin su cabecera.
const TEXT: usize = 64;

/// Cuánto se espera a que llegue algo.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lo medido.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    date: String,
    machine: Machine,
    complete: bool,
    points: Vec<Point>,
}

/// Un programa con tantos clientes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Point {
    name: String,
    clients: usize,
    /// Procesador por entrega, en nanosegundos: una cifra por ronda.
    cpu_ns: Vec<f64>,
    /// Entregas por segundo.
    deliveries_per_second: Vec<f64>,
    /// Qué parte de su procesador usó quien hace de clientes.
    generator_busy: Vec<f64>,
    trouble: Option<String>,
}

/// Quién reparte los mensajes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chat,
    Redis,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Chat => "aplic_02_03",
            Kind::Redis => "redis",
        }
    }
}

/// Mide el chat, y redis si está, `rounds` veces.
///
/// # Errors
/// No se puede compilar la lección.
pub fn measure(rounds: usize, cores: &Cores, stop: &Stop) -> Result<Outcome, Trouble> {
    let program = lesson(Kind::Chat.name())?;
    let mut kinds = vec![Kind::Chat];
    if installed("redis-server") {
        kinds.push(Kind::Redis);
    } else {
        note("redis-server no está instalado: se mide el chat solo.");
    }
    let machine = Machine::this_one(cores);
    let mut sizes = CLIENTS.map(|clients| fitting(clients, machine.descriptors)).to_vec();
    sizes.dedup();
    let cases: Vec<(Kind, usize)> =
        sizes.iter().flat_map(|&clients| kinds.iter().map(move |&kind| (kind, clients))).collect();
    let mut outcome = Outcome {
        date: now(),
        machine,
        complete: true,
        points: cases.iter().map(|&(kind, clients)| Point::new(kind, clients)).collect(),
    };
    let bar = Bar::start();
    'rounds: for round in 0..rounds {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for (turn, place) in order.into_iter().enumerate() {
            if asked(stop) {
                outcome.complete = false;
                break 'rounds;
            }
            let (kind, clients) = cases[place];
            #[expect(clippy::cast_precision_loss)]
            let done = (round * cases.len() + turn) as f64 / (rounds * cases.len()) as f64;
            bar.tell(done, &format!("{}, {clients} clientes", kind.name()));
            let point = &mut outcome.points[place];
            if point.trouble.is_some() {
                continue;
            }
            let started = match kind {
                Kind::Chat => {
                    let mut command = Command::new(&program);
                    command.args(["--name", "servidor", "--port", "0"]);
                    Subject::announcing(command, cores)
                }
                Kind::Redis => Subject::told(redis, cores),
            };
            match started.and_then(|subject| deliver(kind, clients, &subject)) {
                Ok(turn) => {
                    point.cpu_ns.push(turn.cpu_ns);
                    point.deliveries_per_second.push(turn.rate);
                    point.generator_busy.push(turn.busy);
                }
                Err(error) => point.trouble = Some(cli::reason(&error)),
            }
        }
    }
    bar.finish();
    Ok(outcome)
}

/// Un redis que no guarda nada y no echa a nadie.
fn redis(port: u16) -> Command {
    let mut command = Command::new("redis-server");
    command.args([
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    command.args(["--daemonize", "no", "--client-output-buffer-limit", "pubsub 0 0 0"]);
    command
}

/// Lo que dio una ronda: procesador por entrega, entregas por segundo y cuánto del suyo usó el
/// generador.
struct Turn {
    cpu_ns: f64,
    rate: f64,
    busy: f64,
}

/// Unos hablan, los demás escuchan.
fn deliver(kind: Kind, clients: usize, subject: &Subject) -> io::Result<Turn> {
    let speakers = SPEAKERS.min(clients / 2);
    let mut room = Room::enter(kind, subject.address(), clients, speakers)?;
    let listeners = match kind {
        // En el chat se oyen también entre ellos; en redis, quien publica no escucha.
        Kind::Chat => clients - 1,
        Kind::Redis => clients - speakers,
    };
    let messages = DELIVERIES / listeners;
    room.talk(messages / 10, listeners)?;
    let (start, cpu, own) = (Instant::now(), subject.cpu()?, clock::this_thread());
    room.talk(messages, listeners)?;
    let elapsed = start.elapsed().as_secs_f64();
    let used = subject.cpu()?.saturating_sub(cpu).as_secs_f64();
    let own = clock::this_thread().saturating_sub(own).as_secs_f64();
    #[expect(clippy::cast_precision_loss)]
    let deliveries = (messages * listeners) as f64;
    Ok(Turn { cpu_ns: used * 1e9 / deliveries, rate: deliveries / elapsed, busy: own / elapsed })
}

/// Todos los clientes, en un solo hilo.
struct Room {
    epoll: Epoll,
    streams: Vec<TcpStream>,
    speakers: usize,
    message: Vec<u8>,
    /// Bytes que recibe cada uno por cada mensaje.
    delivery: usize,
    /// Si lo que reciben los que hablan son entregas.
    speakers_listen: bool,
    buffer: Vec<u8>,
}

impl Room {
    fn enter(kind: Kind, address: SocketAddr, clients: usize, speakers: usize) -> io::Result<Room> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut streams = Vec::with_capacity(clients);
        for number in 0..clients {
            let mut stream = TcpStream::connect(address)?;
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            match kind {
                Kind::Chat => introduce(&mut stream, &name(number))?,
                Kind::Redis if number >= speakers => subscribe(&mut stream)?,
                Kind::Redis => {}
            }
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            streams.push(stream);
        }
        let text = "x".repeat(TEXT);
        let (message, delivery) = match kind {
            Kind::Chat => {
                // `#[a@127.0.0.1]>> ` y el texto: en total, TEXT bytes.
                let decoration = "#[a@127.0.0.1]>> ".len();
                (framed(&text[decoration..])?, 4 + TEXT)
            }
            Kind::Redis => (
                format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n${TEXT}\r\n{text}\r\n").into_bytes(),
                format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${TEXT}\r\n{text}\r\n").len(),
            ),
        };
        let mut room = Room {
            epoll,
            streams,
            speakers,
            message,
            delivery,
            speakers_listen: kind == Kind::Chat,
            buffer: vec![0; 64 * 1024],
        };
        room.settle()?;
        Ok(room)
    }

    /// Recoge los avisos de quién entra hasta que no llega ninguno más.
    fn settle(&mut self) -> io::Result<()> {
        while self.collect(Duration::from_millis(100))? > 0 {}
        Ok(())
    }

    /// Dicen `messages` mensajes, sin pasar de la ventana, y esperan a que lleguen todos.
    fn talk(&mut self, messages: usize, listeners: usize) -> io::Result<()> {
        let per_message = self.delivery * listeners;
        let (mut sent, mut received) = (0, 0);
        let window = self.speakers * WINDOW;
        while received < messages * per_message {
            while sent < messages && sent - received / per_message < window {
                let speaker = sent % self.speakers;
                self.streams[speaker].write_all(&self.message)?;
                sent += 1;
            }
            match self.collect(PATIENCE)? {
                0 => return Err(io::ErrorKind::TimedOut.into()),
                bytes => received += bytes,
            }
        }
        Ok(())
    }

    /// Una espera, y los bytes de entregas que trajo. Los de las respuestas a quien publica
    /// cuentan como una espera con éxito, pero no como entregas.
    fn collect(&mut self, limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        let mut events = [EpollEvent::empty(); 256];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX);
            let ready = match self.epoll.wait(&mut events, left) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut bytes = 0;
            for event in &events[..ready] {
                let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
                match self.streams[number].read(&mut self.buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) if number >= self.speakers || self.speakers_listen => bytes += count,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Ok(_) | Err(_) => {}
                }
            }
            if bytes > 0 || ready == 0 {
                return Ok(bytes);
            }
        }
    }
}

/// Los que hablan tienen una letra por nombre: así todas las entregas miden lo mismo.
fn name(number: usize) -> String {
    match u8::try_from(number) {
        Ok(letter) if number < SPEAKERS => char::from(b'a' + letter).to_string(),
        _ => format!("r{number}"),
    }
}

fn framed(text: &str) -> io::Result<Vec<u8>> {
    frame::encode(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn introduce(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    stream.write_all(&framed(&format!("NAME: {name}"))?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer)?;
    if answer == b"CLIENT: 127.0.0.1" {
        Ok(())
    } else {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

fn subscribe(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"SUBSCRIBE c\r\n")?;
    let mut answer = [0; "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n".len()];
    stream.read_exact(&mut answer)
}

impl Point {
    fn new(kind: Kind, clients: usize) -> Point {
        Point {
            name: kind.name().to_owned(),
            clients,
            cpu_ns: Vec::new(),
            deliveries_per_second: Vec::new(),
            generator_busy: Vec::new(),
            trouble: None,
        }
    }
}

/// Lo medido, para leer.
pub fn text(outcome: &Outcome) -> String {
    let machine = &outcome.machine;
    let partial = if outcome.complete { "" } else { " · A MEDIAS" };
    let mut text = format!(
        "cargo lab chat · {} UTC{partial}\n{} · {} procesadores · Linux {}\n\n{:>9}  {:12}{:>31}{:>14}\n",
        outcome.date,
        machine.processor,
        machine.cores,
        machine.kernel,
        "clientes",
        "",
        "procesador por entrega",
        "entregas/s"
    );
    for point in &outcome.points {
        let cost = Spread::of(point.cpu_ns.iter().copied());
        let rate = Spread::of(point.deliveries_per_second.iter().copied());
        let _ = writeln!(
            text,
            "{:>9}  {:12}{:>31}{:>14}",
            count(point.clients as u64),
            point.name,
            cost.map_or("—".to_owned(), |cost| format!(
                "{} ({} a {})",
                nanoseconds(cost.median),
                nanoseconds(cost.low),
                nanoseconds(cost.high)
            )),
            rate.map_or("—".to_owned(), |rate| {
                // Si quien hace de clientes llenó su procesador, el servidor podría con más.
                let full = Spread::of(point.generator_busy.iter().copied())
                    .is_some_and(|busy| busy.median > FULL);
                format!("{}{}", if full { "≥" } else { "" }, number(rate.median))
            }),
        );
        if let Some(trouble) = &point.trouble {
            let _ = writeln!(text, "           {trouble}: sus cifras faltan o son de menos rondas");
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    /// Un servidor que presenta a sus clientes y reparte cada mensaje entre los demás, tan despacio
    /// como haga falta: uno cada vez.
    fn tiny_chat(clients: usize) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut streams = Vec::new();
            for number in 0..clients {
                let (mut stream, _) = listener.accept().unwrap();
                let mut hello = vec![0; 4 + "NAME: ".len() + name(number).len()];
                stream.read_exact(&mut hello).unwrap();
                stream.write_all(&framed("CLIENT: 127.0.0.1").unwrap()).unwrap();
                streams.push(stream);
            }
            let mut heard = vec![0; 4 + TEXT - "#[a@127.0.0.1]>> ".len()];
            let said = framed(&"x".repeat(TEXT)).unwrap();
            for speaker in (0..2).cycle() {
                if streams[speaker].read_exact(&mut heard).is_err() {
                    return;
                }
                for (number, mut stream) in streams.iter().enumerate() {
                    if number != speaker && stream.write_all(&said).is_err() {
                        return;
                    }
                }
            }
        });
        address
    }

    #[test]
    fn todo_lo_dicho_llega_a_todos_los_demás() {
        let mut room = Room::enter(Kind::Chat, tiny_chat(4), 4, 2).unwrap();
        room.talk(20, 3).unwrap();
        room.talk(20, 3).unwrap();
    }

    #[test]
    fn cada_cliente_tiene_un_nombre_distinto() {
        let mut names: Vec<String> = (0..1000).map(name).collect();
        assert_eq!(names[0], "a");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 1000);
    }
}
