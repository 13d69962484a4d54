//! Cómo va un envío, y de cuánto en cuánto se lee.

/// Bytes del archivo que se leen de una vez.
pub const CHUNK: usize = 64 * 1024;

/// Cómo va un envío.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Falta algo: hay que esperar a otro EPOLLOUT.
    Wait,
    /// Está todo escrito.
    Done,
    /// No se puede terminar.
    Broken,
}
