//! Los pánicos del código de quien aprende, con su lugar y en español.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;
use std::thread;

/// Lo que `todo!` pone delante de su mensaje.
const TODO: &str = "not yet implemented: ";

thread_local! {
    /// Qué decir del último pánico de este hilo; `None` si no se le está conteniendo.
    static CONTAINED: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Un pánico contenido.
#[derive(Debug)]
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

/// Ejecuta `work`; si entra en pánico, devuelve su explicación en vez de escribirla.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    CONTAINED.set(Some(Panic { explanation: String::new(), is_todo: false }));
    // Lo que `work` tocaba no se vuelve a mirar: el hilo termina aquí.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    let panic = CONTAINED.take();
    outcome.map_err(|_| panic.expect("se puso al empezar"))
}

fn report(info: &PanicHookInfo<'_>) {
    let panic = explain(info);
    let uncontained = CONTAINED.with_borrow_mut(|slot| match slot {
        Some(slot) => {
            *slot = panic;
            None
        }
        None => Some(panic),
    });
    if let Some(panic) = uncontained {
        complain(&panic.explanation);
    }
}

fn explain(info: &PanicHookInfo<'_>) -> Panic {
    let message = message(info);
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    let place = place.unwrap_or_else(|| "un lugar desconocido".to_owned());
    if let Some(task) = message.strip_prefix(TODO) {
        return Panic { explanation: format!("{task} ({place})."), is_todo: true };
    }
    let current = thread::current();
    let explanation = match current.name() {
        Some("tu código") | None => format!("Tu código entró en pánico en {place}: {message}"),
        Some(name) => format!("El hilo «{name}» entró en pánico en {place}: {message}"),
    };
    Panic { explanation, is_todo: false }
}

#[expect(
    clippy::print_stderr,
    reason = "las pruebas capturan lo que escribe esta macro, y no `stderr()`"
)]
fn complain(explanation: &str) {
    eprintln!("{explanation}");
}

/// `panic!` da un `&str` si el mensaje es fijo, y un `String` si lleva valores.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let fixed = payload.downcast_ref::<&str>().copied();
    fixed
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(sin mensaje)")
}
