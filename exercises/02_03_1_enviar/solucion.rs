//! Enviar: la longitud delante. La solución.

use std::io::{self, ErrorKind, Write};

/// Bytes de la longitud que va delante.
pub const HEADER: usize = 4;

/// Bytes de texto que admite un marco, como mucho.
pub const MAX_TEXT: usize = 65_536;

/// Envía `text` como un marco: su longitud en orden de red y, detrás, el texto.
pub fn send<W: Write>(stream: &mut W, text: &str) -> io::Result<()> {
    // Antes de escribir nada: quien recibe no puede entender medio marco.
    let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= MAX_TEXT);
    let length = length.ok_or(ErrorKind::InvalidInput)?;
    let mut frame = Vec::with_capacity(HEADER + text.len());
    // «be», de «big endian»: el byte más significativo primero, en cualquier máquina.
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(text.as_bytes());
    // Todo junto: casi siempre, una sola llamada. Si se queda corta, `write_all` insiste.
    stream.write_all(&frame)
}
