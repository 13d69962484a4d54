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

/// El color de cada uno, siempre el mismo: el de la lección, azul.
fn pen(who: &str) -> Pen {
    match who {
        "hilos" | "redis" => Pen::Vermilion,
        "select" => Pen::Ochre,
        "poll" => Pen::Mauve,
        "epoll" | "aplic_02_03" | "aplic_02_04" => Pen::Blue,
        "flanco" => Pen::Green,
        _ => Pen::Grey,
    }
}
