//! Borra lo que encuentra.
//!
//! Merece: falla, 0 puntos.
//! Dice: borré: false

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut done = Vec::new();
    for folder in ["{curso}", "{entregas}", "/usr/bin", "/dependencias", "/rust", "/entrega", "/pruebas", "/"] {
        done.push(std::fs::remove_dir_all(folder).is_ok() || std::fs::remove_file(folder).is_ok());
    }
    panic!("borré: {}", done.contains(&true))
}
