//! Busca un secreto en el entorno, en los procesos y en los archivos, y lo enseña.
//!
//! Merece: falla, 0 puntos.
//! Dice: encontré
//! Nunca: root:

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let mut found = format!("{:?}", std::env::vars().collect::<Vec<_>>());
    let mut places = vec!["{secreto}".to_owned(), "{curso}/Cargo.toml".to_owned()];
    for folder in ["/proc", "/root", "/home", "/tmp", "/etc", "/srv"] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if folder == "/proc" && !entry.file_name().to_string_lossy().starts_with(char::is_numeric) {
                continue;
            }
            places.extend([path.clone(), path.join("environ"), path.join("cmdline")].map(|it| it.display().to_string()));
        }
    }
    for place in places {
        found += &String::from_utf8_lossy(&std::fs::read(place).unwrap_or_default());
    }
    panic!("encontré: {found}")
}
