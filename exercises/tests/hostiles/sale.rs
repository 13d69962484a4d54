//! Termina el proceso como si todo fuera bien.
//!
//! Merece: falla, 0 puntos.
//! Dice: exit

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    std::process::exit(0)
}
