//! Los errores del sistema, de su nombre (`EAGAIN`) a lo que se dice de ellos, y al revés.

use std::io;

use multiplexacion::errors::reason;
use nix::errno::Errno;

/// Lo que se dice del error `name`, si es alguno.
pub(crate) fn said_of(name: &str) -> Option<String> {
    all().find(|errno| format!("{errno:?}") == name).map(said)
}

/// El nombre del error del que se dice `text`, si es alguno.
#[cfg(feature = "pagina")]
pub(crate) fn name_of(text: &str) -> Option<String> {
    all().find(|errno| said(*errno) == text).map(|errno| format!("{errno:?}"))
}

/// Los de Linux: errno(3).
fn all() -> impl Iterator<Item = Errno> {
    (1..134).map(Errno::from_raw)
}

fn said(errno: Errno) -> String {
    reason(&io::Error::from(errno))
}
