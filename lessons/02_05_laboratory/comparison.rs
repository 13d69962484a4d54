//! Dos experimentos, de dos máquinas o de dos versiones: en qué difieren más allá del ruido.

use std::fmt::Write;

use crate::measures::Measure;
use crate::report::terminal::{remarks, wrap};
use crate::results::{Report, Row};
use crate::wording::number;

/// Lo que cambia entre dos experimentos en una cifra de sus tablas.
struct Difference {
    /// Qué y dónde: «epoll con 1000 conexiones (10 activas): procesador por mensaje».
    what: String,
    change: String,
    /// Lo del segundo entre lo del primero.
    ratio: f64,
}

/// Los casos que tienen los dos.
fn shared<'a>(one: &'a Report, other: &'a Report) -> Vec<(&'a Row, &'a Row)> {
    let pairs = one.measured().filter_map(|row| Some((row, other.row(&row.case)?)));
    pairs.collect()
}

/// Lo que cambia de `one` a `other` sin que el ruido lo explique, de más a menos.
fn differences(one: &Report, other: &Report) -> Vec<Difference> {
    let measures = one.look().measures;
    let mut found: Vec<Difference> = shared(one, other)
        .into_iter()
        .flat_map(|pair| measures.iter().map(move |measure| (pair, *measure)))
        .filter_map(|((before, after), measure)| {
            let (old, new) = (one.figure(before, measure)?, other.figure(after, measure)?);
            let differ = old.clearly_below(&new) || new.clearly_below(&old);
            let ratio = new.spread.median / old.spread.median;
            (differ && old.spread.median > 0.0 && ratio > 0.0).then(|| Difference {
                what: format!("{}: {}", before.case, measure.name),
                change: format!("{old} → {new}"),
                ratio,
            })
        })
        .collect();
    found.sort_by(|a, b| b.ratio.ln().abs().total_cmp(&a.ratio.ln().abs()));
    found
}

