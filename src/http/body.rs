//! El cuerpo de una petición, que aquí solo se salta.

use httparse::Status::{Complete, Partial};

use super::line::{MAX_HEAD, read_field};
use super::status::{Refusal, Status, bad, too_large};

/// Bytes de cuerpo que se leen, y se descartan, antes de renunciar.
pub const MAX_BODY: u64 = 1024 * 1024;

/// Bytes de la línea que anuncia cada trozo de un cuerpo `chunked`.
const MAX_CHUNK_LINE: usize = 256;

pub(super) const TOO_LARGE: Refusal =
    Refusal { status: Status::CONTENT_TOO_LARGE, reason: "el cuerpo pasa de 1 MiB" };

/// Lo que falta por leer del cuerpo de una petición.
///
/// Este servidor no lo usa, pero debe saber dónde acaba: lo que quedara sin leer se tomaría
/// por la petición siguiente.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// Faltan tantos bytes (`Content-Length`).
    Sized(u64),
    /// A trozos, cada uno con su tamaño delante (RFC 9112 §7.1).
    Chunked {
        /// Qué toca leer ahora.
        next: Chunk,
        /// Bytes que se han visto, con lo que rodea a los datos.
        total: u64,
    },
}

/// Parte de un cuerpo `chunked`.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk {
    /// La línea con el tamaño.
    Size,
    /// Los datos: faltan tantos bytes.
    Data(u64),
    /// El fin de línea tras los datos.
    DataEnd,
    /// Los campos finales, hasta una línea vacía: cuántos van, y cuántos bytes.
    Trailer {
        /// Campos.
        count: u16,
        /// Bytes.
        length: u16,
    },
    /// Nada: el cuerpo ha terminado.
    Done,
}

impl Body {
    /// Si no queda nada por leer.
    pub fn is_done(&self) -> bool {
        matches!(self, Body::Sized(0) | Body::Chunked { next: Chunk::Done, .. })
    }

    /// Cuántos de los primeros `bytes` son del cuerpo y ya se pueden descartar. Cero, sin
    /// haber terminado, significa que hace falta leer más. Errores: un trozo mal escrito, o más de
    /// [`MAX_BODY`] bytes en total.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match self {
            Body::Sized(missing) => Ok(skip_data(missing, bytes)),
            Body::Chunked { next, total } => {
                let mut used = 0;
                while *next != Chunk::Done {
                    let count = next.advance(&bytes[used..])?;
                    used += count;
                    *total += count as u64;
                    // Lo que un trozo anuncia cuenta desde que lo anuncia.
                    let announced = if let Chunk::Data(missing) = next { *missing } else { 0 };
                    if total.saturating_add(announced) > MAX_BODY {
                        return Err(TOO_LARGE);
                    }
                    if count == 0 {
                        break;
                    }
                }
                Ok(used)
            }
        }
    }
}

fn skip_data(missing: &mut u64, bytes: &[u8]) -> usize {
    let count = usize::try_from(*missing).map_or(bytes.len(), |most| most.min(bytes.len()));
    *missing -= count as u64;
    count
}

impl Chunk {
    /// Da un paso: cuántos bytes usó, o cero si necesita más.
    fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match self {
            Chunk::Size => self.read_size(bytes),
            Chunk::Data(missing) => {
                let count = skip_data(missing, bytes);
                if *missing == 0 {
                    *self = Chunk::DataEnd;
                }
                Ok(count)
            }
            Chunk::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    *self = Chunk::Size;
                    Ok(2)
                }
                [] | [b'\r'] => Ok(0),
                _ => Err(bad("tras los datos de un trozo debe venir un fin de línea")),
            },
            Chunk::Trailer { .. } => self.read_trailer(bytes),
            Chunk::Done => Ok(0),
        }
    }

    fn read_size(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let line = &bytes[..bytes.len().min(MAX_CHUNK_LINE)];
        match httparse::parse_chunk_size(line) {
            Ok(Complete((used, size))) if is_unambiguous(&line[..used]) => {
                let end = Chunk::Trailer { count: 0, length: 0 };
                *self = if size == 0 { end } else { Chunk::Data(size) };
                Ok(used)
            }
            Ok(Partial) if line.len() < MAX_CHUNK_LINE => Ok(0),
            Ok(Partial) => Err(bad("la línea de un trozo pasa de 256 bytes")),
            _ => Err(bad("el tamaño de un trozo no es válido")),
        }
    }

    /// Como los de una cabecera: con su sintaxis y con sus límites (RFC 9112 §7.1.2).
    fn read_trailer(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let Chunk::Trailer { count, length } = self else { return Ok(0) };
        let line = read_field(bytes, count)?;
        let used = line.map_or(0, |(_, used)| used);
        // Sin el final de la línea, aún tiene que caber al menos un byte.
        let missing = if line.is_none() { bytes.len() + 1 } else { 0 };
        let seen = usize::from(*length) + used;
        if seen + missing > MAX_HEAD {
            return Err(too_large("el final del cuerpo pasa de 8 KiB"));
        }
        *length = u16::try_from(seen).unwrap_or(u16::MAX);
        if let Some((None, _)) = line {
            *self = Chunk::Done;
        }
        Ok(used)
    }
}

