//! La cuenta que lleva cada motor de lo que hace, y cómo viaja: una línea por la salida estándar.

use std::fmt;
use std::str::FromStr;

use nix::sys::resource::{UsageWho, getrusage};

/// Lo que un motor lleva hecho desde que arrancó.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Llamadas al sistema para esperar, leer, escribir, aceptar y registrar.
    pub(crate) calls: u64,
    /// Veces que una espera terminó.
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

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { calls, wakeups, refused, switches } = self;
        write!(f, "llamadas={calls} despertares={wakeups} rechazados={refused} cambios={switches}")
    }
}

impl FromStr for Tally {
    type Err = ();

    /// Las cuatro cuentas, y ninguna más: una línea vacía, de quien ya terminó, no es una cuenta
    /// a cero.
    fn from_str(line: &str) -> Result<Tally, ()> {
        let mut words = line.split_whitespace();
        let mut next = |name: &str| -> Result<u64, ()> {
            let word = words.next().ok_or(())?;
            let number = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
            number.ok_or(())?.parse().map_err(|_| ())
        };
        let tally = Tally {
            calls: next("llamadas")?,
            wakeups: next("despertares")?,
            refused: next("rechazados")?,
            switches: next("cambios")?,
        };
        if words.next().is_none() { Ok(tally) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_cuenta_va_y_vuelve_en_una_línea() {
        let tally = Tally { calls: 3, wakeups: 1, refused: 0, switches: 12 };
        assert_eq!(tally.to_string().parse(), Ok(tally));
        assert!("llamadas=muchas".parse::<Tally>().is_err());
        assert!("Escuchando en 127.0.0.1:1".parse::<Tally>().is_err());
        assert!(format!("{tally} más=1").parse::<Tally>().is_err());
    }

    #[test]
    fn una_línea_vacía_no_es_una_cuenta_a_cero() {
        assert!("".parse::<Tally>().is_err());
        assert!("llamadas=3 despertares=1 rechazados=0".parse::<Tally>().is_err());
    }

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
