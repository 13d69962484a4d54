//! Lo que devuelve la prueba de un ejercicio, y cómo se dice que algo no es lo que debía.

use std::fmt::{Debug, Display};
use std::io::{self, ErrorKind};
use std::time::Duration;

use harness::Failure;

/// Lo que devuelve la prueba de un ejercicio.
pub type Outcome = Result<(), Failure>;

/// Lo que se concede a quien aprende cuando la prueba no tiene motivos para pedir otra cosa.
pub const LIMIT: Duration = Duration::from_secs(3);

/// Lo que se añade a un fallo, si lo hay: qué se hacía y qué conviene mirar.
pub trait Explain {
    /// Pone `context` delante del titular: [`Failure::within`].
    #[must_use]
    fn within(self, context: impl Into<String>) -> Self;

    /// Añade algo en lo que pensar: [`Failure::hint`].
    #[must_use]
    fn hint(self, hint: impl Into<String>) -> Self;
}

impl<T> Explain for Result<T, Failure> {
    fn within(self, context: impl Into<String>) -> Self {
        self.map_err(|failure| failure.within(context))
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        self.map_err(|failure| failure.hint(hint))
    }
}

/// Falla con lo que diga `explain` si `condition` no se cumple.
pub fn ensure<S: Into<String>>(condition: bool, explain: impl FnOnce() -> S) -> Outcome {
    if condition { Ok(()) } else { Err(Failure::new(explain())) }
}

/// Falla si `got` no es `expected`, y enseña los dos. `what` es una frase sin punto final que dice
/// qué se comparaba: «lo que devuelve tu función para 2 + 2».
#[expect(clippy::needless_pass_by_value, reason = "casi siempre son valores recién hechos")]
pub fn ensure_equal<E: PartialEq<G> + Debug, G: Debug>(
    what: impl AsRef<str>,
    expected: E,
    got: G,
) -> Outcome {
    if expected == got {
        return Ok(());
    }
    let lines =
        [format!("se esperaba  {}", short(&expected)), format!("llegó        {}", short(&got))];
    let headline = format!("No es lo que se esperaba: {}.", what.as_ref());
    Err(Failure::new(headline).section("Diferencia", lines))
}

/// Falla si `outcome`, que es `what`, no es un error de esa clase.
pub fn ensure_fails<T>(
    what: impl AsRef<str>,
    expected: ErrorKind,
    outcome: &io::Result<T>,
) -> Outcome {
    ensure_equal(what, Some(expected), outcome.as_ref().err().map(io::Error::kind))
}

/// Lo que dio algo que debía salir bien: «`send` devolvió BrokenPipe.», si no salió.
pub fn done<T>(what: impl Display, outcome: io::Result<T>) -> Result<T, Failure> {
    outcome.map_err(|error| Failure::new(format!("{what} devolvió {:?}.", error.kind())))
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
