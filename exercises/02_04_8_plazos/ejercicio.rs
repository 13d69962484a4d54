//! Plazos: dormir hasta que haga falta. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `patience.rs`, con cuánto se espera y qué dejó una lectura, y
//! `server.rs`, con el servidor que usa los plazos.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use nix::sys::epoll::EpollTimeout;

use super::patience::{Patience, Progress};

/// Los plazos de todos los clientes: la misma cuenta, de dos formas.
#[derive(Debug, Default)]
pub struct Deadlines {
    /// Por orden de hora: el primero es el más próximo.
    pub by_time: BTreeSet<(Instant, u64)>,
    /// El de cada cliente, para encontrarlo entre los otros.
    pub by_client: HashMap<u64, Instant>,
}

impl Deadlines {
    /// Pone el plazo del cliente `id`, en lugar del que tuviera.
    pub fn set(&mut self, id: u64, when: Instant) {
        todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
    }

    /// Quita el plazo del cliente `id`, si lo tiene.
    pub fn remove(&mut self, id: u64) {
        todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
    }

    /// El más próximo.
    pub fn next(&self) -> Option<Instant> {
        todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
    }

    /// Quita los que a la hora `now` ya vencieron, y dice de quiénes eran, por orden.
    pub fn expired(&mut self, now: Instant) -> Vec<u64> {
        todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
    }
}

/// Cuánto puede dormir `epoll_wait` si la hora es `now` y el plazo más próximo es `next`.
pub fn timeout(next: Option<Instant>, now: Instant) -> EpollTimeout {
    todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
}

/// El ritmo de un cliente.
#[derive(Debug)]
pub struct Pace {
    /// Hasta cuándo se le espera.
    pub deadline: Instant,
    /// Tiene una cabecera a medias.
    pub in_head: bool,
}

impl Pace {
    /// El de quien acaba de llegar, a la hora `now`.
    pub fn new(patience: &Patience, now: Instant) -> Pace {
        todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
    }

    /// Se leyó algo de él, a la hora `now`.
    pub fn on_read(&mut self, progress: Progress, patience: &Patience, now: Instant) {
        todo!("Escribe esto en exercises/02_04_8_plazos/ejercicio.rs")
    }
}
