//! Lo que devuelve la prueba de un ejercicio, y cómo se dice que algo no es lo que debía.

use std::fmt::{Debug, Display};
use std::io::{self, ErrorKind};
use std::time::Duration;

use harness::Failure;

use crate::activity;

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

    /// Añade qué hacen ahora los hilos del código de quien aprende, si aún no lo dice.
    ///
    /// Solo tiene sentido si quienes hablaban siguen conectados: si no, lo que se ve es lo que hacen
    /// después de que se fueran.
    #[must_use]
    fn meanwhile(self) -> Self;
}

impl<T> Explain for Result<T, Failure> {
    fn within(self, context: impl Into<String>) -> Self {
        self.map_err(|failure| failure.within(context))
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        self.map_err(|failure| failure.hint(hint))
    }

    fn meanwhile(self) -> Self {
        self.map_err(|failure| {
            if failure.has_section(activity::MEANWHILE) {
                return failure;
            }
            failure.section(activity::MEANWHILE, activity::told())
        })
    }
}

/// Falla con lo que diga `explain` si `condition` no se cumple.
pub fn ensure<S: Into<String>>(condition: bool, explain: impl FnOnce() -> S) -> Outcome {
    if condition { Ok(()) } else { Err(Failure::new(explain())) }
}

/// Falla si `got` no es `expected`, y enseña los dos. `what` es una frase sin punto final que dice
/// qué se comparaba: «lo que devuelve tu función para 2 + 2».
///
/// Los dos son del mismo tipo, que es el de `expected`. Si no, quien aprende podría devolver uno suyo
/// que dijera que es igual a todo:
///
/// ```compile_fail,E0308
/// #[derive(Debug)]
/// struct Agrees;
///
/// impl PartialEq<Agrees> for u64 {
///     fn eq(&self, _other: &Agrees) -> bool {
///         true
///     }
/// }
///
/// ejercicios::ensure_equal("la suma", 4_u64, Agrees).unwrap();
/// ```
#[expect(clippy::needless_pass_by_value, reason = "casi siempre son valores recién hechos")]
pub fn ensure_equal<T: PartialEq + Debug>(what: impl AsRef<str>, expected: T, got: T) -> Outcome {
    if expected == got {
        return Ok(());
    }
    let lines =
        [format!("se esperaba  {}", shown(&expected)), format!("llegó        {}", shown(&got))];
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

/// Un valor, como se escribe en Rust: con los errores del sistema por su clase, que es lo que no está
/// en inglés, y solo el principio si es largo, que hay respuestas equivocadas de muchos kilobytes.
pub fn shown(value: &impl Debug) -> String {
    const SHOWN: usize = 200;
    let text = by_kind(&format!("{value:?}"));
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => {
            format!("{}… ({} caracteres más)", &text[..end], text[end..].chars().count())
        }
        None => text,
    }
}

/// Los errores del sistema que haya en `text`, por su clase: `Os { code: 11, kind: WouldBlock, message:
/// "…" }`, `Error { kind: WouldBlock, message: "…" }` y `Kind(WouldBlock)` son `WouldBlock`.
pub(crate) fn by_kind(text: &str) -> String {
    let mut rest = text;
    let mut told = String::new();
    while let Some((before, kind, after)) = next_error(rest) {
        told.push_str(before);
        told.push_str(kind);
        rest = after;
    }
    told + rest
}

/// El primer error del sistema que hay en `text`: lo que va delante, su clase y lo que va detrás.
fn next_error(text: &str) -> Option<(&str, &str, &str)> {
    let with_message = ["Os { code: ", "Error { kind: "].into_iter().filter_map(|start| {
        let start = text.find(start)?;
        let (_, details) = text[start..].split_once("kind: ")?;
        let (kind, details) = details.split_once(", message: \"")?;
        Some((start, kind, details.split_once("\" }")?.1))
    });
    let simple = text.find("Kind(").and_then(|start| {
        let (kind, after) = text[start + "Kind(".len()..].split_once(')')?;
        Some((start, kind, after))
    });
    let (start, kind, after) = with_message.chain(simple).min_by_key(|(start, ..)| *start)?;
    Some((&text[..start], kind, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_error_se_dice_por_su_clase() {
        let system = || io::Error::from_raw_os_error(11);
        assert_eq!(shown(&io::Result::<()>::Err(system())), "Err(WouldBlock)");
        let simple = io::Error::from(ErrorKind::BrokenPipe);
        assert_eq!(shown(&(simple, system(), 3)), "(BrokenPipe, WouldBlock, 3)");
        let with_message = io::Read::read_exact(&mut io::empty(), &mut [0]);
        assert_eq!(shown(&(with_message, system())), "(Err(UnexpectedEof), WouldBlock)");
        assert_eq!(shown(&Some("Kind de nada")), "Some(\"Kind de nada\")");
    }
}
