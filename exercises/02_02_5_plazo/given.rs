//! Lo que se da hecho: cómo puede terminar una conversación, y la despedida.

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
