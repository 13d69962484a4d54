//! ¿Está dormido? El núcleo lleva la cuenta (proc(5)).

use std::thread;
use std::time::{Duration, Instant};

use procfs::ProcResult;
use procfs::process::{Process, Task};

use super::Running;
use super::family::family;
use crate::failure::Failure;
use crate::waiting::DEFAULT_LIMIT;

/// Cada cuánto se mira si se ha dormido.
const GLANCE: Duration = Duration::from_millis(5);
/// Lo que se espera, como mucho, a que alguien acabe lo que tiene entre manos: hay quien no duerme.
const SETTLING: Duration = Duration::from_millis(500);

/// Lo que se sabe de cada hilo en un instante. Si dos vistazos son iguales y todos duermen, entre
/// uno y otro ninguno despertó.
#[derive(Debug, PartialEq, Eq)]
struct Glance(Vec<Nap>);

#[derive(Debug, PartialEq, Eq)]
struct Nap {
    tid: i32,
    asleep: bool,
    /// Veces que dejó el procesador por su voluntad, porque no tenía nada que hacer.
    voluntary_switches: Option<u64>,
    /// Tiempo de procesador, si el núcleo lo cuenta con esta precisión.
    nanoseconds: Option<u64>,
}

impl Glance {
    fn at(process: &Process) -> ProcResult<Glance> {
        let mut naps =
            process.tasks()?.map(|task| Nap::of(&task?)).collect::<ProcResult<Vec<_>>>()?;
        naps.sort_by_key(|nap| nap.tid);
        Ok(Glance(naps))
    }

    fn all_asleep(&self) -> bool {
        self.0.iter().all(|nap| nap.asleep)
    }
}

impl Nap {
    fn of(task: &Task) -> ProcResult<Nap> {
        let status = task.status()?;
        Ok(Nap {
            tid: task.tid,
            asleep: status.state.starts_with('S'),
            voluntary_switches: status.voluntary_ctxt_switches,
            nanoseconds: task.schedstat().ok().map(|times| times.sum_exec_runtime),
        })
    }
}

/// Deja que esos procesos, y los que arrancaron, acaben lo que tengan entre manos: hasta que duerman todos
/// sus hilos o, si no llegan a dormirse, un momento.
pub(crate) fn let_settle(heads: &[u32]) {
    let deadline = Instant::now() + SETTLING;
    let mut before = None;
    while Instant::now() < deadline {
        let now = glances(heads);
        if now.iter().all(Glance::all_asleep) && before.as_ref() == Some(&now) {
            return;
        }
        before = Some(now);
        thread::sleep(GLANCE);
    }
}

/// Los que ya no existan no cuentan.
fn glances(heads: &[u32]) -> Vec<Glance> {
    let all = family(heads).into_iter();
    all.filter_map(|pid| Glance::at(&Process::new(pid).ok()?).ok()).collect()
}

impl Running {
    /// Espera a que duerma ese tiempo de un tirón: ninguno de sus hilos despierta ni una vez.
    ///
    /// Quien da vueltas no aparece dormido; quien se despierta cada poco no lo consigue. Con poco
    /// tiempo, sirve para que acabe de atender lo que le llegó.
    pub fn sleeps_through(&self, span: Duration) -> Result<(), Failure> {
        self.once_asleep_for(span).map(drop)
    }

    /// Se duerme y, desde ese momento, nada lo despierta durante ese tiempo.
    pub fn stays_asleep(&self, span: Duration) -> Result<(), Failure> {
        let before = self.once_asleep_for(GLANCE)?;
        thread::sleep(span);
        let after = self.ask_kernel(Glance::at)?;
        if before == after {
            return Ok(());
        }
        let headline =
            format!("Sin que nadie le pidiera nada, algo lo despertó.\n{before:?}\n{after:?}");
        Err(self.explain(Failure::new(headline)))
    }

    fn once_asleep_for(&self, span: Duration) -> Result<Glance, Failure> {
        let started = Instant::now();
        let (mut before, mut since) = (self.ask_kernel(Glance::at)?, started);
        loop {
            thread::sleep(GLANCE);
            let now = self.ask_kernel(Glance::at)?;
            if !now.all_asleep() || now != before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() >= span {
                return Ok(now);
            }
            if started.elapsed() > DEFAULT_LIMIT {
                let headline =
                    format!("El proceso no llegó a dormir {span:?} seguidos: {before:?}.");
                return Err(self.explain(Failure::new(headline)));
            }
        }
    }
}
