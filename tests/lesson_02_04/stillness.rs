//! ¿Está dormido? El núcleo lleva la cuenta.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

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
    tid: String,
    asleep: bool,
    /// Veces que dejó el procesador por su voluntad, porque no tenía nada que hacer.
    voluntary_switches: u64,
    /// Tiempo de procesador, si el núcleo lo cuenta con esta precisión.
    nanoseconds: Option<u64>,
}

impl Activity {
    fn of(process: &Running) -> io::Result<Activity> {
        let mut threads = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/task", process.pid()))? {
            let folder = entry?.path();
            let status = fs::read_to_string(folder.join("status"))?;
            let schedule = fs::read_to_string(folder.join("schedstat")).ok();
            threads.push(ThreadActivity {
                tid: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                asleep: field(&status, "State").is_some_and(|state| state.starts_with('S')),
                voluntary_switches: field(&status, "voluntary_ctxt_switches")
                    .and_then(|count| count.parse().ok())
                    .ok_or(io::ErrorKind::InvalidData)?,
                nanoseconds: schedule.and_then(|text| text.split(' ').next()?.parse().ok()),
            });
        }
        threads.sort_by(|a, b| a.tid.cmp(&b.tid));
        Ok(Activity(threads))
    }

    fn is_asleep(&self) -> bool {
        self.0.iter().all(|thread| thread.asleep)
    }
}

/// El valor de una línea `nombre: valor` de `/proc/PID/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
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
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid()))?;
    field(&status, "VmHWM")
        .and_then(|value| value.split(' ').next()?.parse().ok())
        .ok_or_else(|| Failure::new("El núcleo no dice cuánta memoria ha usado el servidor."))
}
