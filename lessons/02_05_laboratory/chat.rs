//! El chat de la lección 02_03: cuánto cuesta entregar un mensaje, al lado de redis, y cuánto más
//! cuesta con varios servidores que lo comparten (02_07).
//!
//! En todos, lo que uno dice lo reciben los demás. El chat valida, da formato y avisa de quién
//! entra; redis publica en un canal. No es lo mismo, y por eso la cifra es por entrega.

mod room;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::tools::installed;
use multiplexacion::cli::{Trouble, complain};
use multiplexacion::stop::Stop;

use crate::clock;
use crate::cores::Cores;
use crate::machine::{Machine, fitting};
use crate::programs::{lesson, many_machines};
use crate::results::{Case, Kind, Report, Row, Values};
use crate::rounds;
use crate::subject::Subject;
use crate::wording::lossy;
use room::{Protocol, Room, SPEAKERS, hop};

/// Veces que se repite cada medida si no se pide otra cosa.
pub(crate) const ROUNDS: usize = 5;

/// Clientes conectados, de pocos a los que `select` aguanta.
const CLIENTS: [usize; 3] = [10, 100, 1000];

/// Servidores que comparten un chat.
const SHARING: [usize; 3] = [1, 2, 4];

/// Entregas que se miden de cada vez.
const DELIVERIES: usize = 200_000;

/// Mensajes que van solos, de uno en uno.
const HOPS: usize = 1000;

/// Quién se mide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Chat,
    Redis,
    /// Tantos servidores de 02_07, y el redis por el que hablan.
    Sharing(usize),
}

impl Who {
    fn name(self) -> String {
        match self {
            Who::Chat => "aplic_02_03".to_owned(),
            Who::Redis => "redis".to_owned(),
            Who::Sharing(servers) => format!("02_07 × {servers}"),
        }
    }

    fn protocol(self) -> Protocol {
        if self == Who::Redis { Protocol::Redis } else { Protocol::Chat }
    }
}

/// Los programas de las lecciones.
struct Programs {
    chat: PathBuf,
    /// El de 02_07, si hay redis.
    sharing: Option<PathBuf>,
}

/// Mide el chat y, si está redis, también redis y el chat en varios servidores, `rounds` veces.
pub(crate) fn measure(rounds: usize, cores: &Cores, stop: &Stop) -> Result<Report, Trouble> {
    let has_redis = installed("redis-server");
    if !has_redis {
        complain("redis-server no está instalado: se mide el chat solo, en un servidor.");
    }
    let programs = Programs {
        chat: lesson("aplic_02_03")?,
        sharing: has_redis.then(many_machines).transpose()?,
    };
    let machine = Machine::this_one(cores);
    let mut sizes = CLIENTS.map(|clients| fitting(clients, machine.descriptors)).to_vec();
    sizes.dedup();
    let mut report = Report::new(Kind::Chat, "cargo lab chat", machine, rounds);
    report.cut = CLIENTS.last().copied().filter(|most| !sizes.contains(most));
    let cases = cases(&sizes, has_redis);
    report.rows = cases.iter().map(|&(who, clients)| Row::new(case(who, clients))).collect();
    rounds::repeat(&mut report, stop, estimate, |place| {
        let (who, clients) = cases[place];
        let stage = Stage::open(who, &programs, cores)?;
        deliver(who, &case(who, clients), &stage)
    });
    Ok(report)
}

/// Con cuántos clientes se mide a cada uno: al chat en varios servidores, solo con los más que haya.
fn cases(sizes: &[usize], has_redis: bool) -> Vec<(Who, usize)> {
    let one = if has_redis { &[Who::Chat, Who::Redis][..] } else { &[Who::Chat] };
    let alone = sizes.iter().flat_map(|&clients| one.iter().map(move |&who| (who, clients)));
    let most = sizes.last().filter(|_| has_redis);
    let sharing = most.into_iter().flat_map(|&most| SHARING.map(|many| (Who::Sharing(many), most)));
    alone.chain(sharing).collect()
}

