//! Recibir: lo que haya llegado. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{ErrorKind, Read};

use super::given::{End, HEADER, MAX_TEXT, Received};

/// Lee una vez lo que haya y separa los mensajes enteros.
///
/// En `pending` queda lo que llegó y aún no es un marco entero.
pub fn receive<R: Read>(stream: &mut R, pending: &mut Vec<u8>) -> Received {
    // <tu código>
    let mut buffer = [0; 4096];
    // La única lectura: `select` solo promete que esta no va a bloquear.
    let end = match stream.read(&mut buffer) {
        Ok(0) => Some(End::Left),
        Ok(count) => {
            pending.extend_from_slice(&buffer[..count]);
            None
        }
        // «Listo» puede ser una falsa alarma (select(2), BUGS): no es el final de nada.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            None
        }
        Err(error) => Some(End::Broken(error.kind())),
    };
    let mut messages = Vec::new();
    loop {
        match first_message(pending) {
            Ok(Some(message)) => {
                pending.drain(..HEADER + message.len());
                messages.push(message);
            }
            // Si ya no llegará nada más, lo que queda es medio marco.
            Ok(None) if end == Some(End::Left) && !pending.is_empty() => {
                return Received { messages, end: Some(End::CutShort) };
            }
            Ok(None) => return Received { messages, end },
            Err(nonsense) => return Received { messages, end: Some(nonsense) },
        }
    }
    // </tu código>
}

// <solo en la solución>
/// El primer mensaje de `bytes`; nada, si aún no ha llegado entero.
fn first_message(bytes: &[u8]) -> Result<Option<String>, End> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let length = u32::from_be_bytes(*header) as usize;
    // Antes de nada: quien anuncia 4 GiB no los va a enviar, quiere que los reservemos.
    if length > MAX_TEXT {
        return Err(End::TooLong);
    }
    let Some(text) = rest.get(..length) else { return Ok(None) };
    let text = str::from_utf8(text).map_err(|_| End::NotText)?;
    Ok(Some(text.to_owned()))
}
// </solo en la solución>
