//! Los vecinos: lo que trabajan los demás programas de la máquina mientras se mide.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};

use crate::wording::number;

/// Procesadores ocupados por otros programas a partir de los cuales las cifras dejan de ser de fiar.
const NOISE: f64 = 0.15;

/// Cómo se anuncia en esta máquina quien está midiendo.
const SIGN: &str = "laboratorio del curso, midiendo";

/// Quien mira a los vecinos.
pub struct Neighbours {
    total: f64,
    ours: f64,
    since: Instant,
    sign: Sign,
}

/// El cartel de «midiendo». Un nombre abstracto (unix(7)) no deja ningún archivo, y se libera solo
/// al terminar el programa, también de mala manera.
enum Sign {
    Ours { _held: UnixListener },
    Taken,
    Unknown,
}

impl Neighbours {
    /// Empieza a mirar, y cuelga el cartel.
    pub fn watch() -> Neighbours {
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

    /// Lo que hay que avisar de ellos desde [`watch`](Neighbours::watch).
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if matches!(self.sign, Sign::Taken) {
            warnings.push(
                "Otro laboratorio estaba midiendo a la vez: estas cifras no valen. Repítelo a solas."
                    .to_owned(),
            );
        }
        let total = machine_seconds() - self.total;
        let ours = our_seconds() - self.ours;
        warnings.extend(noisy(total, ours, self.since.elapsed().as_secs_f64()));
        warnings
    }
}

/// Si hay ya otro laboratorio midiendo.
pub fn another_measures() -> bool {
    matches!(hang(SIGN), Sign::Taken)
}

fn hang(sign: &str) -> Sign {
    let bound =
        SocketAddr::from_abstract_name(sign).and_then(|address| UnixListener::bind_addr(&address));
    match bound {
        Ok(held) => Sign::Ours { _held: held },
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Sign::Taken,
        Err(_) => Sign::Unknown,
    }
}

/// El aviso, si lo que trabajó la máquina en `elapsed` segundos, sin lo nuestro, es demasiado.
fn noisy(total: f64, ours: f64, elapsed: f64) -> Option<String> {
    let used = (total - ours) / elapsed;
    (used > NOISE).then(|| {
        format!(
            "Otros programas ocuparon de media {} procesadores mientras se medía. Lo que cada programa \
             gasta lo resiste; las esperas largas y lo que cabe en un segundo, no tanto. Ciérralos y \
             repite.",
            number(used)
        )
    })
}

/// Segundos de procesador que lleva toda la máquina: los de `/proc/stat`, sin los ociosos.
#[expect(clippy::cast_precision_loss)]
fn machine_seconds() -> f64 {
    let ticks_per_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().map_or(100.0, |ticks| ticks as f64);
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let Some(line) = stat.lines().next() else { return 0.0 };
    let ticks: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|number| number.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6].iter().filter_map(|&place| ticks.get(place)).sum::<f64>() / ticks_per_second
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
        assert_eq!(noisy(11.0, 10.0, 10.0), None);
        let warning = noisy(18.0, 10.0, 10.0).unwrap();
        assert!(warning.contains("de media 0,80 procesadores"), "{warning}");
    }

    #[test]
    fn de_dos_que_miden_a_la_vez_lo_dice_el_segundo_y_solo_mientras_dura_el_primero() {
        let sign = format!("prueba {}", std::process::id());
        let taken = |neighbours: &Neighbours| matches!(neighbours.sign, Sign::Taken);
        let first = Neighbours::behind(&sign);
        let second = Neighbours::behind(&sign);
        assert!(!taken(&first) && taken(&second));
        assert!(second.warnings()[0].starts_with("Otro laboratorio"));
        drop((first, second));
        assert!(!taken(&Neighbours::behind(&sign)));
    }
}
