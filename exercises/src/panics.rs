//! Los pánicos del código de quien aprende, con su lugar y en español.

use std::cell::RefCell;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use harness::Failure;

use crate::outcome::{Outcome, by_kind};

/// Lo que `todo!` pone delante de su mensaje.
const TODO: &str = "not yet implemented: ";

/// Lo que dice la biblioteca estándar en los pánicos que más se ven, y cómo se dice aquí.
const TOLD: [(&str, &str); 14] = [
    ("called `Result::unwrap()` on an `Err` value: ", "`unwrap` de un error, "),
    ("called `Option::unwrap()` on a `None` value", "`unwrap` de `None`"),
    ("attempt to add with overflow", "una suma que no cabe en su tipo"),
    ("attempt to subtract with overflow", "una resta que no cabe en su tipo"),
    ("attempt to multiply with overflow", "un producto que no cabe en su tipo"),
    ("attempt to divide by zero", "una división entre cero"),
    ("index out of bounds: the len is ", "un índice fuera de lugar: el largo es "),
    (" but the index is ", ", y el índice, "),
    ("range start index ", "un trozo que empieza en "),
    ("range end index ", "un trozo que acaba en "),
    (" out of range for slice of length ", ", y el largo es "),
    ("slice index starts at ", "un trozo que empieza en "),
    (" but ends at ", " y acaba en "),
    ("overflow when subtracting durations", "una resta de duraciones menor que cero"),
];

thread_local! {
    /// Qué decir del último pánico de este hilo; `None` si no se le está conteniendo.
    static CONTAINED: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// El primer pánico de este proceso, ya explicado. Quien lo contiene lo cuenta en su fallo; los
/// demás, de un hilo que nadie espera, solo se saben por aquí.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Si los pánicos pasan aún por [`report`].
static HEARD: AtomicBool = AtomicBool::new(false);

/// Lo que lleva el pánico que provoca una prueba.
struct Provoked;

/// Lo que lleva el que solo mira si los pánicos se siguen contando.
struct Probe;

/// Un pánico contenido.
#[derive(Clone, Debug)]
pub(crate) struct Panic {
    pub(crate) explanation: String,
    /// Fue un `todo!`: nadie ha escrito aún el código.
    pub(crate) is_todo: bool,
}

/// Desde ahora, los pánicos de este proceso se cuentan en español.
pub(crate) fn speak_spanish() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(report)));
}

/// Entra en pánico a propósito, donde el código de quien aprende debe sobrevivir a ello. No se cuenta.
pub fn provoke() -> ! {
    panic::panic_any(Provoked)
}

/// Que ningún hilo haya entrado en pánico, aunque nadie lo esperara, y que nadie haya callado a quien
/// los cuenta.
///
/// # Errors
/// Lo que dijo el primero, o que ya no se cuentan.
pub(crate) fn none_went_unseen() -> Outcome {
    // En un hilo suyo: el de la prueba no se entera.
    let probe = thread::spawn(|| panic::panic_any(Probe));
    if probe.join().is_ok() || !HEARD.load(Ordering::SeqCst) {
        return Err(Failure::new(
            "Tu código cambió lo que se hace con los pánicos (`std::panic::set_hook`), y así no se \
             sabe si los hay.",
        )
        .hint("quita esa llamada: el ejercicio no la necesita"));
    }
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    first.map_or(Ok(()), |explanation| {
        Err(Failure::new(explanation).hint(
            "lo demás que pide esta prueba se cumple; pero un hilo murió sin que nadie lo viera",
        ))
    })
}

/// Ejecuta `work`; si entra en pánico, devuelve su explicación en vez de escribirla.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    CONTAINED.set(Some(Panic { explanation: String::new(), is_todo: false }));
    // Lo que `work` tocaba no se vuelve a mirar: el hilo termina aquí.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    let panic = CONTAINED.take();
    outcome.map_err(|_| panic.expect("se puso al empezar"))
}

fn report(info: &PanicHookInfo<'_>) {
    if info.payload().is::<Provoked>() {
        return;
    }
    if info.payload().is::<Probe>() {
        return HEARD.store(true, Ordering::SeqCst);
    }
    let panic = explain(info);
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic.explanation.clone());
    let uncontained = CONTAINED.with_borrow_mut(|slot| match slot {
        Some(slot) => {
            *slot = panic;
            None
        }
        None => Some(panic),
    });
    if let Some(panic) = uncontained {
        // Si nadie lee los errores, se sigue igual.
        let _ = writeln!(io::stderr(), "{}", panic.explanation);
    }
}

fn explain(info: &PanicHookInfo<'_>) -> Panic {
    let message = message(info);
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    let place = place.unwrap_or_else(|| "un lugar desconocido".to_owned());
    if let Some(task) = message.strip_prefix(TODO) {
        return Panic { explanation: format!("{task} ({place})."), is_todo: true };
    }
    let message = in_spanish(message);
    let current = thread::current();
    let explanation = match current.name() {
        Some("tu código") | None => format!("Tu código entró en pánico en {place}: {message}"),
        Some(name) => format!("El hilo «{name}» entró en pánico en {place}: {message}"),
    };
    Panic { explanation, is_todo: false }
}

/// `panic!` da un `&str` si el mensaje es fijo, y un `String` si lleva valores.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let fixed = payload.downcast_ref::<&str>().copied();
    fixed
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(sin mensaje)")
}

/// El mensaje, con lo que ponen en inglés la biblioteca estándar y los errores del sistema dicho aquí.
fn in_spanish(message: &str) -> String {
    TOLD.iter().fold(by_kind(message), |message, (english, told)| message.replace(english, told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    /// Lo que se dice de un pánico, sin su lugar.
    fn told<T: Debug>(work: impl FnOnce() -> T) -> String {
        speak_spanish();
        let explanation = contain(work).unwrap_err().explanation;
        explanation.split_once(".rs:").unwrap().1.split_once(": ").unwrap().1.to_owned()
    }

    #[test]
    fn lo_que_dice_la_biblioteca_estándar_se_dice_en_español() {
        let error = || io::Result::<u8>::Err(io::Error::from_raw_os_error(11));
        let empty = Vec::<u8>::new();
        assert_eq!(told(|| error().unwrap()), "`unwrap` de un error, WouldBlock");
        assert_eq!(told(|| error().expect("¡ay!")), "¡ay!: WouldBlock");
        assert_eq!(told(|| empty.first().unwrap()), "`unwrap` de `None`");
        assert_eq!(told(|| empty.len() - 1), "una resta que no cabe en su tipo");
        let place = empty.len() + 3;
        let expected = "un índice fuera de lugar: el largo es 0, y el índice, 3";
        assert_eq!(told(|| empty[place]), expected);
        let expected = "un trozo que acaba en 3, y el largo es 0";
        assert_eq!(told(|| empty[..place].to_vec()), expected);
    }
}
