//! El pánico de un manejador se queda en su cliente.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

static HOOK: Once = Once::new();

/// Ejecuta `work`; si entra en pánico, dice dónde (archivo, línea y columna) y con qué mensaje.
pub(super) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(install_hook);
    let outer = CONTAINED.replace(true);
    // `work` no deja a la vista nada a medio cambiar: el manejador se descarta con él.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    outcome.map_err(|payload| {
        // El texto de `panic!` es `&str` si es fijo y `String` si lleva valores.
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => message,
            None => payload.downcast_ref::<String>().map_or("", String::as_str),
        };
        format!("{}: «{message}»", PLACE.take().unwrap_or_default())
    })
}

/// El gancho de pánico es uno para todo el proceso: dentro de un manejador solo anota el
/// lugar, que `catch_unwind` no cuenta; fuera, todo sigue como estaba.
fn install_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // Un hilo que ya destruye sus variables locales no puede estar en un manejador.
        if CONTAINED.try_with(Cell::get).unwrap_or(false) {
            PLACE.set(info.location().map(ToString::to_string));
        } else {
            previous(info);
        }
    }));
}
