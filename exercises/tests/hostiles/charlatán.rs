//! Deja a alguien escribiendo sin fin, y escribe sin fin.
//!
//! Merece: *, 0 puntos.

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let _ = std::process::Command::new("setsid").args(["yes", "charla"]).spawn();
    loop {
        println!("charla");
    }
}
