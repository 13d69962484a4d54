//! Usa `unsafe`.
//!
//! Merece: no compila, 0 puntos.
//! Dice: unsafe

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let _ = stream;
    Ok(unsafe { *(8 as *const u64) })
}
