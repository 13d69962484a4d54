//! Lo que el núcleo cuenta de un proceso (proc(5)).

use std::time::Duration;

use procfs::ProcResult;
use procfs::process::Process;

use super::family::family;
use crate::descriptor::Descriptors;
use crate::thread::{Doing, Thread};
use crate::waiting::poll;

/// Hasta cuántos hilos se cuentan de uno en uno.
const FEW_THREADS: usize = 12;

/// De qué procesos se cuenta algo, si son muchos: de los primeros, que son quienes lo arrancaron, y de los
/// últimos, que son quienes atienden a los que acaban de llegar.
const FIRST_PROCESSES: usize = 3;
const LAST_PROCESSES: usize = 3;

const RUNNING: &str = "en marcha, gastando procesador";

/// Lo que puede tardar en dormirse quien acaba de contestar.
const SETTLING: Duration = Duration::from_millis(50);

/// Procesador consumido en modo usuario y en modo núcleo, con la resolución del reloj del núcleo
/// (10 ms casi siempre).
pub(super) fn cpu_time(process: &Process) -> ProcResult<Duration> {
    let stat = process.stat()?;
    let ticks = stat.utime + stat.stime;
    Ok(Duration::from_micros(ticks * 1_000_000 / procfs::ticks_per_second()))
}

/// Los nombres de sus hilos, en orden de creación. El núcleo los corta a 15 bytes.
pub(super) fn thread_names(process: &Process) -> ProcResult<Vec<String>> {
    Ok(Thread::all_of(process)?.into_iter().filter_map(Thread::name).collect())
}

/// Qué hace ahora mismo cada hilo de esos procesos y de los que arrancaron; nada si ya no están. A quien
/// está en marcha se le da un instante: si iba camino de dormirse, interesa saber dónde.
pub(crate) fn activities(heads: &[u32]) -> Option<Vec<String>> {
    let now = || Some(family_activities(heads)).filter(|lines| !lines.is_empty());
    let asleep = |lines: &Vec<String>| lines.iter().all(|line| !line.contains(RUNNING));
    poll(SETTLING, || now().filter(asleep)).or_else(now)
}

fn family_activities(heads: &[u32]) -> Vec<String> {
    let all = family(heads);
    if let [alone] = all[..] {
        return told(&thread_activities(alone));
    }
    let hidden = all.len().saturating_sub(FIRST_PROCESSES + LAST_PROCESSES);
    let (first, rest) = all.split_at(all.len().min(FIRST_PROCESSES));
    let of_each = |some: &[i32]| -> Vec<String> {
        some.iter().flat_map(|pid| told_of_process(*pid, &thread_activities(*pid))).collect()
    };
    [of_each(first), others(hidden), of_each(&rest[hidden..])].concat()
}

fn others(count: usize) -> Vec<String> {
    match count {
        0 => Vec::new(),
        1 => vec!["y otro proceso".to_owned()],
        _ => vec![format!("y otros {count} procesos")],
    }
}

/// Lo que hacen los hilos de un proceso, hasta donde el núcleo quiera contarlo.
fn thread_activities(pid: i32) -> Vec<Activity> {
    let descriptors = Descriptors::of(pid);
    let threads = Process::new(pid).and_then(|process| Thread::all_of(&process));
    // Sin nombre no está: acaba de terminar.
    let all = threads.unwrap_or_default().into_iter().filter_map(|thread| {
        Some(Activity {
            name: thread.name()?,
            tid: thread.tid,
            doing: describe(thread, &descriptors),
        })
    });
    all.collect()
}

fn describe(thread: Thread, descriptors: &Descriptors) -> String {
    match thread.doing(descriptors) {
        Some(Doing::Running) => RUNNING.to_owned(),
        Some(Doing::Calling { name, watching: Some(watching), .. }) => {
            format!(
                "en {name}(2), {}",
                watching.told(|descriptor| descriptors.describe(descriptor))
            )
        }
        Some(Doing::Calling { name, descriptor: Some(descriptor), .. }) => {
            format!("en {name}(2), descriptor {descriptor}")
        }
        Some(Doing::Calling { name: "futex", .. }) => {
            "en futex(2): espera un cerrojo u otro hilo".to_owned()
        }
        Some(Doing::Calling { name: "wait4", .. }) => {
            "en wait4(2): espera a otro proceso".to_owned()
        }
        Some(Doing::Calling { name, .. }) => format!("en {name}(2)"),
        Some(Doing::Sleeping(function)) => format!("duerme en {function} (núcleo)"),
        None => "no se sabe qué hace".to_owned(),
    }
}

