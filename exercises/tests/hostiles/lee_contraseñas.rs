//! Mete en el programa los archivos de siempre.
//!
//! Merece: no compila, 0 puntos.
//! Dice: couldn't read

use std::io::{self, Read, Write};

const USERS: &str = include_str!("/etc/passwd");

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    panic!("{}", USERS)
}
