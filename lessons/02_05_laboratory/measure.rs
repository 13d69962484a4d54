//! Las medidas: arrancar un motor, conectarle clientes, cargarlo y leer lo que costó.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use multiplexacion::cli;
use multiplexacion::stop::Stop;

use crate::cores::Cores;
use crate::engines::{Engine, select::FD_SETSIZE};
use crate::generator::{Burst, Crowd, Lost, Paced};
use crate::machine::{Machine, fitting, now};
use crate::neighbours::Neighbours;
use crate::plan::{Case, Plan};
use crate::results::{Counts, Limit, Point, Report, Run};
use crate::subject::Subject;
use crate::tally::Tally;
use crate::wording::connections;

/// Lo que hace falta para medir.
pub struct Laboratory {
    /// El programa que sirve con cada motor: este mismo.
    pub program: PathBuf,
    /// El eco sobre io_uring, si se va a medir.
    pub uring: Option<PathBuf>,
    /// Quién usa qué procesador.
    pub cores: Cores,
    /// El motor al que se estorba a propósito. Solo para comprobar que se nota.
    pub hindered: Option<Engine>,
}

/// Por dónde va un experimento.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Lo que se está midiendo; `None`, hasta dónde llega `select`.
    pub case: Option<Case>,
    /// Lo que falta, más o menos.
    pub left: Duration,
    /// La parte hecha, de 0 a 1.
    pub done: f64,
}

/// Por qué falta una medida.
enum Failure {
    Lost(Lost),
    System(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Lost(lost) => lost.fmt(f),
            Failure::System(error) if error.raw_os_error().is_none() => error.fmt(f),
            Failure::System(error) => f.write_str(&cli::reason(error)),
        }
    }
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Failure {
        Failure::Lost(lost)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::System(error)
    }
}

impl Laboratory {
    // ANCHOR: experiment
    /// Mide todo lo que pide `plan`, o hasta que alguien pare.
    ///
    /// Las repeticiones van por fuera: primero todos los casos una vez, y luego otra, al revés.
    /// Así un mal rato de la máquina se reparte entre todos, y quien pare a la mitad se queda con
    /// todos los casos, menos veces.
    pub fn experiment(&self, plan: Plan, stop: &Stop, mut tell: impl FnMut(Progress)) -> Report {
        let machine = Machine::this_one(&self.cores);
        let mut report = Report::new(now(), machine, plan);
        report.warnings = report.machine.warnings();
        let neighbours = Neighbours::watch();
        let mut pace = Pace::of(&report);

        if report.plan.engines.contains(&Engine::Select) {
            tell(pace.progress(None));
            report.select_limit = self.where_select_stops(report.machine.descriptors);
        }
        report.complete = true;
        'rounds: for round in 0..report.plan.repeats {
            let mut order: Vec<usize> = (0..report.points.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for place in order {
                let case = report.points[place].case;
                if stop.is_requested() {
                    report.complete = false;
                    break 'rounds;
                }
                tell(pace.progress(Some(case)));
                pace.advance(report.plan.estimate(case));
                if report.points[place].trouble.is_some() || report.hopeless(case.engine) {
                    continue;
                }
                match self.run(case, &report.plan) {
                    Ok(run) => report.points[place].runs.push(run),
                    Err(failure) => report.points[place].trouble = Some(failure.to_string()),
                }
            }
        }
        report.warn(neighbours.warnings());
        report
    }
    // ANCHOR_END: experiment

    /// Una repetición, con un proceso recién arrancado.
    fn run(&self, case: Case, plan: &Plan) -> Result<Run, Failure> {
        let mut subject = self.start(case.engine)?;
        repetition(&mut subject, case, plan).map_err(|failure| match failure {
            // Si quien cortó es que ha terminado, ya no responde cuando se le pide la cuenta.
            Failure::Lost(Lost::Cut) => subject.tally().err().map_or(failure, Failure::System),
            other => other,
        })
    }

    fn start(&self, engine: Engine) -> io::Result<Subject> {
        match (engine, &self.uring) {
            (Engine::Uring, Some(program)) => Subject::stranger(program, &self.cores)
                .map_err(|_| io::Error::other("no arranca: este sistema no permite io_uring")),
            (Engine::Uring, None) => Err(io::Error::other("no está compilado")),
            _ => Subject::engine(&self.program, engine, self.hindered == Some(engine), &self.cores),
        }
    }

