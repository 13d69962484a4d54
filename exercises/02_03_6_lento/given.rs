//! Lo que se da hecho: cuánto se guarda, y qué se dice a quien no lo lee.

/// Bytes que pueden esperar en la cola de un cliente, como mucho.
pub const LIMIT: usize = 256 * 1024;

/// Lo último que se le dice a quien no lee.
pub const NOT_READING: &str = "ERROR: no lees lo que se te envía, y no se guarda más";

/// Eso no cabe en la cola.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;