fn case(who: Who, clients: usize) -> Case {
    Case::new(&who.name(), clients, SPEAKERS.min(clients / 2))
}

/// Lo que está en marcha mientras se mide.
struct Stage {
    subjects: Vec<Subject>,
    /// Por dónde se entra.
    addresses: Vec<SocketAddr>,
}

impl Stage {
    fn open(who: Who, programs: &Programs, cores: &Cores) -> io::Result<Stage> {
        let server = |program: &PathBuf, broker: Option<&Subject>| {
            let mut command = Command::new(program);
            command.args(["--name", "servidor", "--port", "0"]);
            if let Some(broker) = broker {
                command.args(["--broker", &format!("redis://{}", broker.address())]);
            }
            Subject::announcing(command, cores)
        };
        let subjects = match (who, &programs.sharing) {
            (Who::Sharing(servers), Some(program)) => {
                let broker = Subject::told(|port| Ok(redis(port)), cores)?;
                let servers = (0..servers).map(|_| server(program, Some(&broker)));
                let servers = servers.collect::<io::Result<Vec<_>>>()?;
                let addresses = servers.iter().map(Subject::address).collect();
                let subjects = servers.into_iter().chain([broker]).collect();
                return Ok(Stage { subjects, addresses });
            }
            (Who::Redis, _) => vec![Subject::told(|port| Ok(redis(port)), cores)?],
            _ => vec![server(&programs.chat, None)?],
        };
        let addresses = subjects.iter().map(Subject::address).collect();
        Ok(Stage { subjects, addresses })
    }

    /// Procesador que llevan usado entre todos.
    fn cpu(&self) -> io::Result<Duration> {
        self.subjects.iter().map(Subject::cpu).sum()
    }
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

/// Unos hablan, los demás escuchan. Antes, si es un chat, dos solos.
fn deliver(who: Who, case: &Case, stage: &Stage) -> io::Result<Values> {
    let mut values = Values::new();
    if let (Protocol::Chat, Some(from), Some(to)) =
        (who.protocol(), stage.addresses.first(), stage.addresses.last())
    {
        values.push(("hop_us", hop(*from, *to, HOPS)?));
    }
    let (clients, speakers) = (case.connections, case.active);
    let mut room = Room::enter(who.protocol(), &stage.addresses, clients, speakers)?;
    let listeners = match who.protocol() {
        // En el chat se oyen también entre ellos; en redis, quien publica no escucha.
        Protocol::Chat => clients - 1,
        Protocol::Redis => clients - speakers,
    };
    let messages = DELIVERIES / listeners;
    room.talk(messages / 10, listeners)?;
    let (start, cpu, own) = (Instant::now(), stage.cpu()?, clock::this_thread());
    room.talk(messages, listeners)?;
    let elapsed = start.elapsed().as_secs_f64();
    let used = stage.cpu()?.saturating_sub(cpu).as_secs_f64();
    let own = clock::this_thread().saturating_sub(own).as_secs_f64();
    let deliveries = lossy((messages * listeners) as u64);
    values.extend([
        ("cpu_ns", used * 1e9 / deliveries),
        ("deliveries_per_second", deliveries / elapsed),
        ("generator_busy", own / elapsed),
    ]);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn al_chat_en_varios_servidores_se_le_mide_con_los_más_que_haya_y_si_está_redis() {
        let told = |has_redis| -> Vec<String> {
            let cases = cases(&[10, 1000], has_redis);
            cases.iter().map(|&(who, clients)| case(who, clients).to_string()).collect()
        };
        let all = told(true);
        assert_eq!(all.len(), 7, "{all:?}");
        assert!(all[6].starts_with("02_07 × 4 con 1000 conexiones"), "{all:?}");
        assert!(told(false).iter().all(|case| case.starts_with("aplic_02_03")));
    }
}
