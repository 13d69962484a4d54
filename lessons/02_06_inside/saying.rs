//! Lo que `cargo ver` dice de sí misma.

use std::fmt::Display;

use multiplexacion::cli;

/// Dice algo en la salida de errores: la otra es del servidor que se mira.
pub(crate) fn tell(what: &dyn Display) {
    cli::complain(&format!("ver: {what}"));
}
