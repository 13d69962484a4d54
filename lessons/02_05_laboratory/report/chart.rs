//! La gráfica de una vista: líneas si hay varios tamaños que unir, y barras si hay uno solo.

use super::drawing::{Chart, Dot, Drawing, Line, Pen};
use super::look::{Look, View};
use crate::results::Report;
use crate::wording::lossy;

/// Las gráficas de un experimento.
pub(crate) fn charts(report: &Report) -> Vec<(Drawing, &'static str)> {
    let look = report.look();
    let drawn = look.views.iter().filter(|view| !view.reading.is_empty());
    drawn.filter_map(|view| Some((chart(report, &look, view)?, view.reading))).collect()
}

fn chart(report: &Report, look: &Look, view: &View) -> Option<Drawing> {
    let lines = report.names().into_iter().map(|who| {
        let dots = view.rows(report, who).filter_map(|row| {
            let figure = report.figure(row, view.measure)?;
            let at = lossy(row.case.connections as u64);
            Some(Dot { at, spread: figure.spread, bound: !figure.bound.is_empty() })
        });
        Line { name: who.to_owned(), pen: pen(who), dots: dots.collect() }
    });
    let lines = lines.filter(|line| !line.dots.is_empty()).collect();
    let (name, title, measure) = (view.name, view.title.clone(), view.measure);
    Chart { name, title, across: look.across, up: measure.name, read: measure.read, lines }
        .drawing()
}

/// El color y la marca de cada uno, siempre los mismos. Lo de las lecciones, círculos azules.
fn pen(who: &str) -> Pen {
    match who {
        "hilos" | "redis" => Pen("bermellon", "M-5-5H5V5H-5Z"),
        "select" => Pen("ocre", "M0-6 6 5H-6Z"),
        "poll" => Pen("malva", "M0 6 6-5H-6Z"),
        "epoll" | "aplic_02_03" | "aplic_02_04" => {
            Pen("azul", "M-5 0A5 5 0 0 0 5 0 5 5 0 0 0-5 0Z")
        }
        "flanco" => Pen("verde", "M0-7 6 0 0 7-6 0Z"),
        _ => Pen("gris", "M-6-2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z"),
    }
}
