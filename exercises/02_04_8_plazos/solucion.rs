//! Plazos: dormir hasta que haga falta. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `patience.rs`, con cuánto se espera y qué dejó una lectura, y
//! `server.rs`, con el servidor que usa los plazos.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use nix::sys::epoll::EpollTimeout;

use super::patience::{Patience, Progress};

// <solo en la solución>
use std::time::Duration;
// </solo en la solución>

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
        // <tu código>
        // El anterior también está en las dos: si se quedara en la otra, vencería a su hora.
        self.remove(id);
        self.by_time.insert((when, id));
        self.by_client.insert(id, when);
        // </tu código>
    }

    /// Quita el plazo del cliente `id`, si lo tiene.
    pub fn remove(&mut self, id: u64) {
        // <tu código>
        if let Some(when) = self.by_client.remove(&id) {
            self.by_time.remove(&(when, id));
        }
        // </tu código>
    }

    /// El más próximo.
    pub fn next(&self) -> Option<Instant> {
        // <tu código>
        self.by_time.first().map(|(when, _)| *when)
        // </tu código>
    }

    /// Quita los que a la hora `now` ya vencieron, y dice de quiénes eran, por orden.
    pub fn expired(&mut self, now: Instant) -> Vec<u64> {
        // <tu código>
        let mut expired = Vec::new();
        // Solo se miran los que vencen y el primero que no.
        while let Some((when, id)) = self.by_time.first().copied().filter(|(when, _)| *when <= now)
        {
            self.by_time.remove(&(when, id));
            self.by_client.remove(&id);
            expired.push(id);
        }
        expired
        // </tu código>
    }
}

/// Cuánto puede dormir `epoll_wait` si la hora es `now` y el plazo más próximo es `next`.
pub fn timeout(next: Option<Instant>, now: Instant) -> EpollTimeout {
    // <tu código>
    let Some(next) = next else { return EpollTimeout::NONE };
    // `try_from` descarta la fracción de milisegundo. Despertar antes de la hora es despertar para
    // nada, y el último milisegundo, con un límite de cero, sería un bucle sin descanso.
    let left = next.saturating_duration_since(now) + Duration::from_nanos(999_999);
    EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    // </tu código>
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
        // <tu código>
        Pace { deadline: now + patience.idle, in_head: false }
        // </tu código>
    }

    /// Se leyó algo de él, a la hora `now`.
    pub fn on_read(&mut self, progress: Progress, patience: &Patience, now: Instant) {
        // <tu código>
        let starts = progress.in_head && (progress.answered || !self.in_head);
        if starts {
            self.deadline = now + patience.head;
        } else if progress.answered {
            self.deadline = now + patience.idle;
        }
        // Otro trozo de la misma cabecera, o líneas vacías, no compran ni un segundo.
        self.in_head = progress.in_head;
        // </tu código>
    }
}
