//! Quien vigila, desde fuera, lo que consume entre todo lo que hay tras el muro.
//!
//! Los límites de prlimit(1) son de cada proceso. Lo que ocupan todos juntos solo lo limitaría el
//! núcleo con un grupo de control, y no en todas las máquinas se puede pedir uno: se suma aquí, y quien
//! se pasa, termina.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Pid, gettid};

use super::wall::DESK;

/// Cada cuánto se mira.
const GLANCE: Duration = Duration::from_millis(40);

const MIB: u64 = 1 << 20;

/// Lo que se permite a una orden, entre todos sus procesos.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Lo que puede durar.
    pub(super) time: Duration,
    /// Memoria, en bytes.
    pub(super) memory: u64,
    /// Procesos e hilos.
    pub(super) processes: u64,
    /// Lo que cabe en su carpeta, en bytes; y cada archivo, como mucho, lo mismo.
    pub(super) disk: u64,
}

impl Allowance {
    /// Para compilar un ejercicio: rustc y el enlazador necesitan alrededor de 400 MiB.
    pub(super) const BUILD: Allowance = Allowance {
        time: Duration::from_secs(60),
        memory: 2048 * MIB,
        processes: 128,
        disk: 512 * MIB,
    };

    /// Para pasar sus pruebas.
    pub(super) const RUN: Allowance = Allowance {
        time: Duration::from_secs(60),
        memory: 1024 * MIB,
        processes: 1024,
        disk: 64 * MIB,
    };

    /// Para algo que se hace en un momento.
    pub(super) const GLIMPSE: Allowance =
        Allowance { time: Duration::from_secs(5), processes: 32, ..Allowance::RUN };

    /// Los mismos, para cada proceso, en palabras de prlimit(1). Los procesos solo se cuentan tras el
    /// muro: fuera se contarían los de quien califica.
    pub(super) fn limits(&self, walled: bool) -> Vec<String> {
        // La memoria virtual es siempre más que la que se ocupa: hilos, bibliotecas, lo reservado.
        let mut words = vec![format!("--as={}", self.memory * 3), "--core=0".to_owned()];
        words.push(format!("--fsize={}", self.disk));
        words.push(format!("--cpu={}", 4 * self.time.as_secs()));
        if walled {
            words.push(format!("--nproc={}", self.processes));
        }
        words
    }
}

/// Lo que se agotó.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Time,
    Memory,
    Processes,
    Disk,
}

/// Vigila lo que arranque el hilo que lo llama.
pub(super) struct Guard {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Option<Resource>>,
}

impl Guard {
    /// Desde ahora, si lo que arranque este hilo pasa de `allowed`, o alguien pide parar, termina.
    pub(super) fn post(allowed: Allowance, stop: &Arc<AtomicBool>) -> Guard {
        let over = Arc::new(AtomicBool::new(false));
        let (dismissed, stop, parent) = (Arc::clone(&over), Arc::clone(stop), gettid());
        let thread = thread::spawn(move || {
            let mut exhausted = None;
            let started = Instant::now();
            while !dismissed.load(Ordering::Relaxed) {
                for top in children_of_thread(std::process::id(), parent.as_raw()) {
                    let usage = Usage::of(top);
                    exhausted = usage.exceeds(&allowed).or(exhausted);
                    let late = started.elapsed() > allowed.time + Duration::from_secs(5);
                    if exhausted == Some(Resource::Memory) || late || stop.load(Ordering::Relaxed) {
                        // Con él se va todo lo que haya tras el muro.
                        let _ = kill(Pid::from_raw(top), Signal::SIGKILL);
                    }
                }
                thread::park_timeout(GLANCE);
            }
            exhausted
        });
        Guard { over, thread }
    }

    /// Deja de vigilar, y dice qué se agotó.
    pub(super) fn dismiss(self) -> Option<Resource> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_default()
    }
}

