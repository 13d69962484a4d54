//! La cuenta que lleva cada motor de lo que hace, que viaja en una línea de JSON por la salida estándar.

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// Lo que un motor lleva hecho desde que arrancó.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Llamadas al sistema para esperar, leer, escribir, aceptar y registrar.
    pub(crate) calls: u64,
    pub(crate) wakeups: u64,
    /// Clientes a los que no se pudo atender.
    pub(crate) refused: u64,
    /// Cambios de contexto, de todos sus hilos (getrusage(2)): los que pidió al dormirse y los
    /// que no pidió.
    pub(crate) switches: u64,
}

impl Tally {
    /// La cuenta, con los cambios de contexto de este proceso.
    pub(crate) fn of_this_process(calls: u64, wakeups: u64, refused: u64) -> Tally {
        let switches = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
            usage.voluntary_context_switches() + usage.involuntary_context_switches()
        });
        Tally { calls, wakeups, refused, switches: u64::try_from(switches).unwrap_or(0) }
    }

    /// La línea en que viaja.
    pub(crate) fn line(self) -> std::io::Result<String> {
        Ok(serde_json::to_string(&self)?)
    }

    /// Lo hecho entre `before` y esta cuenta.
    pub(crate) fn since(self, before: Tally) -> Tally {
        Tally {
            calls: self.calls - before.calls,
            wakeups: self.wakeups - before.wakeups,
            refused: self.refused - before.refused,
            switches: self.switches - before.switches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_hecho_entre_dos_cuentas_es_su_diferencia_cuenta_a_cuenta() {
        let before = Tally { calls: 1, wakeups: 2, refused: 3, switches: 4 };
        let after = Tally { calls: 11, wakeups: 22, refused: 33, switches: 44 };
        assert_eq!(
            after.since(before),
            Tally { calls: 10, wakeups: 20, refused: 30, switches: 40 }
        );
    }
}
