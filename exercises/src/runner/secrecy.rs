//! Que un proceso no se deje mirar por dentro.
//!
//! Un programa en Rust sin `unsafe` puede abrir `/proc/self/mem`, leer su propia memoria y cambiarla:
//! encontraría la clave, o el código que juzga. De un proceso que no es «volcable» (prctl(2),
//! `PR_SET_DUMPABLE`) esos archivos son de root, y quien no lo sea no los abre. Por eso `clase`, tras
//! su muro, ejecuta las pruebas como otro usuario.

use nix::sys::prctl::set_dumpable;

/// Desde ahora, nadie mira este proceso por dentro. Los que arranque sí se dejan.
pub(super) fn keep() {
    // Si el núcleo no quiere, queda la clave.
    let _ = set_dumpable(false);
}

/// Lo contrario, mientras se mira.
pub(super) fn lift() {
    let _ = set_dumpable(true);
}
