//! El informe del experimento, en una página.

use super::chart::charts;
use super::drawing::escape;
use super::page::{Page, figure, table};
use super::terminal::word;
use crate::results::{MANY, Point, Report};
use crate::verdict::{Answer, Verdict, verdicts};
use crate::wording::{bytes, count, microseconds, nanoseconds, number};

/// La página entera.
pub fn page(report: &Report) -> String {
    let mut body = "<section><h2>Veredictos</h2>\n".to_owned();
    for verdict in verdicts(report) {
        body += &card(&verdict);
    }
    body += "</section>\n";
    for drawing in charts(report) {
        body += &figure(&drawing, reading(drawing.name));
    }
    let measured = report.points.iter().filter(|point| !point.runs.is_empty());
    body += &table("Todas las cifras", &COLUMNS, measured.map(row));
    Page {
        title: "Laboratorio: hilos, select y epoll en esta máquina",
        heading: "Lo que afirman los apuntes, medido en esta máquina",
        order: &report.plan.order,
        date: &report.date,
        machine: &report.machine,
        reading: &format!(
            "Mediana de {} repeticiones; las rayas verticales van de cuartil a cuartil.",
            report.plan.repeats
        ),
        complete: report.complete,
        warnings: &report.warnings,
        body,
    }
    .html()
}

/// Cómo se lee cada gráfica.
fn reading(name: &str) -> &'static str {
    match name {
        "costo" => {
            "Una línea horizontal es un costo que no depende de las que callan; una que sube crece \
             con ellas. Es la cifra más firme."
        }
        "espera" => {
            "Más abajo es mejor. Es la gráfica más ruidosa: compara formas, y no décimas. Una marca \
             hueca es un tope: más de la mitad de esa espera es del generador."
        }
        "memoria" => {
            "Lo que ocupa en el programa cada conexión callada; lo que el núcleo guarda de cada \
             socket va aparte."
        }
        _ => {
            "Más arriba es mejor. Una marca hueca es un mínimo: el generador llenó su procesador, y \
             el motor podría con más."
        }
    }
}

fn card(verdict: &Verdict) -> String {
    let because = if verdict.because.is_empty() { "Falta medirlo." } else { &verdict.because };
    let class = match verdict.answer {
        Answer::Holds => "si",
        Answer::Fails => "no",
        Answer::Depends => "segun",
        Answer::Unknown => "nada",
    };
    format!(
        "<article class=\"{class}\"><h3>{}</h3><p class=\"dicho\">«{}»: <strong>{}</strong></p><p>{}</p></article>\n",
        escape(verdict.question),
        escape(verdict.claim),
        word(verdict.answer),
        escape(because)
    )
}

/// Todas las cifras, para quien quiera mirarlas una a una.
const COLUMNS: [&str; 14] = [
    "motor",
    "conexiones",
    "activas",
    "procesador por mensaje",
    "mensajes/s",
    "p50",
    "p99",
    "p99,9",
    "sin volver",
    "llamadas",
    "despertares",
    "cambios",
    "memoria por conexión",
    "hilos",
];

fn row(point: &Point) -> Vec<String> {
    let case = point.case;
    let median = |measure| point.median(measure).unwrap_or(0.0);
    let count_of = |measure| point.median(measure).map_or("—".to_owned(), number);
    let full = if point.generator_full() { "≥" } else { "" };
    let late = if point.generator_late() { "≤" } else { "" };
    vec![
        case.engine.to_string(),
        count(case.connections as u64),
        count(case.active as u64),
        nanoseconds(median(|run| run.cpu_ns)),
        format!("{full}{}", number(median(|run| run.messages_per_second))),
        microseconds(median(|run| run.p50_us)),
        format!("{late}{}", microseconds(median(|run| run.p99_us))),
        format!("{late}{}", microseconds(median(|run| run.p999_us))),
        count(point.runs.iter().map(|run| run.unanswered).sum()),
        count_of(|run| run.count(|counts| counts.calls)),
        count_of(|run| run.count(|counts| counts.wakeups)),
        count_of(|run| run.count(|counts| counts.switches)),
        if case.connections < MANY {
            "—".to_owned()
        } else {
            bytes(median(|run| run.bytes_per_connection))
        },
        count(point.runs.iter().map(|run| run.threads).max().unwrap_or(0)),
    ]
}
