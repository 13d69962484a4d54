//! Lo que el núcleo cuenta de un proceso (proc(5)).

use std::time::Duration;

use procfs::ProcResult;
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};

use crate::connections::connections;
use crate::descriptor::Descriptors;
use crate::thread::{Doing, Thread};
use crate::waiting::poll;

/// Hasta cuántos hilos se cuentan de uno en uno.
const FEW_THREADS: usize = 12;

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

/// Qué hace cada hilo ahora mismo, hasta donde el núcleo quiera contarlo. Si son muchos, los que
/// hacen lo mismo van juntos.
pub(super) fn thread_activities(process: &Process) -> ProcResult<Vec<String>> {
    let descriptors = Descriptors::of(process.pid());
    // Sin nombre no está: acaba de terminar.
    let all = Thread::all_of(process)?.into_iter().filter_map(|thread| {
        Some(Activity {
            name: thread.name()?,
            tid: thread.tid,
            doing: describe(thread, &descriptors),
        })
    });
    Ok(told(&all.collect::<Vec<_>>()))
}

/// Lo mismo, de un proceso del que solo se sabe el número; nada si ya no está. A quien está en marcha
/// se le da un instante: si iba camino de dormirse, interesa saber dónde.
pub(crate) fn activities(pid: u32) -> Option<Vec<String>> {
    let now = || {
        let process = Process::new(pid.cast_signed()).ok()?;
        thread_activities(&process).ok().filter(|lines| !lines.is_empty())
    };
    let asleep = |lines: &Vec<String>| lines.iter().all(|line| !line.contains(RUNNING));
    poll(SETTLING, || now().filter(asleep)).or_else(now)
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

/// Los procesos que arrancó y siguen ahí.
pub(super) fn children(process: &Process) -> ProcResult<Vec<i32>> {
    let children = process.tasks()?.flatten().filter_map(|thread| thread.children().ok());
    Ok(children.flatten().map(u32::cast_signed).collect())
}

/// Los puertos TCP en los que escucha un proceso, o alguno de los que arrancó.
pub(super) fn listening_ports(pid: i32) -> Vec<u16> {
    let family = [vec![pid], descendants(pid)].concat();
    let descriptors = family.into_iter().filter_map(|pid| Process::new(pid).ok()?.fd().ok());
    let targets = descriptors.flatten().flatten().map(|descriptor| descriptor.target);
    let sockets: Vec<u64> = targets
        .filter_map(|target| match target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let all = connections().unwrap_or_default().into_iter();
    let ours = all.filter(|it| it.state == TcpState::Listen && sockets.contains(&it.inode));
    ours.map(|entry| entry.local_address.port()).collect()
}

/// Los procesos que arrancó, y los que arrancaron ellos.
pub(super) fn descendants(pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(Process::new(parent).and_then(|parent| children(&parent)).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_quien_va_camino_de_dormirse_se_le_espera() {
        // Recién arrancado, un programa aún se está cargando.
        let asleep = (0..20).filter(|_| {
            let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let lines = activities(cat.id()).unwrap_or_default();
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
    fn este_mismo_proceso_tiene_hilos_y_descriptores() {
        let process = Process::myself().unwrap();
        assert!(process.fd_count().unwrap() >= 3);
        assert!(!thread_names(&process).unwrap().is_empty());
        assert!(cpu_time(&process).is_ok());
    }
}
