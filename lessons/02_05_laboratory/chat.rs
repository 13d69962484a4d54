//! El chat de la lección 02_03: cuánto cuesta entregar un mensaje, al lado de redis.
//!
//! En los dos, lo que uno dice lo reciben los demás. El chat valida, da formato y avisa de quién
//! entra; redis publica en un canal. No es lo mismo, y por eso la cifra es por entrega.

pub mod report;
mod room;

use std::io;
use std::process::Command;
use std::time::Instant;

use multiplexacion::cli::{self, Trouble};
use multiplexacion::stop::Stop;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::cores::Cores;
use crate::machine::{Machine, fitting, now};
use crate::neighbours::Neighbours;
use crate::programs::{installed, lesson};
use crate::report::progress::Bar;
use crate::report::terminal::note;
use crate::results::FULL;
use crate::statistics::Spread;
use crate::subject::Subject;
use room::Room;

/// Veces que se repite cada medida si no se pide otra cosa.
pub const ROUNDS: usize = 5;

/// Clientes conectados, de pocos a los que `select` aguanta.
const CLIENTS: [usize; 3] = [10, 100, 1000];

/// Los que hablan, como mucho.
const SPEAKERS: usize = 8;

/// Entregas que se miden de cada vez.
const DELIVERIES: usize = 200_000;

/// Lo medido.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    date: String,
    machine: Machine,
    /// Si se midió todo lo que se pidió.
    pub complete: bool,
    /// Lo que resta valor a las cifras, en frases.
    #[serde(default)]
    warnings: Vec<String>,
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
        warnings: Vec::new(),
        points: cases.iter().map(|&(kind, clients)| Point::new(kind, clients)).collect(),
    };
    let neighbours = Neighbours::watch();
    let bar = Bar::start();
    'rounds: for round in 0..rounds {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for (turn, place) in order.into_iter().enumerate() {
            if stop.is_requested() {
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
    outcome.warn(neighbours.warnings());
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

    fn cost(&self) -> Option<Spread> {
        Spread::of(self.cpu_ns.iter().copied())
    }

    fn rate(&self) -> Option<Spread> {
        Spread::of(self.deliveries_per_second.iter().copied())
    }

    /// Si quien hace de clientes llenó su procesador: el servidor podría con más.
    fn generator_full(&self) -> bool {
        Spread::of(self.generator_busy.iter().copied()).is_some_and(|busy| busy.median > FULL)
    }
}

impl Outcome {
    /// Si no se llegó a medir nada.
    pub fn is_empty(&self) -> bool {
        self.points.iter().all(|point| point.cpu_ns.is_empty())
    }

    /// Reúne lo que resta valor a las cifras: lo de la máquina, lo de los demás programas y lo que
    /// pasó al medir.
    fn warn(&mut self, others: Vec<String>) {
        self.warnings = self.machine.warnings();
        self.warnings.extend(others);
        let most = self.points.iter().map(|point| point.clients).max().unwrap_or(0);
        let wanted = CLIENTS[CLIENTS.len() - 1];
        if most < wanted {
            self.warnings.push(format!(
                "Con {} descriptores no caben {wanted} clientes: se mide hasta {most}.",
                self.machine.descriptors
            ));
        }
        for point in &self.points {
            let Some(trouble) = &point.trouble else { continue };
            let consequence = match point.cpu_ns.len() {
                0 => "de ese caso no hay cifras",
                _ => "sus cifras son de menos rondas",
            };
            self.warnings.push(format!(
                "{} con {} clientes: {trouble}; {consequence}.",
                point.name, point.clients
            ));
        }
        if self.points.iter().any(Point::generator_full) {
            self.warnings.push(
                "Donde las entregas por segundo llevan «≥», quien hace de clientes llenó su procesador: el \
                 servidor podría con más. El procesador por entrega sigue valiendo."
                    .to_owned(),
            );
        }
        if !self.complete {
            self.warnings.push(
                "Se paró antes de acabar: hay menos rondas de las pedidas, y puede faltar algún caso."
                    .to_owned(),
            );
        }
    }
}
