//! Mete en el suyo un programa ya compilado de quien califica.
//!
//! Merece: no compila, 0 puntos.

use std::io::{self, Read, Write};

const PROGRAM: &[u8] = include_bytes!("{curso}/../target/debug/curso");

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    Ok(PROGRAM.len() as u64)
}
