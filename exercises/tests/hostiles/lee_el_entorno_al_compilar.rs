//! Mete en el programa una variable de quien califica.
//!
//! Merece: no compila, 0 puntos.
//! Dice: SECRETO

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    panic!("{}", env!("SECRETO"))
}
