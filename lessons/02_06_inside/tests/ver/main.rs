//! `cargo ver` desde fuera: el programa de verdad, con servidores y sockets de verdad.

#![expect(clippy::unwrap_used, reason = "también lo que ayuda a las pruebas es parte de ellas")]

mod opening;
mod page;
mod python;
mod usage;
mod watching;

use std::time::Duration;

use harness::{Exit, Failure, Program};

/// Lo que puede durar cada espera: strace y una máquina ocupada van despacio.
const LIMIT: Duration = Duration::from_secs(40);

/// El programa, sin entrada y sin que abra ningún navegador.
fn ver<'a>(words: impl IntoIterator<Item = &'a str>) -> Program {
    Program::new(env!("CARGO_BIN_EXE_ver")).args(words).without_stdin()
}

/// Lo ejecuta y espera a que termine.
fn run<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Exit, Failure> {
    ver(words).run_to_end("", LIMIT)
}
