//! Vuelve a dejarse mirar por dentro, donde está la clave de su veredicto.
//!
//! Merece: no compila, 0 puntos.
//! Dice: set_dumpable
//! Nunca: pude: true

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    nix::sys::prctl::set_dumpable(true)?;
    let memory = std::fs::OpenOptions::new().read(true).write(true).open("/proc/self/mem");
    panic!("pude: {}", memory.is_ok())
}
