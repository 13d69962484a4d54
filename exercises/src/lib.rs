//! Lo que comparten las pruebas de los ejercicios: un límite de tiempo para el código de quien
//! aprende, y fallos que se entienden sin abrir la solución.
//!
//! ```
//! use std::time::Duration;
//! use ejercicios::{Outcome, ensure, within};
//!
//! fn suma_dos_numeros() -> Outcome {
//!     let sum = within(Duration::from_secs(5), "sumar", || 2 + 2)?;
//!     ensure(sum == 4, || format!("2 + 2 son 4, y tu función dice {sum}."))
//! }
//! # suma_dos_numeros().unwrap();
//! ```
//!
//! | módulo | qué hay |
//! |---|---|
//! | `limit` | [`within`], [`Task`]: ejecutar algo en un hilo, con un límite |
//! | `stuck` | en qué llamada al sistema duerme un hilo |
//! | `panics` | los pánicos, contados en español |
//! | `by_hand` | [`by_hand`](by_hand()), [`by_hand_calling`]: el ejercicio, fuera de las pruebas |
//! | `follow` | [`follow`](follow()), [`Hands`]: las órdenes de un enunciado, contra su solución |

mod by_hand;
mod follow;
mod limit;
mod panics;
mod stuck;

use std::fmt::Debug;
use std::time::Duration;

use harness::Failure;

pub use by_hand::{by_hand, by_hand_calling};
pub use follow::{Hands, Terminal, follow};
pub use limit::{Task, within};

/// Lo que devuelve la prueba de un ejercicio.
pub type Outcome = Result<(), Failure>;

/// Lo que se concede a quien aprende cuando la prueba no tiene motivos para pedir otra cosa.
pub const LIMIT: Duration = Duration::from_secs(3);

/// Falla con lo que diga `explain` si `condition` no se cumple.
///
/// # Errors
/// No se cumple.
pub fn ensure(condition: bool, explain: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(Failure::new(explain())) }
}

/// Falla si `got` no es `expected`, y enseña los dos. `what` es una frase sin punto final que dice
/// qué se comparaba: «lo que devuelve tu función para 2 + 2».
///
/// # Errors
/// No son iguales.
pub fn ensure_equal<T: PartialEq + Debug>(what: &str, expected: &T, got: &T) -> Outcome {
    if expected == got {
        return Ok(());
    }
    let lines =
        [format!("se esperaba  {}", short(expected)), format!("llegó        {}", short(got))];
    Err(Failure::new(format!("No es lo que se esperaba: {what}.")).section("Diferencia", lines))
}

/// El principio de un valor: hay respuestas equivocadas de muchos kilobytes.
fn short(value: &impl Debug) -> String {
    const SHOWN: usize = 200;
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => {
            format!("{}… ({} caracteres más)", &text[..end], text[end..].chars().count())
        }
        None => text,
    }
}