    /// Abre a `select` más conexiones de las que puede vigilar, y mira a cuántas atiende.
    fn where_select_stops(&self, descriptors: u64) -> Option<Limit> {
        let tried = fitting(FD_SETSIZE + 76, descriptors);
        let mut subject = self.start(Engine::Select).ok()?;
        let served = match Crowd::connect(subject.address(), tried, 1) {
            Ok(_) => tried,
            Err(Lost::Served(served, _)) => served,
            Err(_) => return None,
        };
        // Si ya no responde, no se detuvo: terminó, y hasta ahí no llega nadie por sí solo.
        subject.tally().ok().map(|_| Limit { served, tried })
    }
}

// ANCHOR: run
/// Una repetición, con un proceso recién arrancado.
fn repetition(subject: &mut Subject, case: Case, plan: &Plan) -> Result<Run, Failure> {
    // El primer cliente toca el código y los búferes que comparten todos: no es de nadie.
    drop(Crowd::connect(subject.address(), 1, 1)?);
    let empty = subject.resident()?;
    let mut crowd = Crowd::connect(subject.address(), case.connections, case.active)?;
    let full = subject.resident()?;
    let threads = subject.threads()?;

    // Lo primero que hace un programa cuesta más que lo demás, y no cuenta.
    crowd.saturate(plan.warm_up())?;

    // Llevar la cuenta de mil hilos le cuesta al motor: se le pide fuera de lo que se mide.
    let tally = subject.tally()?;
    let before = (subject.cpu()?, tally);
    let burst = crowd.saturate(plan.burst())?;
    let after = (subject.cpu()?, subject.tally()?);

    let paced = crowd.pace(plan.rate, plan.paced())?;
    let memory = full.saturating_sub(empty);
    Ok(Readings { memory, threads, before, burst, after, paced }.run(case.connections))
}
// ANCHOR_END: run

/// Lo que se lee en una repetición.
struct Readings {
    /// Bytes que ocuparon entre todas las conexiones.
    memory: u64,
    threads: u64,
    /// El procesador que llevaba usado el motor y su cuenta, antes de la ráfaga y después.
    before: (Duration, Option<Tally>),
    burst: Burst,
    after: (Duration, Option<Tally>),
    paced: Paced,
}

impl Readings {
    /// Lo que significan, por mensaje y por conexión.
    fn run(&self, connections: usize) -> Run {
        let (burst, paced) = (&self.burst, &self.paced);
        let messages = lossy(burst.messages.max(1));
        let cpu = self.after.0.saturating_sub(self.before.0);
        Run {
            messages_per_second: lossy(burst.messages) / burst.elapsed.as_secs_f64(),
            cpu_ns: cpu.as_secs_f64() * 1e9 / messages,
            counts: self.after.1.zip(self.before.1).map(|(after, before)| {
                let done = after.since(before);
                Counts {
                    calls: lossy(done.calls) / messages,
                    wakeups: lossy(done.wakeups) / messages,
                    switches: lossy(done.switches) / messages,
                }
            }),
            generator_busy: burst.busy,
            p50_us: quantile(&paced.waits, 0.5),
            p99_us: quantile(&paced.waits, 0.99),
            p999_us: quantile(&paced.waits, 0.999),
            late_us: quantile(&paced.late, 0.99),
            unanswered: paced.unanswered,
            bytes_per_connection: lossy(self.memory) / lossy(connections as u64),
            threads: self.threads,
        }
    }
}

impl Report {
    /// Añade lo que se vio al medir y resta valor a las cifras.
    fn warn(&mut self, others: Vec<String>) {
        self.warnings.extend(others);
        for point in &self.points {
            let Some(trouble) = &point.trouble else { continue };
            let consequence = match (self.hopeless(point.case.engine), point.runs.is_empty()) {
                (true, _) => "de este motor no hay cifras",
                (false, true) => "de ese caso no hay cifras",
                (false, false) => "sus cifras son de menos repeticiones",
            };
            self.warnings.push(format!(
                "Con {} ({} activas), {} {trouble}: {consequence}.",
                connections(point.case.connections),
                point.case.active,
                point.case.engine
            ));
        }
        if self.points.iter().any(Point::generator_full) {
            self.warnings.push(
                "Donde los mensajes por segundo llevan «≥», el generador llenó su propio procesador: el \
                 motor podría con más. Lo demás sigue valiendo: el procesador por mensaje, las \
                 llamadas, la memoria y las esperas, que se miden aparte."
                    .to_owned(),
            );
        }
        if self.points.iter().any(Point::generator_late) {
            self.warnings.push(
                "Donde la espera lleva «≤», más de la mitad es del generador, que envió tarde: el motor \
                 haría esperar menos. No sirve para decir que un motor hace esperar más que otro. Lo \
                 demás sigue valiendo: el procesador por mensaje, los mensajes por segundo, las \
                 llamadas, los cambios de contexto y la memoria no dependen de la hora a la que sale \
                 cada mensaje."
                    .to_owned(),
            );
        }
        if !self.complete {
            self.warnings.push(
                "Se paró antes de acabar: hay menos repeticiones de las pedidas, y puede faltar algún \
                 caso. Los veredictos solo cuentan los que se midieron tres veces."
                    .to_owned(),
            );
        }
    }
}

