//! Medir los motores: arrancar uno, conectarle clientes, cargarlo y leer lo que costó.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use hdrhistogram::Histogram;
use multiplexacion::stop::Stop;

use crate::cores::Cores;
use crate::engines::{Engine, select::FD_SETSIZE};
use crate::generator::{Burst, Crowd, Lost, Paced};
use crate::machine::{Machine, fitting};
use crate::plan::Plan;
use crate::report::progress::Bar;
use crate::results::{Case, Kind, Limit, Report, Row, Values};
use crate::rounds;
use crate::subject::Subject;
use crate::tally::Tally;
use crate::wording::lossy;

/// Lo que hace falta para medir motores.
pub(crate) struct Laboratory<'a> {
    /// El programa que sirve con cada motor: este mismo.
    pub(crate) program: PathBuf,
    /// El eco sobre io_uring, si se va a medir.
    pub(crate) uring: Option<PathBuf>,
    /// Quién usa qué procesador.
    pub(crate) cores: &'a Cores,
    /// El motor al que se estorba a propósito, para comprobar que se nota.
    pub(crate) hindered: Option<Engine>,
}

impl Laboratory<'_> {
    /// Mide todo lo que pide `plan`, o hasta que alguien pare.
    pub(crate) fn experiment(&self, plan: &Plan, stop: &Stop) -> Report {
        let machine = Machine::this_one(self.cores);
        let mut report = Report::new(Kind::Engines, plan.order, machine, plan.rounds);
        (report.few, report.rate) = (plan.few, plan.rate);
        let (engines, cases): (Vec<Engine>, Vec<Case>) = plan.cases().into_iter().unzip();
        report.rows = cases.iter().cloned().map(Row::new).collect();
        if engines.contains(&Engine::Select) {
            report.select_limit = self.where_select_stops(report.machine.descriptors);
        }
        rounds::repeat(
            &mut report,
            stop,
            |case| plan.estimate(case),
            |place| {
                let mut subject = self.start(engines[place])?;
                repetition(&mut subject, &cases[place], plan)
            },
        );
        report
    }

    fn start(&self, engine: Engine) -> io::Result<Subject> {
        if engine != Engine::Uring {
            let mut command = Command::new(&self.program);
            command.args(["servidor", engine.name()]);
            if self.hindered == Some(engine) {
                command.args(["--estorbo", engine.name()]);
            }
            return Subject::announcing(command, self.cores);
        }
        let program = self.uring.as_ref().ok_or_else(|| io::Error::other("no está compilado"))?;
        let mut command = Command::new(program);
        // Lo que tenga que decir lo dice su código de salida.
        command.args(["--port", "0"]).stderr(Stdio::null());
        match Subject::announcing(command, self.cores) {
            Ok(subject) => Ok(subject.uncounted()),
            Err(_) => Err(io::Error::other("no arranca: este sistema no permite io_uring")),
        }
    }

    /// Abre a `select` más conexiones de las que puede vigilar, y mira a cuántas atiende.
    fn where_select_stops(&self, descriptors: u64) -> Option<Limit> {
        let bar = Bar::start();
        bar.tell(0.0, "hasta dónde llega select");
        let tried = fitting(FD_SETSIZE + 76, descriptors);
        let mut subject = self.start(Engine::Select).ok()?;
        let served = match Crowd::connect(subject.address(), tried, 1) {
            Ok(_) => tried,
            Err(Lost::Served(served, _)) => served,
            Err(_) => return None,
        };
        bar.finish();
        // Si ya no responde, no se detuvo: terminó, y hasta ahí no llega nadie por sí solo.
        subject.tally().ok().map(|_| Limit { served, tried })
    }
}

/// Una repetición, con un proceso recién arrancado.
fn repetition(subject: &mut Subject, case: &Case, plan: &Plan) -> io::Result<Values> {
    measure(subject, case, plan).map_err(|lost| match lost {
        // Si quien cortó es que ha terminado, ya no responde cuando se le pide la cuenta.
        Lost::Cut | Lost::System(_) => subject.tally().err().unwrap_or_else(|| lost.into()),
        lost => lost.into(),
    })
}

