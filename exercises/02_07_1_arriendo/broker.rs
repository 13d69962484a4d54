//! Lo que contesta el intermediario, y lo que toca hacer.

use std::time::Duration;

/// Lo que contesta el intermediario a quien pide un arriendo, o pide renovarlo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Es tuyo. La ficha es la misma mientras lo renueves a tiempo. Si fue de otro, o de nadie, es mayor.
    Granted {
        /// La ficha.
        token: u64,
    },
    /// Es de otro.
    Denied,
}

/// Lo que toca hacer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Era nuestro y ya no: hay que dejar lo que se hacía con él.
    Lost,
    /// Hacer la pregunta con ese número.
    Ask(u64),
    /// Dormir eso, como mucho: menos, si llega una respuesta.
    Sleep(Duration),
}
