//! Enviar: la longitud delante. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, Write};

use super::given::{HEADER, MAX_TEXT};

// <solo en la solución>
use std::io::ErrorKind;
// </solo en la solución>

/// Envía `text` como un marco: su longitud en orden de red y, detrás, el texto.
pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    // <tu código>
    // Antes de escribir nada: quien recibe no puede entender medio marco.
    let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= MAX_TEXT);
    let length = length.ok_or(ErrorKind::InvalidInput)?;
    let mut frame = Vec::with_capacity(HEADER + text.len());
    // «be», de «big endian»: el byte más significativo primero, en cualquier máquina.
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(text.as_bytes());
    // Todo junto: casi siempre, una sola llamada. Si se queda corta, `write_all` insiste.
    stream.write_all(&frame)
    // </tu código>
}
