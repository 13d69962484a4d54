//! ¿Está dormido? El núcleo lleva la cuenta.

use std::thread;
use std::time::{Duration, Instant};

use harness::procfs::ProcResult;
use harness::procfs::process::{Process, Task};
use harness::{Failure, Running};

use crate::web::SOON;

/// Cada cuánto se mira si se ha dormido.
const GLANCE: Duration = Duration::from_millis(5);

/// Lo que el núcleo ha contado de cada hilo de un proceso (proc(5)). Si dos fotos son iguales,
/// entre una y otra ninguno despertó.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Activity(Vec<ThreadActivity>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ThreadActivity {
    tid: i32,
    asleep: bool,
    /// Veces que dejó el procesador por su voluntad, porque no tenía nada que hacer.
    voluntary_switches: Option<u64>,
    /// Tiempo de procesador, si el núcleo lo cuenta con esta precisión.
    nanoseconds: Option<u64>,
}

impl Activity {
    fn of(process: &Running) -> Result<Activity, Failure> {
        let mut threads: Vec<ThreadActivity> = process.ask_kernel(|process| {
            process.tasks()?.map(|thread| ThreadActivity::of(&thread?)).collect()
        })?;
        threads.sort_by_key(|thread| thread.tid);
        Ok(Activity(threads))
    }

    fn is_asleep(&self) -> bool {
        self.0.iter().all(|thread| thread.asleep)
    }
}

impl ThreadActivity {
    fn of(thread: &Task) -> ProcResult<ThreadActivity> {
        let status = thread.status()?;
        Ok(ThreadActivity {
            tid: thread.tid,
            asleep: status.state.starts_with('S'),
            voluntary_switches: status.voluntary_ctxt_switches,
            nanoseconds: thread.schedstat().ok().map(|times| times.sum_exec_runtime),
        })
    }
}

/// Espera a que todos sus hilos se duerman: dos miradas seguidas ven lo mismo.
fn once_asleep(process: &Running) -> Result<Activity, Failure> {
    let started = Instant::now();
    loop {
        let before = Activity::of(process)?;
        thread::sleep(GLANCE);
        if before.is_asleep() && Activity::of(process)? == before {
            return Ok(before);
        }
        if started.elapsed() > SOON {
            let headline = format!("El servidor no llega a dormirse: {before:?}.");
            return Err(process.explain(Failure::new(headline)));
        }
    }
}

/// Se duerme, y nada lo despierta durante ese tiempo.
///
/// El tiempo es el guion de la prueba: no sincroniza nada.
pub(crate) fn stays_asleep(process: &Running, span: Duration) -> Result<(), Failure> {
    let before = once_asleep(process)?;
    thread::sleep(span);
    let after = Activity::of(process)?;
    if before == after {
        return Ok(());
    }
    let headline =
        format!("Sin que nadie le pidiera nada, algo lo despertó.\n{before:?}\n{after:?}");
    Err(process.explain(Failure::new(headline)))
}

/// La mayor memoria residente que ha llegado a tener, en KiB.
pub(crate) fn peak_memory(process: &Running) -> Result<u64, Failure> {
    let status = process.ask_kernel(Process::status)?;
    status
        .vmhwm
        .ok_or_else(|| Failure::new("El núcleo no dice cuánta memoria ha usado el servidor."))
}
