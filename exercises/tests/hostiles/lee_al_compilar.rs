//! Mete en el programa un archivo de quien califica.
//!
//! Merece: no compila, 0 puntos.
//! Dice: couldn't read

use std::io::{self, Read, Write};

const SECRET: &str = include_str!("{secreto}");

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    panic!("{}", SECRET)
}
