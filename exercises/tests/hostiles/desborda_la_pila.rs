//! Se llama a sí misma sin fin.
//!
//! Merece: falla, 0 puntos.
//! Dice: pila

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    fn deeper(depth: u64) -> u64 {
        let room = std::hint::black_box([depth; 512]);
        deeper(depth + 1) + room[0]
    }
    Ok(deeper(0))
}
