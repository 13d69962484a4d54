//! El resumen de la clase: en qué tropezó más gente, que es lo que hay que explicar mañana.

use std::fmt::Write;

use super::mark::Mark;
use super::plan::Plan;
use super::table::Row;

/// Los tropiezos que se cuentan, y los nombres que se dan de cada uno.
const SHOWN: usize = 8;
const NAMED: usize = 6;

/// Un tropiezo, y quiénes.
struct Stumble<'a> {
    exercise: &'a str,
    what: String,
    who: Vec<&'a str>,
}

/// Los tropiezos más frecuentes, o nada si nadie tropezó. De cada ejercicio de cada persona cuenta la
/// primera prueba que falla: la que se le enseña.
pub(super) fn stumbles(plan: &Plan<'_>, rows: &[Row]) -> Option<String> {
    let mut found: Vec<Stumble<'_>> = Vec::new();
    for row in rows {
        for (id, result) in plan.ids().zip(&row.results) {
            let what = match (result.mark, result.failed.first()) {
                (Mark::Failed, Some(test)) => test.clone(),
                (Mark::Uncompiled | Mark::Broken | Mark::Exhausted(_), _) => {
                    result.mark.word().to_owned()
                }
                _ => continue,
            };
            match found.iter_mut().find(|it| it.exercise == id && it.what == what) {
                Some(stumble) => stumble.who.push(&row.name),
                None => found.push(Stumble { exercise: id, what, who: vec![&row.name] }),
            }
        }
    }
    // Estable: a igual número, en el orden en que salieron.
    found.sort_by_key(|stumble| std::cmp::Reverse(stumble.who.len()));
    let started = rows.iter().filter(|row| row.results.iter().any(|it| tried(it.mark))).count();
    let mut text = String::from("Qué explicar mañana:");
    for Stumble { exercise, what, who } in found.iter().take(SHOWN) {
        let _ =
            write!(text, "\n  {:>3} de {started}  {exercise} · {what} ({})", who.len(), some(who));
    }
    if found.len() > SHOWN {
        let _ = write!(text, "\n  … y {} tropiezos más, en el CSV.", found.len() - SHOWN);
    }
    (!found.is_empty()).then_some(text)
}

fn tried(mark: Mark) -> bool {
    !matches!(mark, Mark::Untouched | Mark::Missing)
}

fn some(who: &[&str]) -> String {
    let named = who.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if who.len() > NAMED { format!("{named} y {} más", who.len() - NAMED) } else { named }
}

/// Quiénes no entregaron nada, y quiénes no empezaron ninguno.
pub(super) fn idle(rows: &[Row]) -> Option<String> {
    let those = |what: fn(Mark) -> bool| -> Vec<&str> {
        let all = |row: &&Row| row.results.iter().all(|result| what(result.mark));
        rows.iter().filter(all).map(|row| row.name.as_str()).collect()
    };
    let absent = those(|mark| mark == Mark::Missing);
    let mut unstarted = those(|mark| !tried(mark));
    unstarted.retain(|name| !absent.contains(name));
    let line = |what: &str, names: &[&str]| {
        (!names.is_empty()).then(|| format!("{what}: {}.", names.join(", ")))
    };
    let lines = [line("Sin entregar", &absent), line("Sin empezar ninguno", &unstarted)];
    let lines: Vec<_> = lines.into_iter().flatten().collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
