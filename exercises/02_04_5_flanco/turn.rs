//! Un turno: cuánto dura, y cómo acaba.

/// Bytes leídos que acaban un turno.
pub const TURN: usize = 64 * 1024;

/// Cómo acaba un turno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Puede seguir ya mismo, sin que epoll diga nada: necesita otro turno.
    Again,
    /// No puede seguir hasta el próximo aviso.
    Wait,
    /// Ya lo tiene todo: se puede cerrar.
    Done,
}
