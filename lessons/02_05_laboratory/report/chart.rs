//! La gráfica de una vista: líneas si hay varios tamaños que unir, y barras si hay uno solo.

use super::drawing::{Bar, Bars, Dot, Drawing, Line, Lines, Pen};
use super::look::{Look, View};
use crate::results::Report;

/// Las gráficas de un experimento.
pub(crate) fn charts(report: &Report) -> Vec<(Drawing, &'static str)> {
    let look = report.look();
    let drawn = look.views.iter().filter(|view| !view.reading.is_empty());
    drawn.filter_map(|view| Some((chart(report, &look, view)?, view.reading))).collect()
}

fn chart(report: &Report, look: &Look, view: &View) -> Option<Drawing> {
    let names = report.names();
    let lines: Vec<Line> = names
        .iter()
        .map(|who| {
            let rows = view.rows(report, who);
            let dots = rows.filter_map(|row| {
                let figure = report.figure(row, view.measure)?;
                let at = u32::try_from(row.case.connections).map_or(f64::MAX, f64::from);
                Some(Dot { at, spread: figure.spread, bound: !figure.bound.is_empty() })
            });
            Line { name: (*who).to_owned(), pen: pen(who), dots: dots.collect() }
        })
        .filter(|line| !line.dots.is_empty())
        .collect();
    let (name, title, read) = (view.name, view.title.clone(), view.measure.read);
    let mut sizes = lines.iter().flat_map(|line| &line.dots).map(|dot| dot.at);
    let only = sizes.next()?;
    if sizes.all(|size| (size - only).abs() < 1.0) {
        let bar = |line: Line| Bar { name: line.name, pen: line.pen, spread: line.dots[0].spread };
        let all = lines.into_iter().map(bar).collect();
        return Some(Bars { name, title, read, all }.drawing());
    }
    let lines = lines.into_iter().map(|mut line| {
        // En una escala logarítmica el cero no existe.
        line.dots.retain(|dot| dot.spread.low > 0.0);
        line
    });
    let all = lines.filter(|line| !line.dots.is_empty()).collect();
    Some(Lines { name, title, across: look.across, up: view.measure.name, read, all }.drawing())
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
