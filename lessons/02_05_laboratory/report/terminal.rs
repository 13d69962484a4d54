//! El informe en la terminal: barras, tablas y veredictos. Sin terminal, el mismo texto sin
//! colores.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use multiplexacion::cli;

use super::look::{Look, View};
use crate::results::{Figure, Report, Row};
use crate::verdict::{Verdict, verdicts};
use crate::warnings::warnings;
use crate::wording::{count, number};

/// Casillas de la barra más larga.
const BAR: f64 = 28.0;

/// Columnas de cada cifra en una tabla.
const COLUMN: usize = 11;

/// Columnas de una línea: caben en cualquier terminal y en el libro.
const WIDTH: usize = 80;

pub(crate) fn say(text: &str) {
    // Si ya nadie lee (`| head -1`), no queda a quién decírselo.
    let _ = cli::say(text);
}

/// El informe entero, como texto.
pub(crate) fn text(report: &Report) -> String {
    let mut parts =
        vec![head(report), wrap(&report.look().reading, 0), bars(report), tables(report)];
    let answers = answers(report);
    if !answers.is_empty() {
        parts.push(format!("{}\n\n{answers}", rule("Veredictos")));
    }
    if !warnings(report).is_empty() {
        parts.push(format!("{}\n\n{}", rule("Avisos"), remarks(report)));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// Los avisos de un experimento, o que no hubo ninguno.
pub(crate) fn remarks(report: &Report) -> String {
    let warnings = warnings(report);
    let lines: Vec<String> =
        warnings.iter().map(|warning| wrap(&format!("· {warning}"), 2)).collect();
    if lines.is_empty() { "Ninguno: nada que avisar.".to_owned() } else { lines.join("\n") }
}

/// Cuándo, cómo y dónde se midió.
pub(crate) fn head(report: &Report) -> String {
    let machine = &report.machine;
    let partial = if report.complete { String::new() } else { bold(" · INFORME A MEDIAS") };
    format!(
        "{}{partial}\n{} · {} MiB · Linux {}\n{}\n{} descriptores por proceso",
        bold(&format!("{} · {} UTC", report.order, report.date)),
        machine.processor,
        count(machine.memory_mib),
        machine.kernel,
        machine.processors(),
        count(machine.descriptors)
    )
}

/// Las vistas que se leen mejor en barras: lo que crece, se ve crecer.
pub(crate) fn bars(report: &Report) -> String {
    let look = report.look();
    let views = look.views.iter().filter(|view| view.bars);
    let views: Vec<String> = views.map(|view| bars_of(report, &look, view)).collect();
    views.join("\n\n")
}

fn bars_of(report: &Report, look: &Look, view: &View) -> String {
    let names = report.names();
    let width = names.iter().map(|who| who.len()).max().unwrap_or(0).max(7);
    let rows = || names.iter().map(|who| view.rows(report, who).collect::<Vec<&Row>>());
    let figures = || rows().flatten().filter_map(|row| report.figure(row, view.measure));
    let most = figures().map(|figure| figure.spread.median).fold(0.0, f64::max);
    let several = rows().any(|rows| rows.len() > 1);
    let mut lines = vec![rule(&view.title)];
    for (place, rows) in rows().enumerate() {
        if several || place == 0 {
            lines.push(String::new());
        }
        for row in rows {
            let Some(figure) = report.figure(row, view.measure) else { continue };
            let size = if several {
                format!(" {:>7}", count(row.case.connections as u64))
            } else {
                String::new()
            };
            let ratio = report.ratio(row, view.measure).filter(|_| look.ratios);
            let beside = match ratio {
                Some(ratio) => format!(" · × {}{}", number(ratio.median), ratio.range(number)),
                None => figure.range(),
            };
            lines.push(format!(
                "{:width$}{size}  {} {figure}{}",
                row.case.who,
                bar(figure.spread.median / most),
                dim(&beside)
            ));
        }
    }
    lines.join("\n")
}

/// `█████▍`: tantas octavas de casilla como toque, y nunca ninguna.
fn bar(part: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let eighths = (part * BAR * 8.0).round().max(1.0) as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// Las demás vistas, una tabla cada una. Las que no tienen filas no están.
pub(crate) fn tables(report: &Report) -> String {
    let look = report.look();
    let views = look.views.iter().filter(|view| !view.bars);
    let views: Vec<String> = views.filter_map(|view| table(report, &look, view)).collect();
    views.join("\n\n")
}

/// Una fila por número de conexiones y una columna por servidor.
fn table(report: &Report, look: &Look, view: &View) -> Option<String> {
    let names = report.names();
    let width = names.iter().map(|who| who.len() + 2).max()?.max(COLUMN);
    let mut sizes: Vec<usize> = names
        .iter()
        .flat_map(|who| view.rows(report, who).map(|row| row.case.connections))
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    let rows: Vec<String> = sizes
        .into_iter()
        .filter_map(|size| {
            let cells = names.iter().map(|who| {
                let row = view.rows(report, who).find(|row| row.case.connections == size)?;
                report.figure(row, view.measure)
            });
            let cells: Vec<Option<Figure>> = cells.collect();
            let told =
                cells.iter().map(|cell| cell.map_or("—".to_owned(), |cell| cell.to_string()));
            let line = columns(&count(size as u64), told, width);
            cells.iter().any(Option::is_some).then_some(line)
        })
        .collect();
    let names = columns(look.across.1, names.iter().map(ToString::to_string), width);
    let table = || format!("{}\n\n{}\n{}", rule(&view.title), dim(&names), rows.join("\n"));
    (!rows.is_empty()).then(table)
}

fn columns(first: &str, rest: impl Iterator<Item = String>, width: usize) -> String {
    rest.fold(format!("{first:>10}"), |mut line, cell| {
        let _ = write!(line, "{cell:>width$}");
        line
    })
}

pub(crate) fn answers(report: &Report) -> String {
    let answer = |verdict: &Verdict| {
        format!(
            "{}\n{}\n{}",
            bold(verdict.question),
            wrap(&format!("  «{}»: {}", verdict.claim, verdict.told()), 2),
            wrap(&format!("  {}", verdict.because), 2)
        )
    };
    let answers: Vec<String> = verdicts(report).iter().map(answer).collect();
    answers.join("\n\n")
}

/// Parte un párrafo en líneas de hasta 80 columnas, con sangría desde la segunda.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    let mut lines = Vec::new();
    let lead: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let mut line = lead;
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let used = line.chars().count();
        if used + word.chars().count() + 1 > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

fn rule(title: &str) -> String {
    let used = title.chars().count() + 4;
    format!("{} {} {}", dim("──"), bold(title), dim(&"─".repeat(WIDTH.saturating_sub(used))))
}

/// Si la salida lleva colores: es una terminal y nadie pidió lo contrario (no-color.org).
fn colours() -> bool {
    static COLOURS: OnceLock<bool> = OnceLock::new();
    *COLOURS.get_or_init(|| {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        wanted && io::stdout().is_terminal()
    })
}

fn bold(text: &str) -> String {
    if colours() { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

fn dim(text: &str) -> String {
    if colours() { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{chat, usual, web};

    #[test]
    fn el_informe_entero() {
        let mut report = usual();
        report.neighbours.processors = 0.8;
        insta::assert_snapshot!("informe", text(&report));
    }

    #[test]
    fn quien_no_pudo_con_un_caso_deja_su_casilla_vacía() {
        let mut report = usual();
        for row in &mut report.rows {
            if row.case.who == "hilos" && row.case.connections == 10_000 {
                row.values.clear();
                row.trouble = Some("atendió a 4000 de 10000 conexiones".into());
            }
        }
        let text = text(&report);
        let row = text.lines().find(|line| line.trim_start().starts_with("10\u{202F}000 "));
        assert!(row.is_some_and(|row| row.contains('—')), "{row:?}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("atendió a 4000 de 10000"), "{text}");
    }

    #[test]
    fn la_web_y_el_chat_se_leen_igual_y_caben_en_la_terminal() {
        let (web, chat) = (text(&web()), text(&chat()));
        assert!(web.contains("8,00\u{202F}µs · × 0,50"), "{web}");
        assert!(web.contains("4,00\u{202F}µs (3,98\u{202F}µs a 4,02\u{202F}µs)"), "{web}");
        assert!(chat.contains("redis            10  "), "{chat}");
        assert!(chat.contains("aplic_02_03        redis"), "{chat}");
        for line in web.lines().chain(chat.lines()) {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    #[test]
    fn un_informe_guardado_se_lee_igual() {
        let path = std::env::temp_dir().join(format!("laboratorio-{}.json", std::process::id()));
        for report in [usual(), web(), chat()] {
            std::fs::write(&path, report.json().unwrap()).unwrap();
            assert_eq!(text(&Report::read(&path).unwrap()), text(&report));
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn una_barra_nunca_desaparece_ni_pasa_de_su_sitio() {
        assert_eq!(bar(0.0), "▏");
        assert_eq!(bar(1.0).chars().count(), 28);
        assert_eq!(bar(0.5), "█".repeat(14));
    }

    #[test]
    fn los_párrafos_largos_se_parten_con_su_sangría() {
        let text = wrap(&format!("  {}", "palabra ".repeat(20)), 2);
        assert!(text.lines().count() > 1);
        assert!(text.lines().all(|line| line.starts_with("  p") && line.chars().count() <= WIDTH));
    }
}
