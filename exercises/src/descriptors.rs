//! Los descriptores de archivo de este proceso, que son contados.

use std::fs::File;
use std::os::fd::AsRawFd;

use harness::{Failure, raise_descriptor_limit};

/// Ocupa descriptores hasta llegar a `last`, y pide antes cuantos se puedan.
///
/// # Errors
/// El sistema no permite tantos.
pub fn fill_to(last: usize) -> Result<Vec<File>, Failure> {
    raise_descriptor_limit();
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
