//! Lo que se da hecho: cómo puede terminar una conversación, y cuánto guarda la conexión.

use multiplexacion::connection::Limits;
use multiplexacion::frame::{HEADER, MAX_TEXT};

/// Cómo terminó la conversación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Como queríamos: se acabó el teclado, cerramos nuestro lado y después cerró el servidor.
    Ours,
    /// El servidor cerró antes.
    Theirs,
}

/// Lo que guarda la conexión: un marco a medio llegar, y 128 KiB por enviar.
pub static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 128 * 1024 };
