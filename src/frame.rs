//! Marcos: dónde acaba cada mensaje dentro de un flujo de bytes.
//!
//! TCP entrega bytes, no mensajes: dos `write` pueden llegar en un `read`, y uno en varios.
//! Un marco lleva delante su longitud, cuatro bytes en orden de red (el más significativo
//! primero), y después tantos bytes de texto UTF-8. Es el formato de `{packet, 4}` en Erlang
//! y de `LengthDelimitedCodec` en `tokio_util`.
//!
//! ```text
//! 00 00 00 04  68 6f 6c 61
//! └ longitud ┘ └ "hola" ─┘
//! ```

use std::fmt;
use std::str;

/// Bytes de la longitud que va delante.
pub const HEADER: usize = 4;

/// Bytes de texto que admite un marco, como mucho.
pub const MAX_TEXT: usize = 65_536;

/// Por qué unos bytes no son un marco.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Anuncia, o llevaría, más texto que [`MAX_TEXT`]: tantos bytes.
    TooLong(usize),
    /// El texto no es UTF-8.
    NotText,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong(length) => {
                write!(f, "un marco lleva como mucho {MAX_TEXT} bytes de texto, no {length}")
            }
            FrameError::NotText => f.write_str("el texto de un marco debe ser UTF-8"),
        }
    }
}

impl std::error::Error for FrameError {}

// ANCHOR: encode
/// Un marco con `text`: longitud y texto juntos, para que salgan en una sola escritura. Errores:
/// [`FrameError::TooLong`] si el texto no cabe.
pub fn encode(text: &str) -> Result<Vec<u8>, FrameError> {
    let length = text.len();
    let header = u32::try_from(length).ok().filter(|_| length <= MAX_TEXT);
    let header = header.ok_or(FrameError::TooLong(length))?.to_be_bytes();
    Ok([&header, text.as_bytes()].concat())
}
// ANCHOR_END: encode

// ANCHOR: decode
/// El primer marco de `bytes`: su texto y cuántos bytes ocupa en total. `None` si aún no ha
/// llegado entero.
///
/// La longitud se comprueba en cuanto se conoce, antes de guardar un solo byte de texto. Errores:
/// los dos de [`FrameError`]; lo que venga detrás ya no se puede interpretar.
pub fn decode(bytes: &[u8]) -> Result<Option<(&str, usize)>, FrameError> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*header) as usize;
    // ANCHOR: bound
    if length > MAX_TEXT {
        return Err(FrameError::TooLong(length));
    }
    // ANCHOR_END: bound
    // ANCHOR: not_yet
    let Some(text) = rest.get(..length) else {
        return Ok(None);
    };
    // ANCHOR_END: not_yet
    let text = str::from_utf8(text).map_err(|_| FrameError::NotText)?;
    Ok(Some((text, HEADER + length)))
}
// ANCHOR_END: decode

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t3_04_la_longitud_son_cuatro_bytes_en_orden_de_red() {
        assert_eq!(encode("añ").unwrap(), [0, 0, 0, 3, b'a', 0xC3, 0xB1]);
    }

    #[test]
    fn una_longitud_hostil_se_rechaza_con_solo_la_cabecera() {
        assert_eq!(decode(&[0xFF; 4]), Err(FrameError::TooLong(0xFFFF_FFFF)));
        assert_eq!(decode(&65_537_u32.to_be_bytes()), Err(FrameError::TooLong(65_537)));
        assert_eq!(decode(&65_536_u32.to_be_bytes()), Ok(None));
    }

    #[test]
    fn un_marco_vacío_es_un_texto_vacío() {
        assert_eq!(decode(&[0; 4]), Ok(Some(("", 4))));
    }

    #[test]
    fn un_texto_que_no_cabe_no_se_codifica() {
        assert_eq!(encode(&"x".repeat(MAX_TEXT)).unwrap().len(), HEADER + MAX_TEXT);
        assert_eq!(encode(&"x".repeat(MAX_TEXT + 1)), Err(FrameError::TooLong(MAX_TEXT + 1)));
    }

    fn decode_all(pieces: &[&[u8]]) -> Vec<String> {
        let mut buffer = Vec::new();
        let mut texts = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some((text, used)) = decode(&buffer).unwrap() {
                texts.push(text.to_owned());
                buffer.drain(..used);
            }
        }
        texts
    }

    proptest! {
        #[test]
        fn cualquier_corte_da_los_mismos_mensajes(
            texts in prop::collection::vec(".{0,40}", 0..8),
            size in 1_usize..30,
        ) {
            let bytes: Vec<u8> = texts.iter().flat_map(|text| encode(text).unwrap()).collect();
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(decode_all(&pieces), texts);
        }

        #[test]
        fn ningunos_bytes_provocan_un_pánico(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
