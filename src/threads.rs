//! Pedir un hilo, sin dejar sin memoria a los que ya hay.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Bytes que han de quedar libres además de la pila: lo que pueden pedir, mientras tanto, los hilos
/// que ya están en marcha, y la pila de señales del nuevo.
///
/// Sin ellos el hilo quizá se crearía, y el siguiente `malloc`, de quien fuera, terminaría el
/// proceso con SIGABRT.
const MARGIN: u64 = 4 * 1024 * 1024;

/// Cuántos hilos llegó a haber a la vez.
static MOST: AtomicU64 = AtomicU64::new(0);

/// Un hilo llamado `name`, con una pila de `stack` bytes, para lanzarlo. Errores: no queda memoria
/// bajo los límites del proceso (`ulimit -v`, `ulimit -d`; getrlimit(2)).
pub fn builder(name: impl Into<String>, stack: usize) -> io::Result<Builder> {
    if has_room_for(stack).unwrap_or(true) {
        Ok(Builder::new().name(name.into()).stack_size(stack))
    } else {
        Err(io::ErrorKind::OutOfMemory.into())
    }
}

/// `None` si no hay límites, o no se sabe.
fn has_room_for(stack: usize) -> Option<bool> {
    let limit = |which| getrlimit(which).map_or(RLIM_INFINITY, |(soft, _)| soft);
    let (all, data) = (limit(Resource::RLIMIT_AS), limit(Resource::RLIMIT_DATA));
    if (all, data) == (RLIM_INFINITY, RLIM_INFINITY) {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let wanted = u64::try_from(stack).ok()? + MARGIN;
    let fits = |field, limit| Some(number(&status, field)? * 1024 + wanted <= limit);
    let threads = number(&status, "Threads:")?;
    // La biblioteca de C guarda la pila del hilo que termina, y sigue contando como memoria del
    // proceso: hasta donde ya se llegó, caben.
    let fits =
        threads < MOST.load(Ordering::Relaxed) || fits("VmSize:", all)? && fits("VmData:", data)?;
    if fits {
        MOST.fetch_max(threads + 1, Ordering::Relaxed);
    }
    Some(fits)
}

/// Un campo de proc(5), «status»: los de memoria, en KiB.
fn number(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_sabe_cuánta_memoria_y_cuántos_hilos_hay() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(number(&status, "VmSize:") >= number(&status, "VmData:"));
        assert!(number(&status, "VmData:").is_some_and(|kibibytes| kibibytes > 0));
        assert!(number(&status, "Threads:").is_some_and(|threads| threads > 0));
    }
}
