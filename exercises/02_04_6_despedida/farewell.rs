//! Por qué se va un cliente, y qué se dice de él.

use std::io::ErrorKind;

/// Por qué se va un cliente.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Terminó.
    Left,
    /// Su conexión falló, y cómo.
    Broken(ErrorKind),
}

/// Una despedida.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// De quién.
    pub id: u64,
    /// Por qué.
    pub reason: Reason,
    /// Cuántos bytes dijo.
    pub heard: usize,
}
