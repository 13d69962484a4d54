//! Los procesadores: uno para el generador y el resto para el servidor, para que ninguno mida al
//! otro.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// El reparto de los procesadores de la máquina. Al soltarlo, este hilo vuelve a poder usarlos
/// todos.
#[derive(Debug)]
pub(crate) struct Cores {
    all: CpuSet,
    available: usize,
    generator: CpuSet,
    servers: CpuSet,
}

impl Cores {
    /// Reparte los procesadores que este proceso puede usar: el último, para el generador. Con uno
    /// solo, lo comparten.
    pub(crate) fn split() -> io::Result<Cores> {
        let all = sched_getaffinity(Pid::from_raw(0))?;
        let numbers: Vec<usize> =
            (0..CpuSet::count()).filter(|&core| all.is_set(core).unwrap_or(false)).collect();
        let (mut generator, mut servers) = (CpuSet::new(), CpuSet::new());
        if let Some((last, rest)) = numbers.split_last() {
            generator.set(*last)?;
            for core in if rest.is_empty() { &numbers } else { rest } {
                servers.set(*core)?;
            }
        }
        Ok(Cores { all, available: numbers.len(), generator, servers })
    }

    pub(crate) fn available(&self) -> usize {
        self.available
    }

    /// Ejecuta `start` con los procesadores del servidor, que hereda lo que `start` arranque, y
    /// vuelve al del generador.
    pub(crate) fn as_server<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        let this_thread = Pid::from_raw(0);
        sched_setaffinity(this_thread, &self.servers)?;
        let started = start();
        sched_setaffinity(this_thread, &self.generator)?;
        Ok(started)
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        let _ = sched_setaffinity(Pid::from_raw(0), &self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quien_arranca_como_servidor_hereda_sus_procesadores() {
        let cores = Cores::split().unwrap();
        let inside = cores.as_server(|| sched_getaffinity(Pid::from_raw(0)).unwrap()).unwrap();
        let outside = sched_getaffinity(Pid::from_raw(0)).unwrap();
        assert_eq!((inside, outside), (cores.servers, cores.generator));
        assert_eq!(cores.servers == cores.generator, cores.available() == 1);
        let before = cores.available();
        drop(cores);
        assert_eq!(Cores::split().unwrap().available(), before, "al acabar, como al principio");
    }
}
