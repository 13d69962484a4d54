//! Escribe donde puede mientras cabe, y lo deja ahí.
//!
//! Merece: *, 0 puntos.
//! Dice: disco

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    for folder in ["/tmp", "/dev/shm", "/dev", "/", "/var/tmp", "{curso}", "{entregas}"] {
        for number in 0..10_000 {
            let file = format!("{folder}/basura-{}-{number}", std::process::id());
            if std::fs::write(file, vec![7; 1 << 20]).is_err() {
                break;
            }
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(1));
    Ok(0)
}
