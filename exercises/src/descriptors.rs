//! Los descriptores de archivo, que son de todo el proceso: quien los gasta casi todos lo hace a
//! solas, y también quien necesita que uno quede cerrado al cerrarlo. Un programa que se arranca
//! mientras tanto los tiene abiertos todos, hasta que empieza (fork(2), execve(2)).

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::{PoisonError, RwLock};

use harness::{Failure, raise_descriptor_limit};

static USED: RwLock<()> = RwLock::new(());

/// Los usa mientras nadie los gaste todos, hasta que se suelte lo que devuelve.
#[must_use]
pub fn shared() -> impl Drop {
    USED.read().unwrap_or_else(PoisonError::into_inner)
}

/// Los usa a solas, y pide cuantos se puedan, hasta que se suelte lo que devuelve.
#[must_use]
pub fn alone() -> impl Drop {
    let guard = USED.write().unwrap_or_else(PoisonError::into_inner);
    raise_descriptor_limit();
    guard
}

/// Ocupa descriptores hasta llegar a `last`.
///
/// # Errors
/// El sistema no permite tantos.
pub fn fill_to(last: usize) -> Result<Vec<File>, Failure> {
    let mut fillers = Vec::new();
    loop {
        let file = File::open("/dev/null").map_err(|_| {
            Failure::new(format!(
                "Hacen falta más de {last} descriptores, y tu sesión no los permite."
            ))
            .hint("mira el límite con `ulimit -Hn`; lo pone quien administra la máquina")
        })?;
        let reached = usize::try_from(file.as_raw_fd()).is_ok_and(|fd| fd >= last);
        fillers.push(file);
        if reached {
            return Ok(fillers);
        }
    }
}
