//! El informe en la terminal: barras, tablas y veredictos. Sin terminal, el mismo texto sin
//! colores.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use multiplexacion::cli;

use crate::results::{MANY, Measure, Point, Report};
use crate::verdict::{Answer, Verdict, verdicts};
use crate::wording::{bytes, count, microseconds, nanoseconds, number};

/// Casillas de la barra más larga.
const BAR: f64 = 28.0;

/// Columnas de cada cifra en una tabla.
const COLUMN: usize = 11;

/// Columnas de una línea: caben en cualquier terminal y en el libro.
const WIDTH: usize = 80;

/// Escribe una línea, o varias.
pub fn say(text: &str) {
    // Si ya nadie lee (`| head -1`), no queda a quién decírselo.
    let _ = cli::say(text);
}

/// Una observación, por la salida de errores: no es parte del informe.
pub fn note(text: &str) {
    cli::complain(text);
}

/// El informe entero.
pub fn show(report: &Report) {
    say(&text(report));
}

/// El informe entero, como texto.
pub fn text(report: &Report) -> String {
    let mut parts = vec![head(report), bars(report)];
    parts.extend(tables(report));
    parts.push(format!("{}\n\n{}", rule("Veredictos"), answers(report)));
    if !report.warnings.is_empty() {
        parts.push(format!("{}\n\n{}", rule("Avisos"), listed(&report.warnings)));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// Los avisos, uno tras otro; vacío si no hay.
pub fn warnings(warnings: &[String]) -> String {
    if warnings.is_empty() { String::new() } else { format!("\nAvisos:\n{}\n", listed(warnings)) }
}

/// Los avisos de un experimento, o que no hubo ninguno.
pub fn remarks(report: &Report) -> String {
    match report.warnings.as_slice() {
        [] => "Ninguno: nada que avisar.".to_owned(),
        some => listed(some),
    }
}

fn listed(warnings: &[String]) -> String {
    let lines: Vec<String> =
        warnings.iter().map(|warning| wrap(&format!("· {warning}"), 2)).collect();
    lines.join("\n")
}

/// Lo que se añade a la primera línea de lo que no está entero.
pub fn partial(complete: bool) -> String {
    if complete { String::new() } else { bold(" · INFORME A MEDIAS") }
}

/// Cuándo, cómo y dónde se midió.
pub fn head(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "{}{}\n{} · {} · {} MiB\nLinux {} · {} descriptores por proceso",
        bold(&format!("{} · {} UTC", report.plan.order, report.date)),
        partial(report.complete),
        machine.processor,
        machine.processors(),
        count(machine.memory_mib),
        machine.kernel,
        count(machine.descriptors)
    )
}

/// El costo por mensaje, en barras: lo que crece, se ve crecer.
pub fn bars(report: &Report) -> String {
    let cost: Measure = |run| run.cpu_ns;
    let points: Vec<&Point> =
        report.engines().into_iter().flat_map(|engine| report.idle(engine)).collect();
    let most = points.iter().filter_map(|point| point.median(cost)).fold(0.0, f64::max);
    let mut lines = vec![rule(&format!(
        "Procesador por mensaje, con {} activas y las demás ociosas",
        report.plan.active
    ))];
    let mut last = None;
    for point in points {
        let Some(spread) = point.spread(cost) else { continue };
        let engine = point.case.engine;
        if last.replace(engine) != Some(engine) {
            lines.push(String::new());
        }
        lines.push(format!(
            "{engine:7} {:>7}  {} {} {}",
            count(point.case.connections as u64),
            bar(spread.median / most),
            nanoseconds(spread.median),
            dim(&format!("({} a {})", nanoseconds(spread.low), nanoseconds(spread.high)))
        ));
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

/// Las demás medidas, una tabla para cada una. Las que no tienen filas quedan vacías.
pub fn tables(report: &Report) -> Vec<String> {
    let active = report.plan.active;
    let few = format!("con {active} activas");
    vec![
        table(
            report,
            &format!("Espera p99 a {} mensajes por segundo, {few}", report.plan.rate),
            Kind::Idle,
            |point| {
                let wait = microseconds(point.median(|run| run.p99_us)?);
                Some(if point.generator_late() { format!("≤{wait}") } else { wait })
            },
        ),
        table(report, "Mensajes por segundo, con todas activas", Kind::Busy, |point| {
            let rate = number(point.median(|run| run.messages_per_second)?);
            Some(if point.generator_full() { format!("≥{rate}") } else { rate })
        }),
        table(report, "Procesador por mensaje, con todas activas", Kind::Busy, |point| {
            Some(nanoseconds(point.median(|run| run.cpu_ns)?))
        }),
        table(report, &format!("Llamadas al sistema por mensaje, {few}"), Kind::Idle, |point| {
            Some(number(point.median(|run| run.count(|counts| counts.calls))?))
        }),
        table(report, &format!("Cambios de contexto por mensaje, {few}"), Kind::Idle, |point| {
            Some(number(point.median(|run| run.count(|counts| counts.switches))?))
        }),
        table(report, "Memoria residente por conexión", Kind::Idle, |point| {
            let enough = point.case.connections >= MANY;
            enough.then(|| point.median(|run| run.bytes_per_connection).map(bytes))?
        }),
        table(report, "Hilos", Kind::Idle, |point| {
            Some(count(point.runs.iter().map(|run| run.threads).max()?))
        }),
    ]
}

/// Qué casos van en una tabla.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Idle,
    Busy,
}

/// Una fila por número de conexiones y una columna por motor.
fn table(
    report: &Report,
    title: &str,
    kind: Kind,
    cell: impl Fn(&Point) -> Option<String>,
) -> String {
    let engines = report.engines();
    let sizes = match kind {
        Kind::Idle => &report.plan.idle,
        Kind::Busy => &report.plan.busy,
    };
    let mut lines = vec![rule(title), String::new()];
    let names = engines.iter().map(|engine| engine.name().to_owned());
    lines.push(dim(&columns("conexiones", names)));
    let mut rows = 0;
    for &size in sizes {
        let cells: Vec<Option<String>> = engines
            .iter()
            .map(|&engine| {
                let mut points: Box<dyn Iterator<Item = &Point>> = match kind {
                    Kind::Idle => Box::new(report.idle(engine)),
                    Kind::Busy => Box::new(report.busy(engine)),
                };
                cell(points.find(|point| point.case.connections == size)?)
            })
            .collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        rows += 1;
        let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "—".into()));
        lines.push(columns(&count(size as u64), cells));
    }
    if rows == 0 { String::new() } else { lines.join("\n") }
}