// ANCHOR: run
/// Lo que se mide en una repetición, y en qué orden.
fn measure(subject: &mut Subject, case: &Case, plan: &Plan) -> Result<Values, Lost> {
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
    let burst = crowd.saturate(plan.burst)?;
    let after = (subject.cpu()?, subject.tally()?);

    let paced = crowd.pace(plan.rate, plan.paced)?;
    let memory = full.saturating_sub(empty);
    Ok(Readings { memory, threads, before, burst, after, paced }.values(case.connections))
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
    fn values(&self, connections: usize) -> Values {
        let (burst, paced) = (&self.burst, &self.paced);
        let messages = lossy(burst.messages.max(1));
        let cpu = self.after.0.saturating_sub(self.before.0);
        let mut values = vec![
            ("messages_per_second", lossy(burst.messages) / burst.elapsed.as_secs_f64()),
            ("cpu_ns", cpu.as_secs_f64() * 1e9 / messages),
            ("generator_busy", burst.busy),
            ("p50_us", quantile(&paced.waits, 0.5)),
            ("p99_us", quantile(&paced.waits, 0.99)),
            ("p999_us", quantile(&paced.waits, 0.999)),
            // Lo que 99 de cada 100 mensajes no llegaron a retrasarse por culpa del generador.
            ("late_us", quantile(&paced.late, 0.99)),
            ("unanswered", lossy(paced.unanswered)),
            ("bytes_per_connection", lossy(self.memory) / lossy(connections as u64)),
            ("threads", lossy(self.threads)),
        ];
        if let Some((after, before)) = self.after.1.zip(self.before.1) {
            let done = after.since(before);
            values.extend([
                ("calls", lossy(done.calls) / messages),
                ("wakeups", lossy(done.wakeups) / messages),
                ("switches", lossy(done.switches) / messages),
            ]);
        }
        values
    }
}

/// El valor que no pasa la fracción `part` de `times`, en microsegundos.
fn quantile(times: &Histogram<u64>, part: f64) -> f64 {
    lossy(times.value_at_quantile(part)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    use crate::generator::MESSAGE;

    #[test]
    fn las_lecturas_se_reparten_entre_los_mensajes_y_las_conexiones() {
        let times = |unit: u64| {
            let mut times = Histogram::new(3).unwrap();
            (1..=1000).for_each(|place| times.record(place * unit).unwrap());
            times
        };
        let tally = |calls, wakeups, switches| Some(Tally { calls, wakeups, switches, refused: 0 });
        let values = Readings {
            memory: 80_000,
            threads: 3,
            before: (Duration::from_millis(5), tally(100, 50, 10)),
            burst: Burst { messages: 1000, elapsed: Duration::from_millis(500), busy: 0.25 },
            after: (Duration::from_millis(15), tally(2100, 1050, 510)),
            paced: Paced { waits: times(1_000_000), late: times(1000), unanswered: 7 },
        }
        .values(20);
        for (wanted, right) in [
            ("messages_per_second", 2000.0),
            ("cpu_ns", 10_000.0),
            ("calls", 2.0),
            ("wakeups", 1.0),
            ("switches", 0.5),
            ("p50_us", 500_000.0),
            ("p99_us", 990_000.0),
            ("p999_us", 999_000.0),
            ("late_us", 990.0),
            ("generator_busy", 0.25),
            ("bytes_per_connection", 4000.0),
            ("unanswered", 7.0),
            ("threads", 3.0),
        ] {
            let value = values.iter().find(|(key, _)| *key == wanted).unwrap().1;
            assert!((value / right - 1.0).abs() < 0.002, "{wanted}: {value}");
        }
    }

    /// Un motor que termina tras su primera cuenta, cuando más mensajes tiene en camino: el proceso
    /// responde a una pregunta, y el eco, que está en esta prueba, corta cuando lo ve terminar.
    #[test]
    fn un_motor_que_termina_a_la_mitad_no_deja_cifras_y_se_dice() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let witness = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; echo Escuchando en {}; read; \
             echo '{{\"calls\":1,\"wakeups\":1,\"refused\":0,\"switches\":1}}'",
            witness.local_addr().unwrap().port(),
            echo.local_addr().unwrap()
        );
        let (ended, over) = mpsc::channel();
        thread::spawn(move || {
            let read = witness.accept().unwrap().0.read(&mut [0]);
            ended.send(read).unwrap();
        });
        thread::spawn(move || {
            for stream in echo.incoming() {
                let mut stream = stream.unwrap();
                let mut message = [0; MESSAGE];
                while over.try_recv().is_err() && stream.read_exact(&mut message).is_ok() {
                    stream.write_all(&message).unwrap();
                }
            }
        });
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]);
        let mut subject = Subject::announcing(bash, &Cores::split().unwrap()).unwrap();
        let plan = Plan { burst: Duration::from_secs(2), ..Plan::quick() };
        let lost = repetition(&mut subject, &Case::new("epoll", 1, 1), &plan);
        assert_eq!(lost.unwrap_err().to_string(), "terminó mientras se medía");
    }
}
