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

/// El programa, sin entrada y sin que abra ningún navegador. Lo que se arranca en segundo plano hereda
/// SIGINT sin efecto.
fn ver<'a>(words: impl IntoIterator<Item = &'a str>) -> Program {
    let program =
        Program::new("/usr/bin/env").args(["--default-signal", env!("CARGO_BIN_EXE_ver")]);
    program.args(words).without_stdin()
}

/// Lo ejecuta y espera a que termine.
fn run<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Exit, Failure> {
    ver(words).run_to_end("", LIMIT)
}
