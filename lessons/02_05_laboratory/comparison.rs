//! Dos experimentos, de dos máquinas o de dos versiones: en qué difieren más allá del ruido.

use std::fmt::Write;

use crate::results::{Measure, Point, Report};
use crate::wording::{bytes, connections, microseconds, nanoseconds, number};

/// Una medida: su nombre, cómo se toma y cómo se lee.
type Named = (&'static str, Measure, fn(f64) -> String);

/// Lo que se compara.
const MEASURES: [Named; 4] = [
    ("procesador por mensaje", |run| run.cpu_ns, nanoseconds),
    ("mensajes por segundo", |run| run.messages_per_second, number),
    ("espera p99", |run| run.p99_us, microseconds),
    ("memoria por conexión", |run| run.bytes_per_connection, bytes),
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
            MEASURES.iter().filter_map(|&measure| difference(before, after, measure))
        })
        .collect();
    found.sort_by(|a, b| b.ratio.ln().abs().total_cmp(&a.ratio.ln().abs()));
    found
}

fn difference(before: &Point, after: &Point, (name, measure, read): Named) -> Option<Difference> {
    let (old, new) = (before.spread(measure)?, after.spread(measure)?);
    if !(old.clearly_below(&new) || new.clearly_below(&old))
        || old.median <= 0.0
        || new.median <= 0.0
    {
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

/// La comparación, para leer.
pub fn text(one: &Report, other: &Report) -> String {
    let mut text = String::new();
    for (name, report) in [("A", one), ("B", other)] {
        let machine = &report.machine;
        let partial = if report.complete { "" } else { " (a medias)" };
        let _ = writeln!(
            text,
            "{name}: {}, {}, {} procesadores, Linux {}{partial}",
            report.date, machine.processor, machine.cores, machine.kernel
        );
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
    }
}
