//! Guarda sin fin.
//!
//! Merece: sin memoria o falla, 0 puntos.
//! Dice: agotó su memoria

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; 1 << 24]);
    }
}
