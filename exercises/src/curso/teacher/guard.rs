//! Quien vigila, desde fuera, lo que consume entre todo lo que hay tras el muro.
//!
//! Los límites de prlimit(1) son de cada proceso. Lo que ocupan todos juntos solo lo limitaría el
//! núcleo con un grupo de control, y no en todas las máquinas se puede pedir uno: se suma aquí, y quien
//! se pasa, termina. También es quien comprueba, al final, que no queda nadie.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Pid, gettid};
use serde::Deserialize;

use super::allowance::{Allowance, DESK, Resource};

/// Cada cuánto se mira.
const GLANCE: Duration = Duration::from_millis(40);

/// Lo que se espera, como mucho, a que el núcleo termine con lo que había tras el muro.
const LAST: Duration = Duration::from_secs(20);

/// Lo que se concede de más: quien espera al proceso tiene su propio límite.
pub(super) const SLACK: Duration = Duration::from_secs(5);

/// Cómo se encuentra al primero de los procesos que se vigilan.
#[derive(Clone, Debug)]
pub(super) enum Trail {
    /// Lo dice bwrap en ese archivo: es el primero de su espacio de nombres, y con él se van todos.
    Told(PathBuf),
    /// Los que arranque el hilo que llama.
    Mine,
}

/// Vigila a unos procesos.
pub(super) struct Guard {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Option<Resource>>,
}

impl Guard {
    /// Desde ahora, si lo que se encuentre ahí pasa de `allowed`, o alguien pide parar, termina.
    pub(super) fn post(trail: Trail, allowed: Allowance, stop: &Arc<AtomicBool>) -> Guard {
        let over = Arc::new(AtomicBool::new(false));
        let watch = Watch { trail, allowed, parent: gettid().as_raw(), exhausted: None };
        let (dismissed, stop) = (Arc::clone(&over), Arc::clone(stop));
        Guard { over, thread: thread::spawn(move || watch.until(&dismissed, &stop)) }
    }

    /// Deja de vigilar cuando ya no queda nadie, y dice qué se agotó.
    pub(super) fn dismiss(self) -> Option<Resource> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_default()
    }
}

/// Lo que sabe quien vigila.
struct Watch {
    trail: Trail,
    allowed: Allowance,
    /// El hilo que lo puso a vigilar.
    parent: i32,
    exhausted: Option<Resource>,
}

impl Watch {
    fn until(mut self, dismissed: &AtomicBool, stop: &AtomicBool) -> Option<Resource> {
        let started = Instant::now();
        while !dismissed.load(Ordering::Relaxed) {
            for top in self.tops() {
                self.exhausted = Usage::of(top).exceeds(&self.allowed).or(self.exhausted);
                let late = started.elapsed() > self.allowed.time + SLACK;
                let greedy = self.exhausted == Some(Resource::Memory);
                if greedy || late || stop.load(Ordering::Relaxed) {
                    let _ = kill(Pid::from_raw(top), Signal::SIGKILL);
                }
            }
            thread::park_timeout(GLANCE);
        }
        self.clear();
        self.exhausted
    }

    /// Los primeros que sigan vivos.
    fn tops(&self) -> Vec<i32> {
        match &self.trail {
            Trail::Mine => children_of_thread(std::process::id(), self.parent),
            Trail::Told(file) => fs::read_to_string(file)
                .unwrap_or_default()
                .lines()
                .filter_map(|line| serde_json::from_str::<Status>(line).ok())
                .filter(Status::is_alive)
                .map(|status| status.child)
                .collect(),
        }
    }

    /// Termina lo que quede tras el muro, y espera a que no quede nada.
    fn clear(&self) {
        let Trail::Told(file) = &self.trail else { return };
        let started = Instant::now();
        loop {
            let left = self.tops();
            if left.is_empty() || started.elapsed() > LAST {
                break;
            }
            for top in left {
                let _ = kill(Pid::from_raw(top), Signal::SIGKILL);
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = fs::remove_file(file);
    }
}

/// Lo que dice bwrap de lo que arrancó.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    #[serde(rename = "child-pid")]
    child: i32,
    pid_namespace: u64,
}

impl Status {
    /// Si ese número sigue siendo suyo, porque los números de proceso se vuelven a usar, y no ha terminado:
    /// el primero de su espacio termina después que todos los demás (pid_namespaces(7)), aunque su número
    /// no quede libre hasta que alguien lo recoja.
    fn is_alive(&self) -> bool {
        let space = fs::read_link(format!("/proc/{}/ns/pid", self.child));
        space.is_ok_and(|space| space.to_string_lossy() == format!("pid:[{}]", self.pid_namespace))
            && !has_ended(self.child)
    }
}

/// Lo que ocupan un proceso y sus descendientes.
#[derive(Debug, Default)]
struct Usage {
    memory: u64,
    tasks: u64,
    /// Si su carpeta está llena.
    full: bool,
    /// Si a la máquina apenas le queda memoria.
    scarce: bool,
}

impl Usage {
    fn of(top: i32) -> Usage {
        let mut usage = Usage::default();
        let mut hidden = BTreeMap::new();
        let mut pending = vec![top];
        while let Some(process) = pending.pop() {
            // Con cada uno: mirarlos a todos puede llevar mucho tiempo.
            usage.scarce = is_scarce(&read_memory());
            if usage.scarce {
                break;
            }
            let tasks: Vec<i32> = numbers(&format!("/proc/{process}/task"));
            usage.tasks += tasks.len() as u64;
            usage.memory += resident(process);
            unmapped(process, &mut hidden);
            for task in tasks {
                pending.extend(children_of_thread(process.cast_unsigned(), task));
            }
            usage.full |= process == top && is_full(process);
        }
        usage.memory += hidden.values().sum::<u64>();
        usage
    }

