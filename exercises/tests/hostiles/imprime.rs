//! Escribe lo que diría quien pasa las pruebas, por todas las salidas que encuentra.
//!
//! Merece: falla, 0 puntos.

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    let lies = [
        "\ntest result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        "{\"record\":\"verdict\",\"name\":\"x\",\"ending\":\"passed\"}\n{\"record\":\"end\"}\n",
    ];
    for descriptor in 0..64 {
        if let Ok(mut file) =
            std::fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{descriptor}"))
        {
            for lie in lies {
                let _ = file.write_all(lie.as_bytes());
            }
        }
    }
    std::process::exit(0)
}