/// La comparación, para leer. Lo que se midió menos de tres veces no se compara.
pub(crate) fn text(one: &Report, other: &Report) -> String {
    let (one, other) = (&one.settled(), &other.settled());
    let mut text = String::new();
    for (name, report) in [("A", one), ("B", other)] {
        let Report { order, date, machine, .. } = report;
        let partial = if report.complete { "" } else { " (a medias)" };
        text += &wrap(&format!("{name}: {order}{partial} · {date} UTC · {machine}"), 3);
        text.push('\n');
    }
    let cases = shared(one, other).len();
    let differences = if one.kind == other.kind { differences(one, other) } else { Vec::new() };
    if one.kind != other.kind || cases == 0 {
        text += "\nNo tienen ningún caso en común.\n";
    } else if differences.is_empty() {
        let _ = writeln!(text, "\nEn {cases} casos comunes, nada difiere más allá del ruido.");
    } else {
        let _ = writeln!(text, "\nLo que difiere más allá del ruido, en {cases} casos comunes:\n");
        for Difference { what, change, ratio } in differences {
            let _ = writeln!(text, "  {what}: {change} (× {})", number(ratio));
        }
    }
    let ignored = |measure: &&&Measure| {
        measure.drift.is_finite() && one.drift(measure).max(other.drift(measure)).is_infinite()
    };
    let ignored: Vec<&str> =
        one.look().measures.iter().filter(ignored).map(|measure| measure.name).collect();
    if !ignored.is_empty() {
        let told = "Con otros programas trabajando, esto cambia solo, y no se compara";
        let _ = writeln!(text, "\n{}", wrap(&format!("{told}: {}.", ignored.join(", ")), 0));
    }
    for (name, report) in [("A", one), ("B", other)] {
        let _ = write!(text, "\nAvisos de {name}:\n{}\n", remarks(report));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{chat, usual, usual_cost, web, with};
    use crate::measures::{ENGINES, RATE, TAIL};
    use crate::verdict::again;

    #[test]
    fn solo_se_cuenta_lo_que_pasa_del_ruido_y_lo_mayor_va_primero() {
        let one = usual();
        let other = with(usual(), "epoll", "cpu_ns", |case| usual_cost(case) * 1.1);
        let other = with(other, "flanco", "cpu_ns", |case| usual_cost(case) * 3.0);
        let other = with(other, "hilos", "bytes_per_connection", |_| 15_000.0);
        let found = differences(&one, &other);
        assert!(found.iter().all(|difference| !difference.what.starts_with("epoll")));
        assert!(found[0].what.starts_with("flanco") && (found[0].ratio - 3.0).abs() < 0.1);
        assert!(found.iter().any(|difference| {
            difference.what.starts_with("hilos")
                && difference.what.ends_with("memoria por conexión")
        }));
        assert!(differences(&one, &one).is_empty());
    }

    #[test]
    fn dos_ejecuciones_de_lo_mismo_no_difieren() {
        // Como salen de verdad: cada medida se mueve de una a otra lo que suele.
        let mut chance = fastrand::Rng::with_seed(7);
        let mut noisy = usual();
        noisy.neighbours.processors = 1.0;
        for report in [usual(), noisy, web(), chat()] {
            for _ in 0..50 {
                let (one, other) = (again(&report, &mut chance), again(&report, &mut chance));
                let found = differences(&one, &other);
                let told: Vec<&str> = found.iter().map(|found| found.what.as_str()).collect();
                assert_eq!(told, Vec::<&str>::new());
            }
        }
    }

    #[test]
    fn solo_se_compara_lo_que_enseñan_las_tablas() {
        // Con menos de mil conexiones, la tabla pone «—» en la memoria.
        let less =
            |case: &crate::results::Case| if case.connections < 1000 { 900.0 } else { 100.0 };
        let other = with(usual(), "epoll", "bytes_per_connection", less);
        assert!(differences(&usual(), &other).is_empty());
        let other = with(usual(), "", "late_us", |_| 1.0);
        assert!(differences(&usual(), &other).is_empty(), "no es una columna");
    }

    #[test]
    fn lo_que_puso_el_generador_no_es_una_diferencia() {
        let one = usual();
        let slow = with(usual(), "", "messages_per_second", |_| 1000.0);
        let slow = with(slow, "", "p99_us", |_| 5000.0);
        let (there, back) = (differences(&one, &slow), differences(&slow, &one));
        assert_eq!((there.len(), back.len()), (2 * one.rows.len(), 2 * one.rows.len()));
        let limited = with(with(slow, "", "generator_busy", |_| 0.99), "", "late_us", |_| 4000.0);
        assert!(differences(&one, &limited).is_empty() && differences(&limited, &one).is_empty());
    }

    #[test]
    fn con_ruido_lo_que_el_ruido_mueve_no_se_compara_y_se_dice() {
        let mut noisy = with(usual(), "", "messages_per_second", |_| 1000.0);
        noisy = with(noisy, "", "cpu_ns", |case| usual_cost(case) * 1.6);
        assert!(!differences(&usual(), &noisy).is_empty());
        noisy.neighbours.processors = 0.8;
        assert!(differences(&usual(), &noisy).is_empty());
        let text = text(&usual(), &noisy).replace('\n', " ");
        for measure in [&RATE, &TAIL] {
            assert!(text.contains(measure.name), "{text}");
        }
        assert!(ENGINES.iter().any(|measure| !text.contains(measure.name)), "{text}");
    }

    #[test]
    fn los_avisos_de_los_dos_se_repiten() {
        let (mut one, mut other) = (usual(), usual());
        one.machine.on_battery = true;
        other.neighbours.another = true;
        let text = text(&one, &other);
        let (before, after) = text.split_once("Avisos de B").unwrap();
        assert!(before.contains("Avisos de A") && before.contains("batería"), "{text}");
        assert!(after.contains("Otro laboratorio"), "{text}");
    }

    #[test]
    fn lo_que_no_tienen_en_común_se_dice() {
        let keep = |wanted: fn(usize) -> bool| {
            let mut report = usual();
            report.rows.retain(|row| wanted(row.case.connections));
            report
        };
        let (few, many) =
            (keep(|connections| connections < 100), keep(|connections| connections >= 100));
        let nothing = "No tienen ningún caso en común.";
        assert!(text(&few, &many).contains(nothing));
        assert!(text(&few, &few).contains("nada difiere más allá del ruido"));
        assert!(text(&usual(), &chat()).contains(nothing));
        let mut once = few.clone();
        once.rows
            .iter_mut()
            .flat_map(|row| row.values.values_mut())
            .for_each(|all| all.truncate(1));
        assert!(text(&few, &once).contains(nothing));
    }
}
