//! Pedir un hilo, sin dejar sin memoria a los que ya hay.

use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Bytes que han de quedar libres: lo que pueden pedir, mientras tanto, los hilos que ya hay.
///
/// Sin ellos el hilo quizá se crearía, y el siguiente `malloc`, de quien fuera, terminaría el
/// proceso con SIGABRT.
const MARGIN: u64 = 4 * 1024 * 1024;

/// Lo que pide un hilo al empezar, además de su pila: la de señales, sobre todo.
const EACH: u64 = 20 * 1024;

/// Cuántos hilos llegó a haber a la vez. Se mira y se crea de uno en uno: entre lo uno y lo otro, no
/// se adelanta nadie.
static MOST: Mutex<u64> = Mutex::new(0);

/// Crea un hilo llamado `name`, con una pila de `stack` bytes, si cabe: `spawn` lo lanza. Errores: no
/// queda memoria bajo los límites del proceso (`ulimit -v`, `ulimit -d`; getrlimit(2)), y los de
/// `pthread_create(3)`.
pub fn create<T>(
    name: impl Into<String>,
    stack: usize,
    spawn: impl FnOnce(Builder) -> io::Result<T>,
) -> io::Result<T> {
    let mut most = MOST.lock().unwrap_or_else(PoisonError::into_inner);
    if !has_room_for(stack, &mut most).unwrap_or(true) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    spawn(Builder::new().name(name.into()).stack_size(stack))
}

/// `None` si no hay límites, o no se sabe.
fn has_room_for(stack: usize, most: &mut u64) -> Option<bool> {
    let limit = |which| getrlimit(which).map_or(RLIM_INFINITY, |(soft, _)| soft);
    let (all, data) = (limit(Resource::RLIMIT_AS), limit(Resource::RLIMIT_DATA));
    if (all, data) == (RLIM_INFINITY, RLIM_INFINITY) {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let threads = number(&status, "Threads:")?;
    // La biblioteca de C guarda la pila de cada hilo que termina, para otro, y sigue contando como
    // memoria del proceso. Si ya hubo más hilos, queda alguna; y se deja gastar medio margen.
    let wanted = if threads < *most {
        MARGIN / 2
    } else {
        u64::try_from(stack).ok()?.checked_add(MARGIN + threads * EACH)?
    };
    let fits = |field, limit| Some(number(&status, field)? * 1024 + wanted <= limit);
    let fits = fits("VmSize:", all)? && fits("VmData:", data)?;
    if fits {
        *most = (threads + 1).max(*most);
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
