//! Los conjuntos de `select`, y lo que no cabe en ellos.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use multiplexacion::chat::ERROR;
use multiplexacion::cli::Trouble;
use multiplexacion::steps::{Shown, Step};
use nix::sys::select::FD_SETSIZE;
use nix::sys::time::{TimeVal, TimeValLike};

use crate::guest::Guest;

// ANCHOR: fits
/// `select` guarda los descriptores en un mapa de FD_SETSIZE bits, 1024: de los que no caben
/// no puede hablar. En C, anotarlos es escribir fuera del mapa (select(2)); en `nix`, un pánico.
pub(crate) fn fits_in_a_set(descriptor: impl AsFd) -> bool {
    usize::try_from(descriptor.as_fd().as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE)
}
// ANCHOR_END: fits

/// Un cliente, si su descriptor cabe. Al que no, se le dice y se le cierra.
pub(crate) fn who_fits(mut guest: Guest) -> Option<Guest> {
    if fits_in_a_set(&guest) {
        return Some(guest);
    }
    let (fd, client) = (guest.conn.raw_fd(), guest.conn.id());
    let last = FD_SETSIZE - 1;
    guest.leave(&format!("{ERROR}el chat está lleno: select no pasa del descriptor {last}"));
    // Recién aceptado, su búfer está vacío: el aviso cabe. Lo que ya hubiera enviado se lee para
    // que el cierre no reinicie la conexión.
    let _ = guest.conn.flush();
    let _ = guest.conn.fill(&mut [0; 1024]);
    Step::Close { fd, client, result: Shown(&"su descriptor no cabe en select") }.tell();
    None
}

/// Comprueba un descriptor de los que el programa no puede prescindir. Solo dejan de caber si
/// quien lo arrancó le dejó en herencia muchos abiertos.
pub(crate) fn must_fit_in_a_set(descriptor: impl AsFd) -> Result<(), Trouble> {
    if fits_in_a_set(descriptor) {
        return Ok(());
    }
    Err(Trouble::new(
        format!("ya hay abiertos más descriptores de los {FD_SETSIZE} que admite select"),
        "arráncalo desde otra terminal",
    ))
}

/// Lo que falta hasta ese momento; sin él, `select` duerme sin límite.
pub(crate) fn timeout_until(moment: Option<Instant>) -> Option<TimeVal> {
    let left = moment?.saturating_duration_since(Instant::now());
    // Hacia arriba: despertar antes de la hora sería despertar para nada.
    Some(TimeVal::microseconds(i64::try_from(left.as_micros()).unwrap_or(i64::MAX) + 1))
}