/// Lo que hace un hilo.
struct Activity {
    name: String,
    tid: i32,
    doing: String,
}

/// Un proceso entre varios: en un renglón si tiene un solo hilo, y si no, con los suyos debajo.
fn told_of_process(pid: i32, threads: &[Activity]) -> Vec<String> {
    match threads {
        [] => Vec::new(),
        [only] => vec![format!("proceso «{}» ({pid}): {}", only.name, only.doing)],
        [first, ..] => {
            let header = format!("proceso «{}» ({pid}):", first.name);
            let lines = told(threads).into_iter().map(|line| format!("  {line}"));
            [header].into_iter().chain(lines).collect()
        }
    }
}

/// Los hilos de un proceso. Si son muchos, los que hacen lo mismo van juntos.
fn told(all: &[Activity]) -> Vec<String> {
    let alike =
        |one: &Activity, other: &Activity| one.name == other.name && one.doing == other.doing;
    let mut lines = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let count = all.iter().filter(|other| alike(one, other)).count();
        if all.len() <= FEW_THREADS || count == 1 {
            lines.push(format!("hilo «{}» ({}): {}", one.name, one.tid, one.doing));
        } else if !all[..index].iter().any(|other| alike(one, other)) {
            lines.push(format!("{count} hilos «{}»: {}", one.name, one.doing));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;
    use crate::program::family::descendants;

    #[test]
    fn a_quien_va_camino_de_dormirse_se_le_espera() {
        // Recién arrancado, un programa aún se está cargando.
        let asleep = (0..20).filter(|_| {
            let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let lines = activities(&[cat.id()]).unwrap_or_default();
            drop(cat.stdin.take());
            cat.wait().unwrap();
            lines.iter().any(|line| line.contains("en read(2)"))
        });
        let asleep = asleep.count();
        assert!(asleep >= 12, "solo en {asleep} de 20 se vio dónde dormía");
    }

    #[test]
    fn los_hilos_que_hacen_lo_mismo_van_juntos_si_son_muchos() {
        let doing = |tid: i32| if tid == 2 { "en accept(2)" } else { "en recv(2)" };
        let activity = |tid| Activity { name: "eco".to_owned(), tid, doing: doing(tid).to_owned() };
        let few: Vec<_> = (1..=3).map(activity).collect();
        assert_eq!(told(&few)[2], "hilo «eco» (3): en recv(2)");
        let many: Vec<_> = (1..=200).map(activity).collect();
        assert_eq!(told(&many), ["199 hilos «eco»: en recv(2)", "hilo «eco» (2): en accept(2)"]);
    }

    #[test]
    fn los_hilos_de_varios_procesos_van_con_el_suyo() {
        let activity = |tid| Activity { name: "eco".to_owned(), tid, doing: "duerme".to_owned() };
        assert!(told_of_process(7, &[]).is_empty());
        assert_eq!(told_of_process(7, &[activity(7)]), ["proceso «eco» (7): duerme"]);
        assert_eq!(
            told_of_process(7, &[activity(7), activity(8)]),
            ["proceso «eco» (7):", "  hilo «eco» (7): duerme", "  hilo «eco» (8): duerme"]
        );
    }

    #[test]
    fn si_los_procesos_son_muchos_no_se_cuentan_todos() {
        let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; echo listo; wait";
        let mut shell =
            Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        shell.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        let lines = activities(&[shell.id()]).unwrap_or_default();
        for pid in descendants(shell.id().cast_signed()) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        }
        shell.wait().unwrap();
        assert_eq!(lines.len(), 7, "{lines:?}");
        assert!(lines[0].starts_with("proceso «sh» ("), "{lines:?}");
        assert_eq!(lines[3], "y otros 4 procesos");
    }

    #[test]
    fn este_mismo_proceso_tiene_hilos_y_descriptores() {
        let process = Process::myself().unwrap();
        assert!(process.fd_count().unwrap() >= 3);
        assert!(!thread_names(&process).unwrap().is_empty());
        assert!(cpu_time(&process).is_ok());
    }
}
