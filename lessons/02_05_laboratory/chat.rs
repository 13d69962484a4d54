//! El chat de la lección 02_03: cuánto cuesta entregar un mensaje, al lado de redis.
//!
//! En los dos, lo que uno dice lo reciben los demás. El chat valida, da formato y avisa de quién
//! entra; redis publica en un canal. No es lo mismo, y por eso la cifra es por entrega.

mod room;

use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use multiplexacion::cli::{Trouble, complain};
use multiplexacion::stop::Stop;

use crate::clock;
use crate::cores::Cores;
use crate::machine::{Machine, fitting};
use crate::programs::{installed, lesson};
use crate::results::{Case, Kind, Report, Row, Values};
use crate::rounds;
use crate::subject::Subject;
use crate::wording::lossy;
use room::{Room, SPEAKERS, Server};

/// Veces que se repite cada medida si no se pide otra cosa.
pub(crate) const ROUNDS: usize = 5;

/// Clientes conectados, de pocos a los que `select` aguanta.
const CLIENTS: [usize; 3] = [10, 100, 1000];

/// Entregas que se miden de cada vez.
const DELIVERIES: usize = 200_000;

/// Mide el chat, y redis si está, `rounds` veces.
pub(crate) fn measure(rounds: usize, cores: &Cores, stop: &Stop) -> Result<Report, Trouble> {
    let program = lesson(Server::Chat.name())?;
    let mut servers = vec![Server::Chat];
    if installed("redis-server") {
        servers.push(Server::Redis);
    } else {
        complain("redis-server no está instalado: se mide el chat solo.");
    }
    let machine = Machine::this_one(cores);
    let mut sizes = CLIENTS.map(|clients| fitting(clients, machine.descriptors)).to_vec();
    sizes.dedup();
    let mut report = Report::new(Kind::Chat, "cargo lab chat", machine, rounds);
    report.cut = CLIENTS.last().copied().filter(|most| !sizes.contains(most));
    let kinds = servers.len();
    let each =
        sizes.iter().flat_map(|&clients| servers.iter().map(move |&server| (server, clients)));
    let case = |(server, clients): (Server, usize)| {
        Case::new(server.name(), clients, SPEAKERS.min(clients / 2))
    };
    report.rows = each.map(case).map(Row::new).collect();
    let cases: Vec<Case> = report.rows.iter().map(|row| row.case.clone()).collect();
    rounds::repeat(&mut report, stop, estimate, |place| {
        let server = servers[place % kinds];
        let subject = match server {
            Server::Chat => {
                let mut command = Command::new(&program);
                command.args(["--name", "servidor", "--port", "0"]);
                Subject::announcing(command, cores)
            }
            Server::Redis => Subject::told(|port| Ok(redis(port)), cores),
        };
        deliver(server, &cases[place], &subject?)
    });
    Ok(report)
}

/// Lo que tarda una ronda, más o menos: conectar a todos y entregar.
fn estimate(case: &Case) -> Duration {
    let clients = u32::try_from(case.connections).unwrap_or(u32::MAX);
    Duration::from_millis(300) + Duration::from_micros(100) * clients
}

/// Un redis que no guarda nada y no echa a nadie.
fn redis(port: u16) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"]);
    command.args(["--save", "", "--appendonly", "no"]);
    command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
    command
}

/// Unos hablan, los demás escuchan.
fn deliver(server: Server, case: &Case, subject: &Subject) -> io::Result<Values> {
    let mut room = Room::enter(server, subject.address(), case.connections, case.active)?;
    let listeners = match server {
        // En el chat se oyen también entre ellos; en redis, quien publica no escucha.
        Server::Chat => case.connections - 1,
        Server::Redis => case.connections - case.active,
    };
    let messages = DELIVERIES / listeners;
    room.talk(messages / 10, listeners)?;
    let (start, cpu, own) = (Instant::now(), subject.cpu()?, clock::this_thread());
    room.talk(messages, listeners)?;
    let elapsed = start.elapsed().as_secs_f64();
    let used = subject.cpu()?.saturating_sub(cpu).as_secs_f64();
    let own = clock::this_thread().saturating_sub(own).as_secs_f64();
    let deliveries = lossy((messages * listeners) as u64);
    Ok(vec![
        ("cpu_ns", used * 1e9 / deliveries),
        ("deliveries_per_second", deliveries / elapsed),
        ("generator_busy", own / elapsed),
    ])
}
