//! Cómo se enseña lo medido del chat: en la terminal y en una página.

use std::fmt::Write;

use super::{Kind, Outcome, Point};
use crate::report::drawing::{Dot, Drawing, Line, Lines, Pen};
use crate::report::page::{Page, figure, table};
use crate::report::terminal::{partial, warnings};
use crate::statistics::Spread;
use crate::wording::{count, nanoseconds, number};

/// Lo medido, para leer.
pub fn text(outcome: &Outcome) -> String {
    let mut text = format!(
        "cargo lab chat · {} UTC{}\n{}\n\n{:>9}  {:12}{:>31}{:>14}\n",
        outcome.date,
        partial(outcome.complete),
        outcome.machine,
        "clientes",
        "",
        "procesador por entrega",
        "entregas/s"
    );
    for point in &outcome.points {
        let cost = point.cost().map_or("—".to_owned(), |cost| {
            format!(
                "{} ({} a {})",
                nanoseconds(cost.median),
                nanoseconds(cost.low),
                nanoseconds(cost.high)
            )
        });
        let _ = writeln!(
            text,
            "{:>9}  {:12}{cost:>31}{:>14}",
            count(point.clients as u64),
            point.name,
            rate(point)
        );
    }
    text + &warnings(&outcome.warnings)
}

/// Entregas por segundo; con «≥» si el tope es de quien hace de clientes.
fn rate(point: &Point) -> String {
    point.rate().map_or("—".to_owned(), |rate| {
        format!("{}{}", if point.generator_full() { "≥" } else { "" }, number(rate.median))
    })
}

/// Lo medido, en una página.
pub fn page(outcome: &Outcome) -> String {
    let mut body = String::new();
    for drawing in drawings(outcome) {
        body += &figure(&drawing, reading(drawing.name));
    }
    let columns =
        ["servidor", "clientes", "procesador por entrega", "cuartiles", "entregas/s", "rondas"];
    body += &table("Todas las cifras", &columns, outcome.points.iter().map(row));
    Page {
        title: "Laboratorio: el chat en esta máquina",
        heading: "El chat de la lección 02_03, medido en esta máquina",
        order: "cargo lab chat",
        date: &outcome.date,
        machine: &outcome.machine,
        reading: "Una entrega es un mensaje que llega a uno. Mediana de las rondas; las rayas verticales \
                  van de cuartil a cuartil.",
        complete: outcome.complete,
        warnings: &outcome.warnings,
        body,
    }
    .html()
}

fn row(point: &Point) -> Vec<String> {
    let cost = |read: &dyn Fn(Spread) -> String| point.cost().map_or("—".to_owned(), read);
    vec![
        point.name.clone(),
        count(point.clients as u64),
        cost(&|cost| nanoseconds(cost.median)),
        cost(&|cost| format!("{} a {}", nanoseconds(cost.low), nanoseconds(cost.high))),
        rate(point),
        count(point.cpu_ns.len() as u64),
    ]
}

/// Las gráficas: lo que cuesta una entrega y cuántas caben.
pub fn drawings(outcome: &Outcome) -> Vec<Drawing> {
    let charts = [
        Lines {
            name: "chat-costo",
            title: "Procesador por entrega".to_owned(),
            across: ("clientes conectados", "clientes"),
            up: "procesador por entrega",
            read: nanoseconds,
            lines: lines(outcome, Point::cost, |_| false),
        },
        Lines {
            name: "chat-caudal",
            title: "Entregas por segundo".to_owned(),
            across: ("clientes conectados", "clientes"),
            up: "entregas por segundo",
            read: number,
            lines: lines(outcome, Point::rate, Point::generator_full),
        },
    ];
    charts
        .into_iter()
        .filter(|chart| !chart.lines.is_empty())
        .map(|chart| chart.drawing())
        .collect()
}

fn lines(
    outcome: &Outcome,
    spread: fn(&Point) -> Option<Spread>,
    bound: fn(&Point) -> bool,
) -> Vec<Line> {
    let line = |kind: Kind, pen| {
        let points = outcome.points.iter().filter(|point| point.name == kind.name());
        let dots: Vec<Dot> = points
            .filter_map(|point| {
                let at = u32::try_from(point.clients).map_or(f64::MAX, f64::from);
                Some(Dot { at, spread: spread(point)?, bound: bound(point) })
            })
            .collect();
        Line { name: kind.name(), pen, dots }
    };
    [line(Kind::Chat, Pen::Blue), line(Kind::Redis, Pen::Vermilion)]
        .into_iter()
        .filter(|line| !line.dots.is_empty())
        .collect()
}

fn reading(name: &str) -> &'static str {
    if name == "chat-costo" {
        "Más abajo es mejor. Con más oyentes, lo que cuesta leer y validar un mensaje se reparte entre \
         más entregas."
    } else {
        "Más arriba es mejor. Una marca hueca es un mínimo: quien hace de clientes llenó su procesador, \
         y el servidor podría con más."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cores::Cores;
    use crate::machine::Machine;

    fn outcome() -> Outcome {
        let point = |kind: Kind, clients, ns: f64| {
            let mut point = Point::new(kind, clients);
            point.cpu_ns = vec![ns, ns * 1.1];
            point.deliveries_per_second = vec![1e9 / ns];
            point.generator_busy = vec![0.5];
            point
        };
        Outcome {
            date: "2026-01-31 09:30".into(),
            machine: Machine::this_one(&Cores::split().unwrap()),
            complete: true,
            warnings: Vec::new(),
            points: vec![
                point(Kind::Chat, 10, 340.0),
                point(Kind::Redis, 10, 670.0),
                point(Kind::Chat, 100, 110.0),
                point(Kind::Redis, 100, 190.0),
            ],
        }
    }

    #[test]
    fn la_página_dibuja_los_dos_y_trae_todas_las_cifras() {
        let page = page(&outcome());
        assert_eq!(page.matches("<svg class=\"lab\"").count(), 2);
        assert!(page.contains("redis: de 704") && page.ends_with("</html>\n"), "{page}");
        assert_eq!(page.matches("<tr><th>aplic_02_03</th>").count(), 2);
        assert!(!page.contains("a medias"));
    }

    #[test]
    fn lo_que_falta_y_lo_que_está_a_medias_se_dice_en_los_dos_sitios() {
        let mut outcome = outcome();
        outcome.complete = false;
        outcome.points[3] = Point::new(Kind::Redis, 100);
        outcome.points[3].trouble = Some("la conexión terminó a medias".into());
        outcome.points[0].generator_busy = vec![0.99];
        outcome.warn(Vec::new());
        for shown in [text(&outcome), page(&outcome)] {
            let words: Vec<&str> = shown.split_whitespace().collect();
            let shown = words.join(" ");
            assert!(shown.to_lowercase().contains("a medias"), "{shown}");
            assert!(
                shown.contains("redis con 100 clientes: la conexión terminó a medias"),
                "{shown}"
            );
            assert!(shown.contains("de ese caso no hay cifras"), "{shown}");
            assert!(shown.contains("no caben 1000 clientes: se mide hasta 100."), "{shown}");
            assert!(shown.contains("≥2"), "{shown}");
        }
    }
}
