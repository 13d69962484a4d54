//! Las gráficas del experimento: qué se toma de cada caso y qué dice cada eje.

use super::drawing::{Dot, Drawing, Line, Lines, Pen};
use crate::engines::Engine;
use crate::results::{MANY, Measure, Point, Report};
use crate::wording::{THIN, count, microseconds, nanoseconds, number, whole};

/// Lo que una gráfica enseña.
struct Chart {
    name: &'static str,
    title: String,
    axis: &'static str,
    measure: Measure,
    read: fn(f64) -> String,
    /// Si la cifra de un caso es solo un tope, porque la puso el generador.
    bound: fn(&Point) -> bool,
    all_active: bool,
    /// Si con pocas conexiones no significa nada.
    only_many: bool,
}

/// Las gráficas de un experimento, las que tengan al menos dos casos que unir.
pub fn charts(report: &Report) -> Vec<Drawing> {
    let few = format!("con {} activas y las demás ociosas", report.plan.active);
    let candidates = [
        Chart {
            name: "costo",
            title: format!("Procesador por mensaje, {few}"),
            axis: "procesador por mensaje",
            measure: |run| run.cpu_ns,
            read: nanoseconds,
            bound: |_| false,
            all_active: false,
            only_many: false,
        },
        Chart {
            name: "espera",
            title: format!(
                "Espera que 99 de cada 100 mensajes no alcanzan, a {} por segundo, {few}",
                count(u64::from(report.plan.rate))
            ),
            axis: "espera, p99",
            measure: |run| run.p99_us,
            read: microseconds,
            bound: Point::generator_late,
            all_active: false,
            only_many: false,
        },
        Chart {
            name: "memoria",
            title: "Memoria residente por conexión".to_owned(),
            axis: "memoria por conexión",
            measure: |run| run.bytes_per_connection,
            read: |size| format!("{}{THIN}B", whole(size)),
            bound: |_| false,
            all_active: false,
            only_many: true,
        },
        Chart {
            name: "caudal",
            title: "Mensajes por segundo, con todas las conexiones activas".to_owned(),
            axis: "mensajes por segundo",
            measure: |run| run.messages_per_second,
            read: number,
            bound: Point::generator_full,
            all_active: true,
            only_many: false,
        },
    ];
    let drawn = candidates.into_iter().map(|chart| chart.lines(report));
    drawn
        .filter(|chart| chart.lines.iter().any(|line| line.dots.len() > 1))
        .map(|chart| chart.drawing())
        .collect()
}

impl Chart {
    fn lines(self, report: &Report) -> Lines {
        let lines = report
            .engines()
            .into_iter()
            .map(|engine| Line {
                name: engine.name(),
                pen: pen(engine),
                dots: self.dots(report, engine),
            })
            .filter(|line| !line.dots.is_empty())
            .collect();
        Lines {
            name: self.name,
            title: self.title,
            across: ("conexiones abiertas", "conexiones"),
            up: self.axis,
            read: self.read,
            lines,
        }
    }

    fn dots(&self, report: &Report, engine: Engine) -> Vec<Dot> {
        let points: Vec<&Point> = if self.all_active {
            report.busy(engine).collect()
        } else {
            report.idle(engine).collect()
        };
        points
            .into_iter()
            .filter(|point| !self.only_many || point.case.connections >= MANY)
            .filter_map(|point| {
                let spread = point.spread(self.measure)?;
                let bound = (self.bound)(point);
                // En una escala logarítmica el cero no existe.
                (spread.low > 0.0).then(|| Dot { at: lossy(point.case.connections), spread, bound })
            })
            .collect()
    }
}

fn pen(engine: Engine) -> Pen {
    match engine {
        Engine::Threads => Pen::Vermilion,
        Engine::Select => Pen::Ochre,
        Engine::Poll => Pen::Mauve,
        Engine::Epoll => Pen::Blue,
        Engine::Edge => Pen::Green,
        Engine::Uring => Pen::Grey,
    }
}

#[expect(clippy::cast_precision_loss)]
fn lossy(number: usize) -> f64 {
    number as f64
}
