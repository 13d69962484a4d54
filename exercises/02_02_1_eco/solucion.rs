//! Eco hasta el final de la entrada. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, Read, Write};

// <solo en la solución>
use std::io::ErrorKind;
// </solo en la solución>

/// Devuelve a `stream` cada byte que llega, en orden, hasta el final de la entrada.
///
/// Dice cuántos bytes devolvió.
pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    // <tu código>
    let mut buffer = [0; 4096];
    let mut total = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            // Cero bytes es el final: el cliente cerró su lado (read(2)).
            Ok(0) => return Ok(total),
            Ok(count) => count,
            // Una señal despertó a la llamada antes de que llegara nada (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // `write` puede quedarse corto; `write_all` insiste hasta el último byte. Y solo los
        // `count` que llegaron: el resto del búfer es de antes.
        stream.write_all(&buffer[..count])?;
        total += count as u64;
    }
    // </tu código>
}
