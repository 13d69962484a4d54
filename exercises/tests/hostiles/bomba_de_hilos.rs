//! Pide hilos mientras los haya, y no los suelta.
//!
//! Merece: *, 0 puntos.
//! Dice: procesos

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut count = 0;
    while std::thread::Builder::new()
        .stack_size(16384)
        .spawn(|| std::thread::sleep(std::time::Duration::from_secs(4)))
        .is_ok()
    {
        count += 1;
    }
    std::thread::sleep(std::time::Duration::from_secs(1));
    Ok(count)
}
