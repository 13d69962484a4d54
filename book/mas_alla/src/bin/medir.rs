//! Las cifras de «Más allá»: cuántas llamadas al sistema y cuánta memoria cuesta cada servidor.
//!
//! `medir eco`, `medir chat` y `medir salto` escriben una tabla en la salida estándar, y en la de
//! errores, qué miden mientras tanto: una tabla tarda alrededor de un minuto. Los servidores han de
//! estar compilados, en la misma carpeta que este programa. Hace falta `strace` y, para el salto por
//! un intermediario, `redis-server`.

use std::env;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use harness::{Failure, Port, Program, Running, Signal, frame, raise_descriptor_limit};
use multiplexacion::cli;
use prose::Traced;

/// Un servidor que se mide, y cómo se arranca.
struct Subject {
    program: &'static str,
    arguments: &'static [&'static str],
}

const ECHOES: [Subject; 4] = [
    Subject { program: "aplic_02_02", arguments: &["--serve"] },
    Subject { program: "eco_poll", arguments: &[] },
    Subject { program: "eco_flanco", arguments: &[] },
    Subject { program: "eco_uring", arguments: &[] },
];

const CHATS: [Subject; 4] = [
    Subject { program: "aplic_02_03", arguments: &["--name", "servidor"] },
    Subject { program: "chat_mio", arguments: &[] },
    Subject { program: "chat_tokio", arguments: &[] },
    Subject { program: "chat_tokio", arguments: &["--workers", "2"] },
];

/// Clientes para medir la memoria.
const MANY: usize = 1000;
/// Clientes que hablan, o escuchan, a la vez.
const SOME: usize = 100;
/// Mensajes, de uno en uno: el siguiente, cuando el servidor ya duerme.
const MESSAGES: usize = 20;
/// Veces que se mide un tiempo.
const TIMES: usize = 5000;
/// Mensajes seguidos, sin esperar.
const BURST: usize = 1000;

