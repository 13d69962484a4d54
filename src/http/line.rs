//! Las líneas de campos: las de una cabecera, y las del final de un cuerpo, con los mismos límites.

use httparse::Header;
use httparse::Status::{Complete, Partial};

use super::status::{Refusal, bad, too_large};

/// Bytes que puede ocupar la cabecera de una petición.
pub const MAX_HEAD: usize = 8 * 1024;

/// Campos que puede tener.
pub(super) const MAX_FIELDS: usize = 100;

pub(super) const CONTROL: Refusal = bad("lleva caracteres de control");

/// Lee la línea con la que empiezan `bytes`: un campo, o la línea vacía que los termina, y cuánto
/// ocupa. `None` si no ha llegado entera. `count` son los campos que van. Errores: una línea mal
/// escrita, o un campo de más.
pub(super) fn read_field<'a>(
    bytes: &'a [u8],
    count: &mut u16,
) -> Result<Option<(Option<Header<'a>>, usize)>, Refusal> {
    let Some(end) = memchr::memchr(b'\n', bytes) else { return Ok(None) };
    let mut field = [httparse::EMPTY_HEADER];
    let field = match httparse::parse_headers(&bytes[..=end], &mut field) {
        Ok(Complete(_)) => None,
        Ok(Partial) if usize::from(*count) == MAX_FIELDS => {
            return Err(too_large("hay más de 100 campos"));
        }
        Ok(Partial) => Some(field[0]),
        Err(httparse::Error::HeaderValue) => return Err(CONTROL),
        Err(_) => return Err(bad("un campo se escribe «Nombre: valor»")),
    };
    *count += u16::from(field.is_some());
    Ok(Some((field, end + 1)))
}
