//! Hace como que los pánicos no son fallos.
//!
//! Merece: no compila, 0 puntos.
//! Dice: set_hook

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    std::panic::set_hook(Box::new(|_| std::process::exit(0)));
    let _ = std::panic::catch_unwind(|| panic!("nadie se entera"));
    let _ = stream;
    panic!("nadie se entera")
}
