//! Quién es quién, sin mirar el número de su descriptor.

use std::fmt;

use serde::Serialize;

/// Identifica a un cliente mientras vive el programa.
///
/// No es el número del descriptor: el núcleo da al siguiente cliente el número más bajo que
/// esté libre (open(2)), y quien guardara cosas por ese número las heredaría.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identificadores nuevos, por orden de llegada: 1, 2, 3… Ninguno se repite.
#[derive(Debug, Default)]
pub struct ClientIds {
    given: u64,
}

impl ClientIds {
    /// El del siguiente cliente.
    pub fn next_id(&mut self) -> ClientId {
        self.given += 1;
        ClientId(self.given)
    }
}
