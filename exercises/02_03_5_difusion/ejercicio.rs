//! Difundir, con uno que ya no está. El enunciado está en enunciado.md, en esta misma carpeta.

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::Overflow;
use multiplexacion::frame;

use super::room::{Reason, Room, left};

impl Room {
    /// Difunde un mensaje a todos menos a quien lo envió.
    pub fn broadcast(&mut self, from: ClientId, text: &str) {
        todo!("Escribe esto en exercises/02_03_5_difusion/ejercicio.rs")
    }

    /// Escribe lo encolado y quita a quien toca, hasta que no quede nada por hacer.
    pub fn settle(&mut self) {
        todo!("Escribe esto en exercises/02_03_5_difusion/ejercicio.rs")
    }
}
