//! Un plazo para quien calla. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// Lo que se dice a quien calla demasiado.
pub const FAREWELL: &str = "Adiós: llevas demasiado tiempo en silencio.\n";

/// Cómo terminó una conversación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// El cliente cerró su lado.
    Closed,
    /// No envió nada en todo un plazo.
    Silent,
    /// No leyó nada en todo un plazo.
    Deaf,
}

/// Devuelve al cliente lo que envía, mientras dé noticias al menos cada `patience`.
pub fn attend(stream: &TcpStream, patience: Duration) -> io::Result<End> {
    todo!("Escribe esto en exercises/02_02_5_plazo/ejercicio.rs")
}
