//! Los vecinos: lo que trabajan los demás programas de la máquina mientras se mide.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Instant;

use harness::procfs::{CurrentSI, KernelStats};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

use crate::wording::{lossy, number};

/// Procesadores ocupados por otros programas a partir de los cuales las cifras dejan de ser de fiar.
const NOISE: f64 = 0.15;

/// Cómo se anuncia en esta máquina quien está midiendo.
const SIGN: &str = "laboratorio del curso, midiendo";

/// Lo que se vio de ellos mientras se medía.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Procesadores que ocuparon, de media.
    pub(crate) processors: f64,
    /// Si otro laboratorio medía a la vez.
    pub(crate) another: bool,
}

impl Seen {
    /// Si trabajaron tanto que las esperas y lo que cabe en un segundo no dicen nada.
    pub(crate) fn noisy(&self) -> bool {
        self.another || self.processors > NOISE
    }

    /// Cuántas veces más puede gastar un programa por su culpa, sin haber cambiado: quien comparte
    /// procesador comparte también sus cachés. Medido: con un vecino por procesador, hasta el triple.
    pub(crate) fn drift(&self) -> f64 {
        1.0 + 2.0 * self.processors.max(if self.another { 1.0 } else { 0.0 })
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.another {
            warnings.push(
                "Otro laboratorio estaba midiendo a la vez: estas cifras no valen. Repítelo a solas."
                    .to_owned(),
            );
        }
        if self.processors > NOISE {
            warnings.push(format!(
                "Otros programas ocuparon de media {} procesadores mientras se medía. Lo que cada \
                 programa gasta lo resiste; las esperas largas y lo que cabe en un segundo, no tanto. \
                 Ciérralos y repite.",
                number(self.processors)
            ));
        }
        warnings
    }
}

pub(crate) struct Neighbours {
    total: f64,
    ours: f64,
    since: Instant,
    sign: io::Result<UnixListener>,
}

impl Neighbours {
    /// Empieza a mirar, y cuelga el cartel.
    pub(crate) fn watch() -> Neighbours {
        Neighbours::behind(SIGN)
    }

    fn behind(sign: &str) -> Neighbours {
        Neighbours {
            total: machine_seconds(),
            ours: our_seconds(),
            since: Instant::now(),
            sign: hang(sign),
        }
    }

    /// Lo visto desde [`watch`](Neighbours::watch).
    pub(crate) fn seen(&self) -> Seen {
        let others = (machine_seconds() - self.total) - (our_seconds() - self.ours);
        Seen {
            processors: (others / self.since.elapsed().as_secs_f64()).max(0.0),
            another: taken(&self.sign),
        }
    }
}

/// Si hay ya otro laboratorio midiendo.
pub(crate) fn another_measures() -> bool {
    taken(&hang(SIGN))
}

/// Cuelga el cartel de «midiendo». Un nombre abstracto (unix(7)) no deja ningún archivo, y se libera
/// solo al terminar el programa, también de mala manera.
fn hang(sign: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(sign)?)
}

fn taken(sign: &io::Result<UnixListener>) -> bool {
    sign.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// Segundos de procesador que lleva toda la máquina, sin los ociosos.
fn machine_seconds() -> f64 {
    KernelStats::current().map_or(0.0, |stats| {
        let time = stats.total;
        let interrupts = time.irq_ms().unwrap_or(0) + time.softirq_ms().unwrap_or(0);
        lossy(time.user_ms() + time.nice_ms() + time.system_ms() + interrupts) / 1000.0
    })
}

/// Los de este proceso y los de los servidores que ya terminaron.
#[expect(clippy::cast_precision_loss)]
fn our_seconds() -> f64 {
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
        .into_iter()
        .filter_map(|who| getrusage(who).ok())
        .map(|usage| (usage.user_time() + usage.system_time()).num_milliseconds() as f64 / 1000.0)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_vecinos_ruidosos_se_avisan_y_los_tranquilos_no() {
        let seen = |processors| Seen { processors, another: false };
        assert!(!seen(0.1).noisy() && seen(0.1).warnings().is_empty());
        assert!(seen(0.8).noisy());
        assert!(seen(0.8).warnings()[0].contains("de media 0,80 procesadores"));
    }

    #[test]
    fn de_dos_que_miden_a_la_vez_lo_dice_el_segundo_y_solo_mientras_dura_el_primero() {
        let sign = format!("prueba {}", std::process::id());
        let taken = || Neighbours::behind(&sign);
        let first = taken();
        let second = taken();
        assert!(!first.seen().another && second.seen().another);
        assert!(second.seen().warnings()[0].starts_with("Otro laboratorio"));
        drop((first, second));
        assert!(!taken().seen().another);
    }
}
