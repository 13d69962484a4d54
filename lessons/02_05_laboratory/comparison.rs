//! Dos experimentos, de dos máquinas o de dos versiones: en qué difieren más allá del ruido.

use std::fmt::Write;

use crate::results::{Measure, Point, Report};
use crate::wording::{bytes, connections, microseconds, nanoseconds, number};

/// Una medida: cómo se llama, se toma y se lee.
struct Compared {
    name: &'static str,
    measure: Measure,
    read: fn(f64) -> String,
    /// Si la diferencia entre quien tiene la cifra menor y quien la mayor es de los motores, y no
    /// del generador.
    theirs: fn(&Point, &Point) -> bool,
}

/// Lo que se compara.
const MEASURES: [Compared; 4] = [
    Compared {
        name: "procesador por mensaje",
        measure: |run| run.cpu_ns,
        read: nanoseconds,
        theirs: |_, _| true,
    },
    Compared {
        name: "mensajes por segundo",
        measure: |run| run.messages_per_second,
        read: number,
        theirs: |fewer, _| !fewer.generator_full(),
    },
    Compared {
        name: "espera p99",
        measure: |run| run.p99_us,
        read: microseconds,
        theirs: |_, longer| !longer.generator_late(),
    },
    Compared {
        name: "memoria por conexión",
        measure: |run| run.bytes_per_connection,
        read: bytes,
        theirs: |_, _| true,
    },
];

/// Una medida de un caso que cambió.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Qué y dónde: «epoll, 1000 conexiones (10 activas): procesador por mensaje».
    pub what: String,
    /// De cuánto a cuánto.
    pub change: String,
    /// Lo del segundo entre lo del primero.
    pub ratio: f64,
}

/// Lo que cambia de `one` a `other` sin que el ruido lo explique, de más a menos.
pub fn differences(one: &Report, other: &Report) -> Vec<Difference> {
    let mut found: Vec<Difference> = one
        .points
        .iter()
        .filter_map(|point| Some((point, other.point(point.case)?)))
        .flat_map(|(before, after)| {
            MEASURES.iter().filter_map(|compared| difference(before, after, compared))
        })
        .collect();
    found.sort_by(|a, b| b.ratio.ln().abs().total_cmp(&a.ratio.ln().abs()));
    found
}

fn difference(before: &Point, after: &Point, compared: &Compared) -> Option<Difference> {
    let Compared { name, measure, read, theirs } = *compared;
    let (old, new) = (before.spread(measure)?, after.spread(measure)?);
    let real = if old.clearly_below(&new) {
        theirs(before, after)
    } else {
        new.clearly_below(&old) && theirs(after, before)
    };
    if !real || old.median <= 0.0 || new.median <= 0.0 {
        return None;
    }
    let case = before.case;
    Some(Difference {
        what: format!(
            "{}, {} ({} activas): {name}",
            case.engine,
            connections(case.connections),
            case.active
        ),
        change: format!("{} → {}", read(old.median), read(new.median)),
        ratio: new.median / old.median,
    })
}

/// La comparación, para leer. Lo que se midió menos de tres veces no se compara.
pub fn text(one: &Report, other: &Report) -> String {
    let (one, other) = (&one.settled(), &other.settled());
    let mut text = String::new();
    for (name, report) in [("A", one), ("B", other)] {
        let machine = &report.machine;
        let partial = if report.complete { "" } else { " (a medias)" };
        let _ = writeln!(text, "{name}: {} UTC · {machine}{partial}", report.date);
    }
    let shared = one
        .points
        .iter()
        .filter(|point| other.point(point.case).is_some() && !point.runs.is_empty());
    let shared = shared.count();
    let differences = differences(one, other);
    if shared == 0 {
        let _ = write!(text, "\nNo tienen ningún caso en común.");
    } else if differences.is_empty() {
        let _ = write!(text, "\nEn {shared} casos comunes, nada difiere más allá del ruido.");
    } else {
        let _ = writeln!(text, "\nLo que difiere más allá del ruido, en {shared} casos comunes:");
        for Difference { what, change, ratio } in differences {
            let _ = write!(text, "\n  {what}: {change} (× {})", number(ratio));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Engine;
    use crate::made_up::{made_up, usual_cost, usual_memory};
    use crate::plan::Case;
    use crate::results::Run;

    #[test]
    fn solo_se_cuenta_lo_que_pasa_del_ruido_y_lo_mayor_va_primero() {
        let one = made_up(usual_cost, usual_memory);
        let other = made_up(
            |case| match case.engine {
                Engine::Epoll => usual_cost(case) * 1.02,
                Engine::Edge => usual_cost(case) * 3.0,
                _ => usual_cost(case),
            },
            |engine| usual_memory(engine) * if engine == Engine::Threads { 1.5 } else { 1.0 },
        );
        let found = differences(&one, &other);
        assert!(found.iter().all(|difference| !difference.what.starts_with("epoll")), "{found:?}");
        assert!(
            found[0].what.starts_with("flanco")
                && (found[0].ratio.ln().abs() - 3_f64.ln()).abs() < 0.01
        );
        assert!(found.iter().any(|difference| {
            difference.what.starts_with("hilos")
                && difference.what.ends_with("memoria por conexión")
        }));
        assert_eq!(differences(&one, &one), []);
    }

    #[test]
    fn lo_que_puso_el_generador_no_es_una_diferencia() {
        let one = made_up(usual_cost, usual_memory);
        let with = |change: fn(&mut Run)| {
            let mut report = one.clone();
            report.points.iter_mut().flat_map(|point| &mut point.runs).for_each(change);
            report
        };
        let slow = with(|run| (run.messages_per_second, run.p99_us) = (1000.0, 5000.0));
        let (there, back) = (differences(&one, &slow), differences(&slow, &one));
        assert_eq!((there.len(), back.len()), (2 * one.points.len(), 2 * one.points.len()));
        let limited = with(|run| {
            (run.messages_per_second, run.generator_busy) = (1000.0, 0.99);
            (run.p99_us, run.late_us) = (5000.0, 4000.0);
        });
        assert_eq!(differences(&one, &limited), []);
        assert_eq!(differences(&limited, &one), []);
    }

    #[test]
    fn lo_que_no_tienen_en_común_se_dice() {
        let keep = |wanted: fn(&Case) -> bool| {
            let mut report = made_up(usual_cost, usual_memory);
            report.points.retain(|point| wanted(&point.case));
            report
        };
        let (few, many) =
            (keep(|case| case.connections < 100), keep(|case| case.connections >= 100));
        assert!(text(&few, &many).ends_with("No tienen ningún caso en común."));
        assert!(text(&few, &few).contains("nada difiere más allá del ruido"));
        let mut once = few.clone();
        once.points.iter_mut().for_each(|point| point.runs.truncate(1));
        assert!(text(&few, &once).ends_with("No tienen ningún caso en común."));
    }
}