/// Lleva la cuenta de lo que falta.
struct Pace {
    started: Instant,
    total: Duration,
    spent: Duration,
}

impl Pace {
    fn of(report: &Report) -> Pace {
        let once: Duration =
            report.points.iter().map(|point| report.plan.estimate(point.case)).sum();
        let repeats = u32::try_from(report.plan.repeats).unwrap_or(u32::MAX);
        Pace { started: Instant::now(), total: once * repeats, spent: Duration::ZERO }
    }

    fn advance(&mut self, estimate: Duration) {
        self.spent += estimate;
    }

    fn progress(&self, case: Option<Case>) -> Progress {
        let done = self.spent.as_secs_f64() / self.total.as_secs_f64().max(f64::MIN_POSITIVE);
        // En una máquina lenta u ocupada, lo que falta tardará como lo que ya se hizo.
        let slower = self.started.elapsed().as_secs_f64() / self.spent.as_secs_f64().max(1.0);
        let left = self.total.saturating_sub(self.spent).mul_f64(slower.max(1.0));
        Progress { case, left, done }
    }
}

/// El valor que no pasa la fracción `part` de `times`, en microsegundos.
fn quantile(times: &Histogram<u64>, part: f64) -> f64 {
    lossy(times.value_at_quantile(part)) / 1000.0
}

#[expect(clippy::cast_precision_loss)]
fn lossy(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{made_up, usual_cost, usual_memory};

    #[test]
    fn las_lecturas_se_reparten_entre_los_mensajes_y_las_conexiones() {
        let times = |unit: u64| {
            let mut times = Histogram::new(3).unwrap();
            (1..=1000).for_each(|place| times.record(place * unit).unwrap());
            times
        };
        let tally = |calls, wakeups, switches| Some(Tally { calls, wakeups, switches, refused: 0 });
        let run = Readings {
            memory: 80_000,
            threads: 3,
            before: (Duration::from_millis(5), tally(100, 50, 10)),
            burst: Burst { messages: 1000, elapsed: Duration::from_millis(500), busy: 0.25 },
            after: (Duration::from_millis(15), tally(2100, 1050, 510)),
            paced: Paced { waits: times(1_000_000), late: times(1000), unanswered: 7 },
        }
        .run(20);
        let near = |one: f64, other: f64| (one / other - 1.0).abs() < 0.002;
        assert!(near(run.messages_per_second, 2000.0) && near(run.cpu_ns, 10_000.0), "{run:?}");
        let counts = run.counts.unwrap();
        assert!(near(counts.calls, 2.0) && near(counts.wakeups, 1.0) && near(counts.switches, 0.5));
        assert!(near(run.p50_us, 500_000.0) && near(run.p99_us, 990_000.0), "{run:?}");
        assert!(near(run.p999_us, 999_000.0) && near(run.late_us, 990.0), "{run:?}");
        assert!(
            near(run.generator_busy, 0.25) && near(run.bytes_per_connection, 4000.0),
            "{run:?}"
        );
        assert_eq!((run.unanswered, run.threads), (7, 3));
    }

    fn warnings(change: impl Fn(&mut Run)) -> Vec<String> {
        let mut report = made_up(usual_cost, usual_memory);
        report.points.iter_mut().flat_map(|point| &mut point.runs).for_each(change);
        report.warn(Vec::new());
        report.warnings
    }

    #[test]
    fn en_una_máquina_tranquila_no_hay_nada_que_avisar() {
        assert!(warnings(|_| ()).is_empty());
    }

    #[test]
    fn cada_cosa_que_tuerce_las_cifras_tiene_su_aviso() {
        let said = |change: fn(&mut Run), what: &str| {
            let warnings = warnings(change);
            assert!(warnings.len() == 1 && warnings[0].contains(what), "{what}: {warnings:?}");
        };
        said(|run| run.generator_busy = 0.99, "el generador llenó su propio procesador");
        said(|run| run.late_us = run.p99_us * 0.8, "es del generador, que envió tarde");
    }
}
