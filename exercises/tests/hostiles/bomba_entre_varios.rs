//! Guarda poco en cada uno de muchos procesos: ninguno pasa de su límite.
//!
//! Merece: sin memoria o falla, 0 puntos.
//! Dice: agotó su memoria

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let hoard = "for i in $(seq 40); do head -c 90000000 /dev/zero | tail -c 90000000 | sleep 9 & done; wait";
    let _ = std::process::Command::new("sh").args(["-c", hoard]).status();
    Ok(0)
}