/// `httparse` perdona un tamaño sin cifras, que toma por cero, y en una extensión, un LF suelto, donde
/// otro programa vería acabar la línea, o un carácter de control: cada uno mediría un cuerpo
/// distinto.
fn is_unambiguous(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    line[0].is_ascii_hexdigit()
        && text.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    #[test]
    fn un_cuerpo_chunked_se_salta_entero_y_nada_más() {
        let bytes = b"4;x=y\r\nhola\r\n0\r\nfin: si\r\n\r\nGET /";
        let mut body = Body::Chunked { next: Chunk::Size, total: 0 };
        let used = body.skip(bytes).unwrap();
        assert!(body.is_done());
        assert_eq!(&bytes[used..], b"GET /");
    }

    #[test]
    fn un_cuerpo_sin_fin_no_se_lee_para_siempre() {
        let mut body = Body::Chunked { next: Chunk::Size, total: 0 };
        let chunk = [b"10000\r\n", &vec![b'x'; 0x10000][..], b"\r\n"].concat();
        let refusal = (0..20).find_map(|_| body.skip(&chunk).err());
        assert_eq!(refusal.unwrap().status.code, 413);
    }

    /// Si acabó y cuántos bytes eran suyos, o el código con el que se rechaza, cuando llegan así.
    fn skip_in_pieces(
        bytes: &[u8],
        ends: impl Iterator<Item = usize>,
    ) -> Result<(bool, usize), u16> {
        let (mut body, mut start) = (Body::Chunked { next: Chunk::Size, total: 0 }, 0);
        for end in ends.chain([bytes.len()]) {
            start += body.skip(&bytes[start..end]).map_err(|refusal| refusal.status.code)?;
        }
        Ok((body.is_done(), start))
    }

    proptest! {
        #[test]
        fn un_cuerpo_chunked_se_salta_entero_llegue_como_llegue(
            chunks in vec(1_usize..40, 0..6),
            size in 1_usize..30,
        ) {
            let mut bytes: Vec<u8> = chunks.iter()
                .flat_map(|&length| format!("{length:x}\r\n{}\r\n", "x".repeat(length)).into_bytes())
                .collect();
            bytes.extend_from_slice(b"0\r\n\r\n");
            let ends = (0..bytes.len()).step_by(size);
            prop_assert_eq!(skip_in_pieces(&bytes, ends), Ok((true, bytes.len())));
        }

        #[test]
        fn ningún_corte_de_ningunos_bytes_cambia_el_veredicto(
            pieces in vec(prop_oneof![
                select(vec![
                    "0", "3", "a", "3\r\nabc\r\n", "0\r\n", ";x=y", "\r\n", "\n", "\r", "abc", "X: y", ":", " ",
                    "ffffffff", "\0",
                ]).prop_map(|text| text.as_bytes().to_vec()),
                vec(any::<u8>(), 0..3),
                Just(vec![b'x'; 200]),
            ], 0..14),
            cuts in vec(any::<Index>(), 0..5),
        ) {
            let bytes = pieces.concat();
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.sort_unstable();
            let whole = skip_in_pieces(&bytes, [].into_iter());
            prop_assert_eq!(skip_in_pieces(&bytes, ends.into_iter()), whole);
            prop_assert_eq!(skip_in_pieces(&bytes, 0..bytes.len()), whole);
        }
    }
}
