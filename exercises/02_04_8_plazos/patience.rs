//! Cuánto se espera a un cliente, y lo que deja cada lectura.

use std::time::Duration;

/// Cuánto se espera a un cliente.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Para una cabecera, desde su primer byte.
    pub head: Duration,
    /// Entre una petición y otra.
    pub idle: Duration,
}

/// Lo que dejó una lectura.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Se respondió a alguna petición.
    pub answered: bool,
    /// Queda una cabecera a medias.
    pub in_head: bool,
}
