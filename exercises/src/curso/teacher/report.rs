//! El informe de cada persona, en Markdown: qué falla y por qué.
//!
//! Lleva texto que escribió quien lo entregó: nada de él sale de su recuadro, ni lo alarga sin fin.

use std::fmt::Write;

use super::mark::{Graded, Mark, percent, totals};
use super::plain::harmless;
use super::plan::Plan;
use super::table::Row;
use crate::paint;

/// Las líneas que se guardan del principio y del final de lo que se dijo de un ejercicio.
const HEAD: usize = 40;
const TAIL: usize = 30;

/// Lo más larga que se enseña una línea, en caracteres.
const WIDEST: usize = 300;

/// El de una fila.
pub(super) fn to_report(plan: &Plan<'_>, row: &Row) -> String {
    let (passed, points) = totals(&row.results);
    let maximum = plan.maximum();
    let mut text = format!(
        "# {}\n\n{passed} de {} superados: {points} de {maximum} puntos ({}).\n",
        escaped(&row.name),
        row.results.len(),
        percent(points, maximum)
    );
    text += &listed(plan, row, "Superados", |mark| mark == Mark::Passed);
    text += &listed(plan, row, "Sin empezar", |mark| mark == Mark::Untouched);
    text += &listed(plan, row, "Faltan", |mark| mark == Mark::Missing);
    for (entry, result) in plan.entries.iter().zip(&row.results) {
        if result.why.is_empty() {
            continue;
        }
        let id = &entry.exercise.id;
        let extra = if entry.extra { ", optativo" } else { "" };
        let _ = write!(
            text,
            "\n## {id}: {}\n\n{} de {} puntos{extra}: {}. Repítelo con `cargo curso probar {id}`.\n\n{}",
            entry.exercise.title,
            result.points,
            entry.worth,
            result.mark.word(),
            fenced(&result.why)
        );
    }
    text
}

fn listed(plan: &Plan<'_>, row: &Row, title: &str, is: fn(Mark) -> bool) -> String {
    let these = plan.ids().zip(&row.results).filter(|(_, result)| is(result.mark));
    let ids: Vec<_> = these.map(|(id, _)| id).collect();
    if ids.is_empty() { String::new() } else { format!("\n{title}: {}.\n", ids.join(", ")) }
}

/// Lo que se dijo, entero o doblado, y sin nada que no se vea.
pub(super) fn shown(result: &Graded) -> String {
    folded(&harmless(&paint::plain(&result.why)))
}

/// Un recuadro con una valla más larga que cualquiera que haya dentro (CommonMark, 4.5).
fn fenced(why: &str) -> String {
    let text = folded(&harmless(&paint::plain(why)));
    let fence = "~".repeat(longest_run(&text, '~').max(3) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for character in text.chars() {
        run = if character == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Las primeras líneas y las últimas, y de cada una, lo que cabe.
fn folded(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(narrowed).collect();
    let omitted = lines.len().saturating_sub(HEAD + TAIL);
    if omitted < 2 {
        return lines.join("\n");
    }
    let (head, tail) = (&lines[..HEAD], &lines[lines.len() - TAIL..]);
    format!("{}\n… ({omitted} líneas más)\n{}", head.join("\n"), tail.join("\n"))
}

fn narrowed(line: &str) -> String {
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Un nombre en Markdown: solo texto (CommonMark, 2.4).
fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|it| it.is_ascii_punctuation().then_some('\\').into_iter().chain([it]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::plain::file_name;
    use super::*;

    #[test]
    fn de_un_recuadro_no_se_sale() {
        let text =
            fenced("hola\n~~~~\n# Nota final: 775\n<script>alert(1)</script>\n`````\n~~~~~~text");
        let fence = text.lines().next().unwrap().trim_end_matches("text").to_owned();
        assert_eq!(fence, "~~~~~~~");
        let closing = text.lines().filter(|line| line.trim() == fence).count();
        assert_eq!(closing, 1, "{text}");
        assert!(text.ends_with(&format!("{fence}\n")));
    }

    #[test]
    fn lo_que_no_se_ve_se_ve() {
        assert_eq!(
            harmless("a\u{1b}[2Jb\u{202E}c\u{200B}\r\nd\re\tf"),
            "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}\nd\u{FFFD}e\tf"
        );
    }

    #[test]
    fn un_informe_tiene_tope() {
        let text =
            folded(&"x".repeat(1000).lines().cycle().take(5000).collect::<Vec<_>>().join("\n"));
        assert_eq!(text.lines().count(), HEAD + TAIL + 1);
        assert!(text.contains("… (4930 líneas más)"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDEST + 1));
        let short = "una\ndos";
        assert_eq!(folded(short), short);
    }

    #[test]
    fn un_nombre_no_es_más_que_un_nombre() {
        assert_eq!(escaped("ana <b>*x*"), "ana \\<b\\>\\*x\\*");
        assert_eq!(file_name("ana maría"), "ana maría.md");
        assert_eq!(file_name("../x"), "_.._x.md");
        assert_eq!(file_name("-rf"), "_-rf.md");
        assert!(file_name(&"ñ".repeat(200)).len() < 255);
    }
}
