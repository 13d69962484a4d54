//! Lo que se da hecho: las medidas de un marco.

/// Bytes de la longitud que va delante.
pub const HEADER: usize = 4;

/// Bytes de texto que admite un marco, como mucho.
pub const MAX_TEXT: usize = 65_536;
