//! Quien pasa las pruebas de un ejercicio: cada una en un proceso suyo, y de lo que resulta, datos.
//!
//! Hay tres papeles, y los hace el mismo ejecutable:
//!
//! | quién | qué hace | módulo |
//! |---|---|---|
//! | el que pregunta | `cargo test`, que lee una pantalla, o `cargo curso`, que lee [`Record`]s | `screen`, y `exercises/src/curso/trial.rs` |
//! | el encargado | arranca cada prueba en un proceso, le pone un límite y junta los veredictos | `supervisor` |
//! | la prueba | ejecuta el código de quien aprende, y da su [`Verdict`] | `child` |
//!
//! El código de quien aprende no comparte proceso con el encargado, ni tiene su descriptor. Lo que
//! le llega al encargado vale solo si trae la clave de esa prueba; y lo que le llega a `cargo
//! curso`, si trae la suya. Con un proceso por prueba, además, ninguna hereda descriptores, hilos
//! ni pánicos de su vecina.

mod child;
mod printed;
mod record;
mod screen;
mod supervisor;

use std::env;
use std::process::ExitCode;

use multiplexacion::cli;

pub use printed::Printed;
pub use record::{Ending, Record, Verdict, key, open, seal};

use crate::outcome::Outcome;
use crate::panics;

/// Con qué palabra, la primera, pide `cargo curso` los datos: llegan por el socket que el
/// ejecutable recibe como entrada estándar, y cuya primera línea es la clave.
pub const JUDGED: &str = "@juez";

/// Con cuál se pone en marcha lo construido: [`by_hand`](crate::by_hand()).
pub const BY_HAND: &str = "@ejecutar";

/// Con cuál pide el encargado una sola prueba; la palabra siguiente es su nombre.
const ONE: &str = "@prueba";

/// Una prueba de un ejercicio.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// El de su función.
    name: &'static str,
    run: fn() -> Outcome,
}

impl Test {
    /// La que se llama así y hace eso.
    pub const fn new(name: &'static str, run: fn() -> Outcome) -> Test {
        Test { name, run }
    }
}

/// Las pruebas de un ejercicio, en orden: de lo sencillo a lo difícil. Define `main`.
///
/// Detrás de las que se nombran va la del enunciado, si se prueba la solución. `by_hand!` y
/// `follow!` han de estar en el mismo archivo.
#[macro_export]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        fn main() -> std::process::ExitCode {
            let tests = [
                // La de `core`: en ese archivo, `stringify` puede ser otra.
                $($crate::runner::Test::new(::core::stringify!($test), $test),)+
                #[cfg(feature = "soluciones")]
                $crate::runner::Test::new("el_enunciado_se_puede_seguir", el_enunciado_se_puede_seguir),
            ];
            $crate::runner::main(&tests, ejecutar)
        }
    };
}

/// Hace lo que pidan los argumentos del programa con esas pruebas.
pub fn main(tests: &[Test], by_hand: fn() -> Outcome) -> ExitCode {
    let mut words = env::args().skip(1);
    let first = words.next();
    match first.as_deref() {
        Some(JUDGED) => supervisor::answer_the_judge(tests),
        Some(ONE) => child::run(tests, &words.next().unwrap_or_default()),
        Some(BY_HAND) => start(by_hand),
        _ => screen::run(tests, first.into_iter().chain(words)),
    }
}

fn start(by_hand: fn() -> Outcome) -> ExitCode {
    panics::speak_spanish();
    match panics::contain(by_hand).map_err(|panic| panic.explanation) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => complain(&failure.to_string()),
        Err(explanation) => complain(&explanation),
    }
}

fn complain(text: &str) -> ExitCode {
    cli::complain(text.trim_end());
    ExitCode::FAILURE
}