/// Lo que ocupan un proceso y sus descendientes.
#[derive(Debug, Default)]
struct Usage {
    memory: u64,
    tasks: u64,
    /// Si su carpeta está llena.
    full: bool,
}

impl Usage {
    fn of(top: i32) -> Usage {
        let mut usage = Usage::default();
        let mut hidden = BTreeMap::new();
        let mut pending = vec![top];
        while let Some(process) = pending.pop() {
            let tasks: Vec<i32> = numbers(&format!("/proc/{process}/task"));
            usage.tasks += tasks.len() as u64;
            usage.memory += resident(process);
            unmapped(process, &mut hidden);
            for task in tasks {
                pending.extend(children_of_thread(process.cast_unsigned(), task));
            }
            let desk = format!("/proc/{process}/root{DESK}");
            // Fuera del muro es la carpeta de todos, que no tiene tope.
            if process != top && Path::new(&desk).exists() {
                let full = statvfs(Path::new(&desk)).is_ok_and(|disk| {
                    disk.blocks() > 0 && disk.blocks_available() == 0 && disk.blocks() < 1 << 20
                });
                usage.full |= full;
            }
        }
        usage.memory += hidden.values().sum::<u64>();
        usage
    }

    fn exceeds(&self, allowed: &Allowance) -> Option<Resource> {
        if self.memory > allowed.memory {
            Some(Resource::Memory)
        } else if self.tasks + 8 >= allowed.processes {
            Some(Resource::Processes)
        } else {
            self.full.then_some(Resource::Disk)
        }
    }
}

/// La memoria que ocupa, en bytes: VmRSS, que se da en KiB (proc_pid_status(5)).
fn resident(process: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let size = text.split_once("VmRSS:").and_then(|(_, rest)| rest.trim_start().split_once(' '));
    size.and_then(|(size, _)| size.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Los archivos que solo están en memoria (memfd_create(2)), que ocupan sin verse en el proceso.
fn unmapped(process: i32, found: &mut BTreeMap<u64, u64>) {
    for descriptor in fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten() {
        let file = descriptor.path();
        if fs::read_link(&file).is_ok_and(|name| name.to_string_lossy().starts_with("/memfd:"))
            && let Ok(data) = fs::metadata(&file)
        {
            found.insert(data.ino(), data.blocks() * 512);
        }
    }
}

/// Los procesos que arrancó ese hilo y siguen vivos.
fn children_of_thread(process: u32, thread: i32) -> Vec<i32> {
    let file = format!("/proc/{process}/task/{thread}/children");
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Los números que dan nombre a lo que hay en una carpeta.
fn numbers(folder: &str) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn se_suma_lo_de_todos_y_quien_se_pasa_termina() {
        let allowed = Allowance { memory: 60 * MIB, ..Allowance::RUN };
        let guard = Guard::post(allowed, &Arc::default());
        // Cuatro que guardan 24 MiB cada uno: ninguno se pasa por su cuenta.
        let hoard = "for i in 1 2 3 4; do (head -c 24000000 /dev/zero | tail -c 24000000 | sleep 20) & done; wait";
        let status = Command::new("sh").args(["-c", hoard]).status().unwrap();
        assert_eq!(guard.dismiss(), Some(Resource::Memory));
        assert!(!status.success());
    }

    #[test]
    fn quien_no_se_pasa_no_lo_nota() {
        let guard = Guard::post(Allowance::RUN, &Arc::default());
        assert!(Command::new("sleep").arg("0.2").status().unwrap().success());
        assert_eq!(guard.dismiss(), None);
    }

    #[test]
    fn quien_pide_parar_no_espera() {
        let stop = Arc::new(AtomicBool::new(true));
        let guard = Guard::post(Allowance::RUN, &stop);
        let started = Instant::now();
        assert!(!Command::new("sleep").arg("20").status().unwrap().success());
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(guard.dismiss(), None);
    }
}
