//! Lo que hay en la carpeta que se sirve, y por qué a veces no hay nada.

use std::fs::File;

use multiplexacion::http::Status;

/// La petición está mal escrita.
pub const BAD_REQUEST: Status = Status::BAD_REQUEST;
/// Ahí no hay nada que servir.
pub const NOT_FOUND: Status = Status { code: 404, phrase: "Not Found" };

/// Un archivo que se puede servir.
#[derive(Debug)]
pub struct Found {
    /// Abierto para leer.
    pub file: File,
    /// Lo que mide.
    pub length: u64,
    /// La extensión de su nombre; vacía, si no tiene.
    pub extension: String,
}
