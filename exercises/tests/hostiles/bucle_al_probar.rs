//! Da vueltas sin fin y sin dormir.
//!
//! Merece: *, 0 puntos.

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut turns = 0_u64;
    while std::hint::black_box(turns) < u64::MAX {
        turns = turns.wrapping_add(1) % 1_000_000;
    }
    Ok(turns)
}
