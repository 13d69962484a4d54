//! Lo que se da hecho: por qué una línea no tiene resultado, y cuánto puede medir.

/// No es `NÚMERO OPERADOR NÚMERO`.
pub const NOT_UNDERSTOOD: &str = "no entiendo eso";
/// Dividir entre cero.
pub const DIVISION_BY_ZERO: &str = "no se puede dividir entre cero";
/// No cabe en un `i64`.
pub const OVERFLOW: &str = "el resultado no cabe en 64 bits";
/// La línea pasa de [`MAX_LINE`].
pub const TOO_LONG: &str = "la línea es demasiado larga";

/// Bytes de una línea, como mucho, sin contar su final.
pub const MAX_LINE: usize = 1024;
