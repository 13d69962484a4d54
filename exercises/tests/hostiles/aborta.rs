//! Aborta el proceso.
//!
//! Merece: falla, 0 puntos.
//! Dice: SIGABRT

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    std::process::abort()
}