fn columns(first: &str, rest: impl Iterator<Item = String>) -> String {
    rest.fold(format!("{first:>10}"), |mut line, cell| {
        let _ = write!(line, "{cell:>COLUMN$}");
        line
    })
}

/// Los veredictos.
pub fn answers(report: &Report) -> String {
    let verdicts: Vec<String> = verdicts(report).iter().map(answer).collect();
    verdicts.join("\n\n")
}

fn answer(verdict: &Verdict) -> String {
    let because = if verdict.because.is_empty() {
        "Falta medirlo.".to_owned()
    } else {
        verdict.because.clone()
    };
    format!(
        "{}\n{}\n{}",
        bold(verdict.question),
        wrap(&format!("  «{}»: {}", verdict.claim, word(verdict.answer)), 2),
        wrap(&format!("  {because}"), 2)
    )
}

/// Una respuesta, en una palabra o dos.
pub fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Holds => "sí, en esta máquina",
        Answer::Fails => "no, en esta máquina",
        Answer::Depends => "según el caso",
        Answer::Unknown => "estos datos no lo dicen",
    }
}

/// Parte un párrafo en líneas de hasta 80 columnas, con sangría desde la segunda.
pub fn wrap(text: &str, indent: usize) -> String {
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
    use crate::engines::Engine;
    use crate::made_up::{made_up, usual_cost, usual_memory};

    #[test]
    fn el_informe_entero() {
        let mut report = made_up(usual_cost, usual_memory);
        report.warnings.push("Un aviso, con lo que significa para las cifras.".into());
        insta::assert_snapshot!("informe", text(&report));
    }

    #[test]
    fn un_motor_que_no_pudo_con_un_caso_deja_su_casilla_vacía() {
        let mut report = made_up(usual_cost, usual_memory);
        for point in &mut report.points {
            if point.case.engine == Engine::Threads && point.case.connections == 10_000 {
                point.runs.clear();
                point.trouble = Some("atendió a 4000 de 10000 conexiones".into());
            }
        }
        let text = text(&report);
        let row = text.lines().find(|line| line.trim_start().starts_with("10\u{202F}000 "));
        assert!(row.is_some_and(|row| row.contains('—')), "{row:?}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("atendió a 4000 de 10000"), "{text}");
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
