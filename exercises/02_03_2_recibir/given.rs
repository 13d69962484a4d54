//! Lo que se da hecho: las medidas de un marco, y lo que puede dar una lectura.

use std::io::ErrorKind;

/// Bytes de la longitud que va delante.
pub const HEADER: usize = 4;

/// Bytes de texto que admite un marco, como mucho.
pub const MAX_TEXT: usize = 65_536;

/// Lo que dio una llamada a `receive`.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// Los mensajes que ya están enteros, en orden. Puede no haber ninguno.
    pub messages: Vec<String>,
    /// Por qué no habrá más, si no habrá más.
    pub end: Option<End>,
}

/// Por qué no habrá más mensajes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// El otro lado cerró entre dos marcos: lo normal.
    Left,
    /// El otro lado cerró a mitad de un marco.
    CutShort,
    /// Un marco anuncia más de [`MAX_TEXT`] bytes.
    TooLong,
    /// El texto de un marco no es UTF-8.
    NotText,
    /// El socket falló, y cómo.
    Broken(ErrorKind),
}
