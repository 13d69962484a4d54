//! Compila, y el programa ocupa mucho en el disco de quien califica.
//!
//! Merece: no compila, 0 puntos.
//! Dice: pasa de 64 MiB

use std::io::{self, Read, Write};

static FILLING: [u8; 100 << 20] = [7; 100 << 20];

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let place = std::process::id() as usize;
    stream.write_all(&FILLING[place..place + 1])?;
    Ok(0)
}
