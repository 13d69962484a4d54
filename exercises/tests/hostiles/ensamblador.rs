//! Pide al ensamblador que lea por él.
//!
//! Merece: no compila, 0 puntos.
//! Dice: unsafe

std::arch::global_asm!(".incbin \"/etc/passwd\"");

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let _ = stream;
    Ok(0)
}
