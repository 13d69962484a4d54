//! Las rondas: el mismo recorrido para todos los experimentos.

use std::io;
use std::time::{Duration, Instant};

use multiplexacion::errors::reason;
use multiplexacion::stop::Stop;

use crate::neighbours::Neighbours;
use crate::report::progress::Bar;
use crate::results::{Case, Report, Values};
use crate::wording::left;

// ANCHOR: experiment
/// Mide todas las filas de `report`, tantas rondas como pide, o hasta que alguien pare.
///
/// Las rondas van por fuera: primero todas las filas una vez, y luego otra, al revés. Así un mal rato
/// de la máquina se reparte entre todas, y quien pare a la mitad se queda con todas las filas, menos
/// veces.
pub(crate) fn repeat(
    report: &mut Report,
    stop: &Stop,
    estimate: impl Fn(&Case) -> Duration,
    mut measure: impl FnMut(usize) -> io::Result<Values>,
) {
    let neighbours = Neighbours::watch();
    let (bar, mut pace) = (Bar::start(), Pace::of(report, &estimate));
    report.complete = true;
    'rounds: for round in 0..report.rounds {
        let mut order: Vec<usize> = (0..report.rows.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for place in order {
            if stop.is_requested() {
                report.complete = false;
                break 'rounds;
            }
            let case = report.rows[place].case.clone();
            bar.tell(pace.done(), &format!("faltan {} · {case}", left(pace.left())));
            pace.spent += estimate(&case);
            if report.rows[place].trouble.is_some() || report.hopeless(&case.who) {
                continue;
            }
            match measure(place) {
                Ok(values) => report.rows[place].add(values),
                Err(error) => report.rows[place].trouble = Some(reason(&error)),
            }
        }
    }
    bar.finish();
    // Lo que gastó un servidor se suma a lo nuestro cuando termina: antes parecería de otros.
    drop(measure);
    report.neighbours = neighbours.seen();
}
// ANCHOR_END: experiment

/// Lleva la cuenta de lo que falta.
struct Pace {
    started: Instant,
    total: Duration,
    spent: Duration,
}

impl Pace {
    fn of(report: &Report, estimate: impl Fn(&Case) -> Duration) -> Pace {
        let once: Duration = report.rows.iter().map(|row| estimate(&row.case)).sum();
        let rounds = u32::try_from(report.rounds).unwrap_or(u32::MAX);
        Pace { started: Instant::now(), total: once * rounds, spent: Duration::ZERO }
    }

    /// La parte hecha, de 0 a 1.
    fn done(&self) -> f64 {
        self.spent.as_secs_f64() / self.total.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Lo que falta. En una máquina lenta u ocupada, tardará como lo que ya se hizo.
    fn left(&self) -> Duration {
        let slower = self.started.elapsed().as_secs_f64() / self.spent.as_secs_f64().max(1.0);
        self.total.saturating_sub(self.spent).mul_f64(slower.max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::machine;
    use crate::report::{page, terminal};
    use crate::results::{Kind, Row};
    use crate::warnings::warnings;
    use nix::sys::signal::{Signal, raise};

    fn experiment(
        names: &[&str],
        rounds: usize,
        measure: impl FnMut(usize) -> io::Result<Values>,
    ) -> Report {
        let stop = Stop::on_signals().unwrap();
        let mut report = Report::new(Kind::Engines, "prueba", machine(), rounds);
        report.rows = (2..5)
            .flat_map(|size| names.iter().map(move |who| Row::new(Case::new(who, size, 2))))
            .collect();
        repeat(&mut report, &stop, |_| Duration::from_secs(1), measure);
        report
    }

    #[test]
    fn las_rondas_van_una_vez_hacia_delante_y_otra_hacia_atrás() {
        let mut order = Vec::new();
        experiment(&["epoll"], 2, |place| {
            order.push(place);
            Ok(vec![("cpu_ns", 1.0)])
        });
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn una_parada_a_la_mitad_deja_un_informe_que_lo_dice() {
        let mut measured = 0;
        let report = experiment(&["epoll"], 1, |_| {
            measured += 1;
            if measured == 2 {
                // A este hilo, que es quien tiene la señal apartada.
                raise(Signal::SIGINT).unwrap();
            }
            Ok(vec![("cpu_ns", 1.0)])
        });
        assert!(!report.complete);
        assert_eq!(report.measured().count(), 2);
        assert!(terminal::text(&report).contains("INFORME A MEDIAS"));
        assert!(page::page(&report).contains("Informe a medias"));
    }

    #[test]
    fn quien_no_arranca_se_dice_una_vez_y_no_impide_medir_a_los_demás() {
        let mut tried = Vec::new();
        let report = experiment(&["epoll", "uring"], 2, |place| {
            tried.push(place);
            if place % 2 == 0 { Ok(vec![("cpu_ns", 1.0)]) } else { Err(io::Error::other("no va")) }
        });
        assert!(report.complete);
        assert_eq!(report.names(), ["epoll"]);
        assert_eq!(tried.iter().filter(|place| *place % 2 == 1).count(), 1);
        let about = warnings(&report);
        let about: Vec<&String> = about.iter().filter(|said| said.contains("uring")).collect();
        assert_eq!(about.len(), 1, "{about:?}");
        assert!(about[0].ends_with("no va; de uring no hay ninguna cifra."), "{about:?}");
    }
}
