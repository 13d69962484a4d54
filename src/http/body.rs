//! El cuerpo de una petición, que aquí solo se salta.

use httparse::Status::{Complete, Partial};

use super::status::{Refusal, Status, bad};

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
        /// Bytes de datos y de campos finales que se han visto.
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
    /// Los campos finales, hasta una línea vacía.
    Trailer,
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
                    if *total > MAX_BODY {
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
            Chunk::Trailer => self.read_trailer(bytes),
            Chunk::Done => Ok(0),
        }
    }

    fn read_size(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let line = &bytes[..bytes.len().min(MAX_CHUNK_LINE)];
        match httparse::parse_chunk_size(line) {
            Ok(Complete((used, size))) if is_unambiguous(&line[..used]) => {
                *self = if size == 0 { Chunk::Trailer } else { Chunk::Data(size) };
                Ok(used)
            }
            Ok(Partial) if line.len() < MAX_CHUNK_LINE => Ok(0),
            _ => Err(bad("el tamaño de un trozo no es válido")),
        }
    }

    fn read_trailer(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let line = &bytes[..bytes.len().min(MAX_CHUNK_LINE)];
        match memchr::memchr(b'\n', line) {
            Some(end) => {
                if matches!(&line[..end], [] | [b'\r']) {
                    *self = Chunk::Done;
                }
                Ok(end + 1)
            }
            None if line.len() < MAX_CHUNK_LINE => Ok(0),
            None => Err(bad("los campos finales de un cuerpo son demasiado largos")),
        }
    }
}

/// `httparse` perdona un tamaño sin cifras, que toma por cero, y un LF suelto en una extensión,
/// donde otro programa vería acabar la línea: los dos medirían cuerpos distintos.
fn is_unambiguous(line: &[u8]) -> bool {
    line[0].is_ascii_hexdigit() && memchr::memchr(b'\n', line) == Some(line.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn un_cuerpo_chunked_se_salta_entero_y_nada_más() {
        let bytes = b"4;x=y\r\nhola\r\n0\r\nfin: si\r\n\r\nGET /";
        let mut body = Body::Chunked { next: Chunk::Size, total: 0 };
        let used = body.skip(bytes).unwrap();
        assert!(body.is_done());
        assert_eq!(&bytes[used..], b"GET /");
    }

    #[test]
    fn un_trozo_mal_escrito_es_400() {
        for wrong in [
            &b"zz\r\n"[..],
            b"4\r\nholaX\r\n",
            b"99999999999999999999\r\n",
            &[b'0'; 300],
            b"\r\n",
            b" \r\n",
            b";x\r\n",
            b"4;\nhola\r\n",
            &[b"0\r\n", &[b'x'; 300][..], b"\r\n"].concat(),
        ] {
            let mut body = Body::Chunked { next: Chunk::Size, total: 0 };
            assert_eq!(body.skip(wrong).unwrap_err().status.code, 400, "{wrong:?}");
        }
    }

    #[test]
    fn un_cuerpo_sin_fin_no_se_lee_para_siempre() {
        let mut body = Body::Chunked { next: Chunk::Size, total: 0 };
        let chunk = [b"10000\r\n", &vec![b'x'; 0x10000][..], b"\r\n"].concat();
        let refusal = (0..20).find_map(|_| body.skip(&chunk).err());
        assert_eq!(refusal.unwrap().status.code, 413);
    }

    proptest! {
        #[test]
        fn cualquier_corte_de_un_cuerpo_chunked_se_salta_igual(
            chunks in prop::collection::vec(1_usize..40, 0..6),
            size in 1_usize..30,
        ) {
            let mut bytes: Vec<u8> = chunks.iter()
                .flat_map(|&length| format!("{length:x}\r\n{}\r\n", "x".repeat(length)).into_bytes())
                .collect();
            bytes.extend_from_slice(b"0\r\n\r\n");
            let (mut body, mut start) = (Body::Chunked { next: Chunk::Size, total: 0 }, 0);
            for received in (0..bytes.len()).step_by(size).chain([bytes.len()]) {
                start += body.skip(&bytes[start..received.max(start)]).unwrap();
            }
            prop_assert!(body.is_done());
            prop_assert_eq!(start, bytes.len());
        }

        #[test]
        fn ningunos_bytes_provocan_un_pánico(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Body::Chunked { next: Chunk::Size, total: 0 }.skip(&bytes);
        }
    }
}
