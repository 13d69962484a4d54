//! Lo que hace el núcleo de verdad en las cuatro situaciones con las que se juega en el libro.
//!
//! Escribe en su salida lo observado, en JSON. `book/browser/reglas.test.mjs` pasa lo mismo por
//! las reglas de `book/theme/juegos/rules.js`, y las compara.

mod cuts;
mod notices;
mod tanks;
mod turns;

use std::io;
use std::process::ExitCode;

use ejemplos::{start, tell};
use serde::Serialize;

/// Una observación por juego.
#[derive(Serialize)]
struct Observed {
    turns: turns::Observed,
    tanks: tanks::Observed,
    cuts: cuts::Observed,
    notices: Vec<notices::Observed>,
}

fn main() -> ExitCode {
    start(observe)
}

fn observe() -> io::Result<()> {
    let observed = Observed {
        turns: turns::observe()?,
        tanks: tanks::observe()?,
        cuts: cuts::observe()?,
        notices: notices::observe()?,
    };
    tell(serde_json::to_string(&observed)?);
    Ok(())
}
