//! Duerme más que todos los plazos.
//!
//! Merece: *, 0 puntos.

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    std::thread::sleep(std::time::Duration::from_secs(100_000));
    Ok(0)
}
