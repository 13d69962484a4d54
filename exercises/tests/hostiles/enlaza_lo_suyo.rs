//! Pide que se enlace con una biblioteca que no está.
//!
//! Merece: no compila, 0 puntos.

#[link(name = "malvada", kind = "static")]
extern "C" {}

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let _ = stream;
    Ok(0)
}
