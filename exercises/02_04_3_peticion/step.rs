//! Lo que puede dar un EPOLLIN.

use std::io::ErrorKind;

/// Bytes que puede ocupar una cabecera, como mucho.
pub const MAX_HEAD: usize = 8192;

/// Lo que dio un EPOLLIN.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Falta algo: hay que esperar a otro EPOLLIN.
    Wait,
    /// La cabecera entera, con su línea vacía.
    Head(Vec<u8>),
    /// La cabecera pasa de [`MAX_HEAD`] bytes.
    TooLong,
    /// El otro lado cerró, y no había dejado nada a medias.
    Left,
    /// El otro lado cerró a mitad de una cabecera.
    CutShort,
    /// El socket falló, y cómo.
    Broken(ErrorKind),
}
