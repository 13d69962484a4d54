//! Los hilos que este programa crea, además de los del servidor, y lo que dice cada uno.

use std::io;
use std::thread::{self, Builder};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::threads;

/// Pila de cada hilo. En un programa de Rust son 2 MiB; a estos les basta con el búfer y algo
/// más, y así caben mil hilos en cualquier sitio.
const STACK: usize = 128 * 1024;

/// Un hilo con esa pila; `spawn` lo lanza.
pub(crate) fn small_thread<T>(
    name: &str,
    spawn: impl FnOnce(Builder) -> io::Result<T>,
) -> Result<T, Trouble> {
    threads::create(name, STACK, spawn).map_err(|_| Trouble::no_more_threads("--clients"))
}

// ANCHOR: tell
/// Una línea entera, con el hilo que la dice: no se mezclan unas con otras.
pub(crate) fn tell(line: &str) {
    // Si ya nadie lee (`| head -1`), el programa sigue con lo suyo.
    let _ = cli::say(&format!("[{}] {line}", thread_name()));
}

pub(crate) fn thread_name() -> String {
    thread::current().name().unwrap_or("sin nombre").to_owned()
}
// ANCHOR_END: tell
