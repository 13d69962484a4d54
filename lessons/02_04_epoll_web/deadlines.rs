//! Quién se está retrasando, sin mirar a todos en cada vuelta.

use std::collections::BTreeSet;
use std::time::Instant;

use multiplexacion::client_id::ClientId;

/// Alarmas por orden de hora: una por cliente.
///
/// Una alarma puede sonar antes del plazo de su cliente, nunca después. Así, aplazar un plazo,
/// que ocurre con cada petición, no toca el conjunto; cuando suena una alarma temprana, se
/// pone otra a la hora buena.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    alarms: BTreeSet<(Instant, ClientId)>,
}

impl Deadlines {
    /// Pone una alarma.
    pub(crate) fn arm(&mut self, when: Instant, id: ClientId) {
        self.alarms.insert((when, id));
    }

    /// Quita una alarma: quien se fue no debe despertar a nadie.
    pub(crate) fn disarm(&mut self, when: Instant, id: ClientId) {
        self.alarms.remove(&(when, id));
    }

    /// Cuándo sonará la próxima.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.alarms.first().map(|(when, _)| *when)
    }

    /// Quita una alarma que ya deba sonar y dice de quién es.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<ClientId> {
        self.next().filter(|when| *when <= now)?;
        self.alarms.pop_first().map(|(_, id)| id)
    }
}
