//! Que un proceso no se deje mirar por dentro.
//!
//! Un programa en Rust sin `unsafe` puede abrir `/proc/self/mem`, leer su propia memoria y cambiarla:
//! encontraría la clave, o el código que juzga. De un proceso que no es «volcable» (prctl(2),
//! `PR_SET_DUMPABLE`) esos archivos son de root, y quien no lo sea no los abre. Por eso `clase`, tras
//! su muro, ejecuta las pruebas como otro usuario.

use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::prctl::set_dumpable;

/// Cómo se avisa de que esta prueba ya no puede pasar. Devuelve si alguien se entera.
static WARNING: OnceLock<fn() -> bool> = OnceLock::new();

/// Desde ahora, nadie mira este proceso por dentro. Los que arranque sí se dejan.
pub(crate) fn keep() {
    // Si el núcleo no quiere, queda la clave.
    let _ = set_dumpable(false);
}

/// Desde ahora, antes de dejarse mirar se llama a `warn`.
pub(crate) fn warn_before_lifting(warn: fn() -> bool) {
    let _ = WARNING.set(warn);
}

/// Hace `look`, que necesita mirar este proceso por dentro: dónde duerme cada hilo (proc(5)).
///
/// Mientras se mira, el código de quien aprende también puede hacerlo. Así que se mira solo para
/// contar un fallo, y de esta prueba ya no se cree que pase.
pub(crate) fn lifted<T>(look: impl FnOnce() -> T) -> T {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !WARNING.get().is_some_and(|warn| warn()) {
        // No lo ejecuta un encargado: no hay nada que guardar.
        return look();
    }
    let _ = set_dumpable(true);
    let seen = look();
    keep();
    seen
}
