//! Pide a rustc un programa de tres gigas.
//!
//! Merece: *, 0 puntos.
//! Dice: Al compilarlo

static HUGE: [u64; 400 << 20] = [7; 400 << 20];

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    Ok(HUGE[total_of(stream)?])
}

fn total_of<S: Read>(stream: &mut S) -> io::Result<usize> {
    stream.read(&mut [0; 4])
}