    fn exceeds(&self, allowed: &Allowance) -> Option<Resource> {
        if self.scarce || self.memory > allowed.memory {
            Some(Resource::Memory)
        } else if self.tasks + 8 >= allowed.processes {
            Some(Resource::Processes)
        } else {
            self.full.then_some(Resource::Disk)
        }
    }
}

/// Lo que dice el núcleo de la memoria de la máquina (proc_meminfo(5)).
fn read_memory() -> String {
    fs::read_to_string("/proc/meminfo").unwrap_or_default()
}

/// Si a la máquina apenas le queda memoria. Hay de la que no se ve en ningún proceso (lo que espera en
/// los sockets y en las tuberías), y detrás del muro se puede gastar toda.
fn is_scarce(memory: &str) -> bool {
    const RESERVED: u64 = 16;
    let amount = |what: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(what))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    match (amount("MemAvailable:"), amount("MemTotal:")) {
        (Some(available), Some(total)) => available < total / RESERVED,
        _ => false,
    }
}

/// Si está llena la carpeta de ese proceso, y es una de las que tienen tope.
fn is_full(process: i32) -> bool {
    const LARGEST: u64 = 1 << 30;
    statvfs(format!("/proc/{process}/root{DESK}").as_str()).is_ok_and(|disk| {
        let size = disk.blocks() * disk.fragment_size();
        size > 0 && size <= LARGEST && disk.blocks_available() == 0
    })
}

/// Lo que dice el núcleo de un proceso (proc_pid_status(5)). Nada, si no lo hay.
fn read_status(process: i32) -> String {
    fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default()
}

/// Si un proceso terminó, y solo falta que lo recojan.
fn has_ended(process: i32) -> bool {
    read_status(process).lines().any(|line| line.starts_with("State:\tZ"))
}

/// La memoria que ocupa, en bytes: VmRSS, que se da en KiB.
fn resident(process: i32) -> u64 {
    let text = read_status(process);
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
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn se_suma_lo_de_todos_y_quien_se_pasa_termina() {
        let allowed = Allowance { memory: 60 << 20, ..Allowance::RUN };
        let guard = Guard::post(Trail::Mine, allowed, &Arc::default());
        // Cuatro que guardan 24 MiB cada uno: ninguno se pasa por su cuenta.
        let hoard = "for i in 1 2 3 4; do (head -c 24000000 /dev/zero | tail -c 24000000 | sleep 20) & done; wait";
        let status = Command::new("sh").args(["-c", hoard]).status().unwrap();
        assert_eq!(guard.dismiss(), Some(Resource::Memory));
        assert!(!status.success());
    }

    #[test]
    fn también_cuenta_lo_que_solo_está_en_memoria() {
        let flags = nix::sys::memfd::MFdFlags::empty();
        let file = nix::sys::memfd::memfd_create(c"oculto", flags).unwrap();
        fs::File::from(file.try_clone().unwrap()).write_all(&vec![1; 1 << 20]).unwrap();
        let (mut found, mut twice) = (BTreeMap::new(), BTreeMap::new());
        unmapped(std::process::id().cast_signed(), &mut found);
        assert!(found.values().any(|size| *size == 1 << 20), "{found:?}");
        let _other = file.try_clone().unwrap();
        unmapped(std::process::id().cast_signed(), &mut twice);
        assert_eq!(found.len(), twice.len(), "lo mismo se contó dos veces");
    }

    #[test]
    fn a_la_máquina_siempre_le_queda_algo() {
        let memory = |available: u64| {
            format!("MemTotal:       16000 kB\nMemFree: 1 kB\nMemAvailable:   {available} kB\n")
        };
        assert!(is_scarce(&memory(999)));
        assert!(!is_scarce(&memory(1000)));
        assert!(!is_scarce(""));
        assert!(read_memory().contains("MemAvailable:"));
    }

    /// bwrap puede morir antes que lo que arrancó, y no todos los primeros procesos de un contenedor
    /// recogen lo que otros dejan.
    #[test]
    fn quien_ya_terminó_no_sigue_vivo_aunque_nadie_lo_recoja() {
        let space = fs::read_link("/proc/self/ns/pid").unwrap();
        let number = space.to_string_lossy().trim_matches(|it: char| !it.is_ascii_digit()).parse();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let number = number.unwrap();
        let status = Status { child: child.id().cast_signed(), pid_namespace: number };
        assert!(status.is_alive());
        drop(child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(20);
        while status.is_alive() {
            assert!(Instant::now() < deadline, "terminó, y sigue contando");
            thread::yield_now();
        }
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn quien_no_se_pasa_no_lo_nota() {
        let guard = Guard::post(Trail::Mine, Allowance::RUN, &Arc::default());
        assert!(Command::new("sleep").arg("0.2").status().unwrap().success());
        assert_eq!(guard.dismiss(), None);
    }

    #[test]
    fn quien_pide_parar_no_espera() {
        let stop = Arc::new(AtomicBool::new(true));
        let guard = Guard::post(Trail::Mine, Allowance::RUN, &stop);
        let started = Instant::now();
        assert!(!Command::new("sleep").arg("20").status().unwrap().success());
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(guard.dismiss(), None);
    }
}
