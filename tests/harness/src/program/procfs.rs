//! Lo que el núcleo cuenta de un proceso en `/proc` (proc(5)).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::system_call::SystemCall;

/// Hasta cuántos hilos se cuentan de uno en uno.
const FEW_THREADS: usize = 12;

/// Procesador consumido en modo usuario y en modo núcleo, con la resolución del reloj del núcleo
/// (10 ms casi siempre).
pub(super) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or(ErrorKind::InvalidData)?;
    let per_second = match sysconf(SysconfVar::CLK_TCK) {
        Ok(Some(value)) => u64::try_from(value).unwrap_or(100),
        _ => 100,
    };
    Ok(Duration::from_micros(ticks * 1_000_000 / per_second))
}

/// Los campos 14 y 15, `utime` y `stime`.
fn cpu_ticks(stat: &str) -> Option<u64> {
    // El nombre, entre paréntesis, puede contener espacios y paréntesis: se cuenta desde su final.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Cuántos descriptores de archivo tiene abiertos.
pub(super) fn open_descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Los nombres de sus hilos, en orden de creación. El núcleo los corta a 15 bytes.
pub(super) fn thread_names(pid: u32) -> io::Result<Vec<String>> {
    let threads = threads(pid)?;
    Ok(threads.iter().filter_map(|thread| thread.name().ok()).collect())
}

/// Qué hace cada hilo ahora mismo, hasta donde el núcleo quiera contarlo. Si son muchos, los que
/// hacen lo mismo van juntos.
pub(super) fn thread_activities(pid: u32) -> io::Result<Vec<String>> {
    // Sin nombre no está: acaba de terminar.
    let all = threads(pid)?.into_iter().filter_map(|thread| {
        Some(Activity { name: thread.name().ok()?, tid: thread.tid, doing: thread.activity() })
    });
    Ok(told(&all.collect::<Vec<_>>()))
}

/// Lo que hace un hilo.
struct Activity {
    name: String,
    tid: u32,
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

/// Los procesos que arrancó, y los que arrancaron ellos.
pub(super) fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let threads = threads(parent).unwrap_or_default();
        let children: Vec<String> =
            threads.iter().filter_map(|thread| thread.read("children").ok()).collect();
        let children = children.iter().flat_map(|line| line.split_whitespace());
        found.extend(children.filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    found.split_off(1)
}

struct Thread {
    pid: u32,
    tid: u32,
}

fn threads(pid: u32) -> io::Result<Vec<Thread>> {
    let mut tids: Vec<u32> = fs::read_dir(format!("/proc/{pid}/task"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    tids.sort_unstable();
    Ok(tids.into_iter().map(|tid| Thread { pid, tid }).collect())
}

impl Thread {
    fn read(&self, file: &str) -> io::Result<String> {
        let path: PathBuf = format!("/proc/{}/task/{}/{file}", self.pid, self.tid).into();
        Ok(fs::read_to_string(path)?.trim_end().to_owned())
    }

    fn name(&self) -> io::Result<String> {
        self.read("comm")
    }

    fn activity(&self) -> String {
        self.system_call()
            .or_else(|| self.kernel_function())
            .unwrap_or_else(|| "no se sabe qué hace".to_owned())
    }

    /// De `/proc/PID/task/TID/syscall`: `running`, o el número de la llamada y sus argumentos.
    fn system_call(&self) -> Option<String> {
        let line = self.read("syscall").ok()?;
        if line == "running" {
            return Some("en marcha, gastando procesador".to_owned());
        }
        let mut fields = line.split_whitespace();
        let number: i64 = fields.next()?.parse().ok()?;
        let call = SystemCall::numbered(number)?;
        let descriptor = fields
            .next()
            .filter(|_| call.takes_descriptor)
            .and_then(|argument| u64::from_str_radix(argument.trim_start_matches("0x"), 16).ok());
        let waiting = match call.name {
            "futex" => ": espera un cerrojo u otro hilo",
            "wait4" => ": espera a otro proceso",
            _ => "",
        };
        Some(match descriptor {
            Some(number) => format!("en {}(2), descriptor {}", call.name, self.descriptor(number)),
            None => format!("en {}(2){waiting}", call.name),
        })
    }

    fn descriptor(&self, number: u64) -> String {
        match fs::read_link(format!("/proc/{}/fd/{number}", self.pid)) {
            Ok(target) => format!("{number} ({})", target.display()),
            Err(_) => number.to_string(),
        }
    }

    /// De `/proc/PID/task/TID/wchan`: la función del núcleo en la que duerme.
    fn kernel_function(&self) -> Option<String> {
        let function = self.read("wchan").ok()?;
        (!function.is_empty() && function != "0").then(|| format!("duerme en {function} (núcleo)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process;

    #[test]
    fn los_hilos_que_hacen_lo_mismo_van_juntos_si_son_muchos() {
        let doing = |tid: u32| if tid == 2 { "en accept(2)" } else { "en recv(2)" };
        let activity = |tid| Activity { name: "eco".to_owned(), tid, doing: doing(tid).to_owned() };
        let few: Vec<_> = (1..=3).map(activity).collect();
        assert_eq!(told(&few)[2], "hilo «eco» (3): en recv(2)");
        let many: Vec<_> = (1..=200).map(activity).collect();
        assert_eq!(told(&many), ["199 hilos «eco»: en recv(2)", "hilo «eco» (2): en accept(2)"]);
    }

    #[test]
    fn el_nombre_con_paréntesis_no_descoloca_los_campos() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 0 1 2 3 4 25 17 0 0 20 0 1";
        assert_eq!(cpu_ticks(stat), Some(42));
    }

    #[test]
    fn este_mismo_proceso_tiene_hilos_y_descriptores() {
        let pid = process::id();
        assert!(open_descriptors(pid).unwrap() >= 3);
        assert!(!thread_names(pid).unwrap().is_empty());
        assert!(cpu_time(pid).is_ok());
    }
}