fn main() -> ExitCode {
    raise_descriptor_limit();
    let outcome = match env::args().nth(1).as_deref() {
        Some("eco") => echoes(),
        Some("chat") => chats(),
        Some("salto") => hops(),
        _ => Err(Failure::new(
            "medir: falta qué medir. Qué probar: «medir eco», «medir chat» o «medir salto».",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn echoes() -> Result<(), Failure> {
    cli::say(
        "| servidor | hilos, con 1000 | memoria por cliente | llamadas por eco, uno solo | llamadas por eco, 100 a la vez |",
    )?;
    cli::say("|---|---|---|---|---|")?;
    for subject in &ECHOES {
        subject.announce("hilos y memoria, con mil clientes");
        let (threads, memory) = subject.weigh(|client| {
            client.write_all(b"hola\n")?;
            client.read_exact(&mut [0; 5])
        })?;
        subject.announce("llamadas, con un cliente");
        let alone = subject.echo(1)?;
        subject.announce("llamadas, con cien clientes a la vez");
        let together = subject.echo(SOME)?;
        cli::say(&format!("| {subject} | {threads} | {memory} | {alone} | {together} |"))?;
    }
    Ok(())
}

fn chats() -> Result<(), Failure> {
    cli::say(
        "| servidor | hilos, con 1000 | memoria por cliente | llamadas por entrega, a uno | a 100 | 1000 mensajes de golpe |",
    )?;
    cli::say("|---|---|---|---|---|---|")?;
    for subject in &CHATS {
        let mut number = 0;
        subject.announce("hilos y memoria, con mil clientes");
        let (threads, memory) = subject.weigh(|client| {
            number += 1;
            enter(client, &format!("cliente-{number}"))
        })?;
        subject.announce("llamadas, con uno que escucha");
        let one = subject.deliver(1)?;
        subject.announce("llamadas, con cien que escuchan");
        let hundred = subject.deliver(SOME)?;
        subject.announce("llamadas, con mil mensajes de golpe");
        let burst = subject.burst()?;
        cli::say(&format!("| {subject} | {threads} | {memory} | {one} | {hundred} | {burst} |"))?;
    }
    Ok(())
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", [&[self.program], self.arguments].concat().join(" "))
    }
}

impl Subject {
    /// Dice qué se mide ahora, a quien mira la pantalla y no a quien guarda la tabla.
    fn announce(&self, what: &str) {
        cli::complain(&format!("Midiendo {self}: {what}…"));
    }

    fn path(&self) -> Result<PathBuf, Failure> {
        Ok(env::current_exe()?.with_file_name(self.program))
    }

    fn arguments(&self) -> Vec<&'static str> {
        [self.arguments, &["--port", "0"]].concat()
    }

    fn traced(&self) -> Result<Traced, Failure> {
        Traced::start(&self.path()?, &self.arguments(), "all", &["-f", "-s", "64"])
    }

    /// Cuántos hilos tiene con mil clientes, y cuánta memoria ocupa cada uno de ellos.
    fn weigh(
        &self,
        mut greet: impl FnMut(&mut TcpStream) -> io::Result<()>,
    ) -> Result<(usize, String), Failure> {
        let server = Program::new(self.path()?).args(self.arguments()).start()?;
        let resident = || server.memory(|told| told.vmrss);
        let empty = resident()?;
        let mut clients = Vec::new();
        for number in 1..=MANY {
            clients.push(connect(server.address())?);
            greet(&mut clients[number - 1])?;
            // Que nadie tenga avisos sin leer: no serían memoria de la conexión.
            if number % 20 == 0 {
                clients.iter().try_for_each(drain)?;
            }
        }
        let bytes = (resident()? - empty) * 1024 / MANY as u64;
        Ok((server.threads()?.len(), format!("{} bytes", grouped(bytes))))
    }

    /// Llamadas por eco: `count` clientes envían a la vez, y cada uno espera el suyo.
    fn echo(&self, count: usize) -> Result<String, Failure> {
        let traced = self.traced()?;
        let address = traced.server().address();
        let mut clients = (0..count).map(|_| connect(address)).collect::<io::Result<Vec<_>>>()?;
        let mut before = 0;
        // La primera ronda no cuenta: es la de las presentaciones.
        for round in 0..=MESSAGES {
            // Con un hilo por cliente no hay una vuelta que compartir: cada cual duerme en su llamada.
            let together = count > 1 && round > 0 && traced.server().threads()?.len() == 1;
            if round == 1 {
                before = traced.settled()?;
            }
            let mut speak =
                || Ok(clients.iter_mut().try_for_each(|client| client.write_all(b"hola\n"))?);
            if together { traced.server().while_stopped(speak) } else { speak() }?;
            clients.iter_mut().try_for_each(|client| client.read_exact(&mut [0; 5]))?;
            traced.settled()?;
        }
        Ok(average(traced.settled()? - before, MESSAGES * count))
    }

    /// Llamadas por mensaje entregado, con `count` que escuchan a uno que habla despacio.
    fn deliver(&self, count: usize) -> Result<String, Failure> {
        let traced = self.traced()?;
        let (mut speaker, mut listeners) = room(traced.server().address(), count)?;
        let before = traced.settled()?;
        for _ in 0..MESSAGES {
            speaker.write_all(&frame::encode("hola"))?;
            for listener in &mut listeners {
                receive(listener)?;
            }
            traced.settled()?;
        }
        Ok(average(traced.settled()? - before, MESSAGES * count))
    }

    /// Llamadas por mensaje entregado a uno, si al despertar hay mil esperando.
    fn burst(&self) -> Result<String, Failure> {
        let traced = self.traced()?;
        let (mut speaker, mut listeners) = room(traced.server().address(), 1)?;
        let before = traced.settled()?;
        let messages = frame::encode("hola").repeat(BURST);
        traced.server().while_stopped(|| Ok(speaker.write_all(&messages)?))?;
        for _ in 0..BURST {
            receive(&mut listeners[0])?;
        }
        Ok(average(traced.settled()? - before, BURST))
    }
}

/// Cuánto tarda un mensaje de un cliente a otro por un servidor, y por un intermediario.
fn hops() -> Result<(), Failure> {
    let chat = Subject { program: "chat_tokio", arguments: &[] };
    let server = Program::new(chat.path()?).args(chat.arguments()).start()?;
    let (mut speaker, mut listeners) = room(server.address(), 1)?;
    cli::say("| camino | mediana | percentil 99 |")?;
    cli::say("|---|---|---|")?;
    let message = frame::encode("hola");
    let times = time(|| {
        speaker.write_all(&message)?;
        receive(&mut listeners[0])
    })?;
    cli::say(&format!("| Ana → chat → Beto | {times} |"))?;

    let broker = start_redis()?;
    let (mut publisher, mut subscriber) = (connect(broker.1)?, connect(broker.1)?);
    subscriber.write_all(b"SUBSCRIBE chat\r\n")?;
    subscriber.read_exact(&mut [0; "*3\r\n$9\r\nsubscribe\r\n$4\r\nchat\r\n:1\r\n".len()])?;
    let times = time(|| {
        publisher.write_all(b"PUBLISH chat hola\r\n")?;
        subscriber
            .read_exact(&mut [0; "*3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$4\r\nhola\r\n".len()])?;
        // Cuántos lo recibieron: no forma parte del camino, pero hay que leerlo.
        publisher.read_exact(&mut [0; ":1\r\n".len()])
    })?;
    cli::say(&format!("| un servidor → redis → otro servidor | {times} |"))?;
    broker.0.stop(Signal::SIGTERM).map(drop)
}

/// Un redis que no guarda nada, en un puerto que elige el núcleo.
fn start_redis() -> Result<(Running, SocketAddr), Failure> {
    let port = Port::reserve()?;
    let address = port.address();
    let redis = Program::new("redis-server")
        .args(["--port", &port.number(), "--bind", "127.0.0.1", "--save", ""])
        .spawn()?;
    redis.eventually("redis escuchara", harness::DEFAULT_LIMIT, || connect(address).is_ok())?;
    Ok((redis, address))
}

/// La mediana y el percentil 99 de lo que tarda algo, repetido.
fn time(mut action: impl FnMut() -> io::Result<()>) -> Result<String, Failure> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        action()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let shown = |time: Duration| format!("{} µs", time.as_micros());
    Ok(format!("{} | {}", shown(times[TIMES / 2]), shown(times[TIMES * 99 / 100])))
}

/// Alguien que habla, y `count` que ya han visto entrar a todos.
fn room(address: SocketAddr, count: usize) -> Result<(TcpStream, Vec<TcpStream>), Failure> {
    let mut speaker = connect(address)?;
    enter(&mut speaker, "ana")?;
    let mut listeners = Vec::new();
    for number in 1..=count {
        let mut listener = connect(address)?;
        enter(&mut listener, &format!("oyente-{number}"))?;
        for earlier in &mut listeners {
            receive(earlier)?;
        }
        receive(&mut speaker)?;
        listeners.push(listener);
    }
    Ok((speaker, listeners))
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(harness::DEFAULT_LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn enter(client: &mut TcpStream, name: &str) -> io::Result<()> {
    client.write_all(&frame::encode(format!("NAME: {name}")))?;
    receive(client)
}

fn receive(client: &mut TcpStream) -> io::Result<()> {
    let mut header = [0; frame::HEADER];
    client.read_exact(&mut header)?;
    let mut text = vec![0; u32::from_be_bytes(header) as usize];
    client.read_exact(&mut text)
}

/// Tira todo lo que haya llegado.
fn drain(client: &TcpStream) -> io::Result<()> {
    client.set_nonblocking(true)?;
    let mut scratch = [0; 4096];
    while matches!((&mut &*client).read(&mut scratch), Ok(1..)) {}
    client.set_nonblocking(false)
}

/// Cuántas llamadas salen a cada mensaje, con dos decimales: `3,02`.
fn average(total: usize, count: usize) -> String {
    let hundredths = (total * 100 + count / 2) / count;
    format!("{},{:02}", hundredths / 100, hundredths % 100)
}

/// Un número, con un espacio entre los millares si tiene cinco cifras: `26 845`.
fn grouped(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        _ => format!("{}\u{202f}{:03}", number / 1000, number % 1000),
    }
}
