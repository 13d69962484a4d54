//! El marco del chat: 4 bytes de longitud, en orden de red, y luego ese texto en UTF-8.
//!
//! Es lo que hablan `LengthDelimitedCodec` de `tokio_util` y `{packet, 4}` de Erlang. El arnés
//! tiene el suyo y no usa el de la biblioteca: si los dos se equivocaran igual, nadie lo notaría.

use std::io::{self, Read};

/// Los bytes de la longitud.
pub const HEADER: usize = 4;

/// El texto más largo que cabe en un marco, en bytes.
pub const MAX_TEXT: usize = 65_536;

/// El marco que lleva `text`.
///
/// No comprueba el máximo: las pruebas también mandan lo que no se debe.
pub fn encode(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), text].concat()
}

/// El texto del marco siguiente; `None` si el otro extremo cerró entre dos marcos. Errores: los de leer,
/// o un texto que no es UTF-8.
///
/// Tampoco comprueba el máximo: quien ha de hacerlo es el programa que se prueba.
pub fn read(mut from: impl Read) -> io::Result<Option<String>> {
    let mut header = [0; HEADER];
    if from.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut header[1..])?;
    let mut text = vec![0; u32::from_be_bytes(header) as usize];
    from.read_exact(&mut text)?;
    String::from_utf8(text)
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Lo que hay al comienzo de unos bytes recibidos.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Todavía no ha llegado el marco entero.
    Incomplete,
    /// Un texto, y cuántos bytes ocupaba su marco.
    Text(String, usize),
    /// Una longitud mayor que [`MAX_TEXT`].
    TooLong(u32),
    /// Un marco entero cuyo texto no es UTF-8, y cuántos bytes ocupaba.
    NotUtf8(usize),
}

pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Decoded::Incomplete;
    };
    let announced = u32::from_be_bytes(*header);
    let length = announced as usize;
    if length > MAX_TEXT {
        return Decoded::TooLong(announced);
    }
    let Some(body) = rest.get(..length) else {
        return Decoded::Incomplete;
    };
    match std::str::from_utf8(body) {
        Ok(text) => Decoded::Text(text.to_owned(), HEADER + length),
        Err(_) => Decoded::NotUtf8(HEADER + length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_longitud_va_en_orden_de_red() {
        assert_eq!(encode("ño"), b"\x00\x00\x00\x03\xc3\xb1o");
    }

    #[test]
    fn lo_que_se_codifica_se_descodifica() {
        let bytes = encode("hola");
        assert_eq!(decode(&bytes), Decoded::Text("hola".to_owned(), 8));
        assert_eq!(decode(&bytes[..7]), Decoded::Incomplete);
        assert_eq!(decode(&bytes[..3]), Decoded::Incomplete);
        assert_eq!(decode(b"\x00\x00\x00\x01\xff"), Decoded::NotUtf8(5));
        assert_eq!(decode(b"\x00\x01\x00\x01"), Decoded::TooLong(65_537));
    }
}
