//! Guarda en archivos que solo están en memoria, y no se ven en ningún proceso.
//!
//! Merece: *, 0 puntos.

use std::fs::File;
use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut hoard = Vec::new();
    for number in 0..512 {
        let Ok(file) = nix::sys::memfd::memfd_create(c"x", nix::sys::memfd::MFdFlags::empty()) else {
            break;
        };
        let mut file = File::from(file);
        let _ = file.write_all(&vec![number as u8; 48 << 20]);
        hoard.push(file);
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    Ok(0)
}
