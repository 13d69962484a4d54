//! Las gráficas, en SVG: las mismas para la página y para el libro.
//!
//! `plotters` escribe colores fijos. Aquí se le dan unos que nadie usaría, y después se cambian por
//! variables de CSS: la misma gráfica vale de día, de noche y en papel. Como el color no basta para
//! distinguir (ni en papel, ni para todos los ojos), cada motor tiene además su marca.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::element::{DynElement, IntoDynElement};
use plotters::prelude::*;

use crate::engines::Engine;
use crate::results::{MANY, Measure, Point, Report};
use crate::wording::{THIN, count, microseconds, nanoseconds, number, whole};

const WIDTH: u32 = 760;
const HEIGHT: u32 = 420;

/// Dónde empieza la leyenda.
const RIGHT_OF_PLOT: i32 = 640;

/// La tinta: ejes y letras.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Las líneas de fondo.
const GRID: RGBColor = RGBColor(1, 2, 4);

/// El color de cada motor.
fn colour(engine: Engine) -> RGBColor {
    RGBColor(1, 3, place(engine))
}

fn place(engine: Engine) -> u8 {
    Engine::ALL
        .iter()
        .position(|&other| other == engine)
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

/// Lo que una gráfica enseña: un título, lo que dice cada eje y qué se toma de cada caso.
pub struct Chart {
    /// El archivo en el que va, sin carpeta.
    pub name: &'static str,
    /// Qué se ve, en una frase: también la oye quien no la ve.
    pub title: String,
    axis: &'static str,
    measure: Measure,
    read: fn(f64) -> String,
    all_active: bool,
    /// Si con pocas conexiones no significa nada.
    only_many: bool,
}

/// Las gráficas de un experimento, las que tengan al menos dos casos que unir.
pub fn charts(report: &Report) -> Vec<Chart> {
    let few = format!("con {} activas y las demás ociosas", report.plan.active);
    let candidates = vec![
        Chart {
            name: "costo.svg",
            title: format!("Procesador por mensaje, {few}"),
            axis: "procesador por mensaje",
            measure: |run| run.cpu_ns,
            read: nanoseconds,
            all_active: false,
            only_many: false,
        },
        Chart {
            name: "espera.svg",
            title: format!(
                "Espera que 99 de cada 100 mensajes no alcanzan, a {} por segundo, {few}",
                count(u64::from(report.plan.rate))
            ),
            axis: "espera, p99",
            measure: |run| run.p99_us,
            read: microseconds,
            all_active: false,
            only_many: false,
        },
        Chart {
            name: "memoria.svg",
            title: "Memoria residente por conexión".to_owned(),
            axis: "memoria por conexión",
            measure: |run| run.bytes_per_connection,
            read: |size| format!("{}{THIN}B", whole(size)),
            all_active: false,
            only_many: true,
        },
        Chart {
            name: "caudal.svg",
            title: "Mensajes por segundo, con todas las conexiones activas".to_owned(),
            axis: "mensajes por segundo",
            measure: |run| run.messages_per_second,
            read: number,
            all_active: true,
            only_many: false,
        },
    ];
    candidates
        .into_iter()
        .filter(|chart| chart.lines(report).iter().any(|(_, line)| line.len() > 1))
        .collect()
}

/// Un punto dibujado: conexiones, mediana y cuartiles.
type Dot = (f64, f64, f64, f64);

impl Chart {
    fn lines(&self, report: &Report) -> Vec<(Engine, Vec<Dot>)> {
        let line = |engine| -> Vec<Dot> {
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
                    // En una escala logarítmica el cero no existe.
                    (spread.low > 0.0).then(|| {
                        (lossy(point.case.connections), spread.median, spread.low, spread.high)
                    })
                })
                .collect()
        };
        report
            .engines()
            .into_iter()
            .map(|engine| (engine, line(engine)))
            .filter(|(_, line)| !line.is_empty())
            .collect()
    }

    /// La gráfica, como un elemento `<svg>` que se puede poner en una página.
    pub fn svg(&self, report: &Report) -> String {
        let mut drawing = String::new();
        let lines = self.lines(report);
        // Sobre un texto no hay nada que pueda fallar al dibujar.
        if self.draw(&mut drawing, &lines).is_err() {
            return String::new();
        }
        for_any_paper(&drawing, self.name, &self.title, &self.description(&lines))
    }

    /// Lo que se ve, para quien no lo ve: de dónde a dónde va cada línea.
    fn description(&self, lines: &[(Engine, Vec<Dot>)]) -> String {
        let told = lines.iter().filter_map(|(engine, line)| {
            let (first, last) = (line.first()?, line.last()?);
            let place =
                |dot: &Dot| format!("{} con {} conexiones", (self.read)(dot.1), whole(dot.0));
            Some(if line.len() == 1 {
                format!("{engine}: {}.", place(first))
            } else {
                format!("{engine}: de {} a {}.", place(first), place(last))
            })
        });
        let told: Vec<String> = told.collect();
        format!("En los dos ejes, escala logarítmica. {}", told.join(" "))
    }

    fn draw(
        &self,
        drawing: &mut String,
        lines: &[(Engine, Vec<Dot>)],
    ) -> Result<(), Box<dyn std::error::Error>> {
        let dots = || lines.iter().flat_map(|(_, line)| line);
        let least = |value: fn(&Dot) -> f64| dots().map(value).fold(f64::INFINITY, f64::min);
        let most = |value: fn(&Dot) -> f64| dots().map(value).fold(0.0, f64::max);
        let across = Decades::around(least(|dot| dot.0), most(|dot| dot.0), number);
        let up = Decades::around(least(|dot| dot.2), most(|dot| dot.3), self.read);

        let area = SVGBackend::with_string(drawing, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(130)
            .x_label_area_size(46)
            .y_label_area_size(86)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .x_desc("conexiones abiertas")
            .y_desc(self.axis)
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 14).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
            .draw()?;
        for (engine, line) in lines {
            let (engine, paint) = (*engine, colour(*engine));
            chart.draw_series(line.iter().map(|&(x, _, low, high)| {
                PathElement::new([(x, low), (x, high)], paint.stroke_width(1))
            }))?;
            chart.draw_series(LineSeries::new(
                line.iter().map(|&(x, y, ..)| (x, y)),
                paint.stroke_width(2),
            ))?;
            chart.draw_series(
                line.iter().map(|&(x, y, ..)| EmptyElement::at((x, y)) + mark(engine, (0, 0))),
            )?;
        }
        let letters = ("sans-serif", 15).into_font().color(&INK);
        for (turn, (engine, _)) in (0..).zip(lines) {
            // La leyenda, a la derecha: dentro taparía algún punto.
            let (x, y) = (RIGHT_OF_PLOT, 30 + 26 * turn);
            let line = colour(*engine).stroke_width(2);
            area.draw(&PathElement::new([(x, y), (x + 26, y)], line))?;
            area.draw(&mark(*engine, (x + 13, y)))?;
            area.draw(&Text::new(engine.name(), (x + 34, y - 6), letters.clone()))?;
        }
        area.present()?;
        Ok(())
    }
}

/// La marca de cada motor, centrada en `at`.
fn mark<DB: DrawingBackend>(engine: Engine, at: (i32, i32)) -> DynElement<'static, DB, (i32, i32)> {
    let (x, y) = at;
    let paint = colour(engine).filled();
    let shape = |corners: &[(i32, i32)]| {
        let corners: Vec<(i32, i32)> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        Polygon::new(corners, paint).into_dyn()
    };
    match engine {
        Engine::Threads => shape(&[(-5, -5), (5, -5), (5, 5), (-5, 5)]),
        Engine::Select => shape(&[(0, -6), (6, 5), (-6, 5)]),
        Engine::Poll => shape(&[(0, 6), (6, -5), (-6, -5)]),
        Engine::Epoll => Circle::new(at, 5, paint).into_dyn(),
        Engine::Edge => shape(&[(0, -7), (6, 0), (0, 7), (-6, 0)]),
        Engine::Uring => shape(&[
            (-6, -2),
            (-2, -2),
            (-2, -6),
            (2, -6),
            (2, -2),
            (6, -2),
            (6, 2),
            (2, 2),
            (2, 6),
            (-2, 6),
            (-2, 2),
            (-6, 2),
        ]),
    }
}

/// Cambia los colores fijos por variables, quita el tamaño fijo y pone el título.
fn for_any_paper(drawing: &str, name: &str, title: &str, description: &str) -> String {
    let mut drawing = drawing.to_owned();
    let mut swap = |colour: RGBColor, variable: &str| {
        let RGBColor(red, green, blue) = colour;
        for attribute in ["fill", "stroke"] {
            drawing = drawing.replace(
                &format!("{attribute}=\"#{red:02X}{green:02X}{blue:02X}\""),
                &format!("style=\"{attribute}:var(--{variable})\""),
            );
        }
    };
    swap(INK, "lab-tinta");
    swap(GRID, "lab-fondo");
    for engine in Engine::ALL {
        swap(colour(engine), &format!("lab-{engine}"));
    }
    let inside = drawing.split_once('>').map_or("", |(_, inside)| inside);
    // Sin líneas en blanco: en Markdown terminarían el HTML.
    let inside: Vec<&str> = inside.lines().filter(|line| !line.trim().is_empty()).collect();
    let name = name.trim_end_matches(".svg");
    format!(
        "<svg class=\"lab\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"lab-{name}-titulo lab-{name}-descripcion\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"lab-{name}-titulo\">{}</title>\n\
         <desc id=\"lab-{name}-descripcion\">{}</desc>\n<style>{}</style>\n{}\n",
        escape(title),
        escape(description),
        style(),
        inside.join("\n")
    )
}

/// Los colores sobre papel claro. Los de los motores son, casi todos, de la paleta de Okabe e Ito,
/// que distinguen también quienes no ven todos los colores.
const DAY: &str = "--lab-tinta:#222;--lab-fondo:#ddd;--lab-hilos:#d55e00;--lab-select:#b8860b;\
--lab-poll:#a3527f;--lab-epoll:#0072b2;--lab-flanco:#007a5a;--lab-uring:#555";

/// Los mismos, sobre fondo oscuro.
const NIGHT: &str = "--lab-tinta:#ddd;--lab-fondo:#444;--lab-hilos:#ff8a3d;--lab-select:#f0e442;\
--lab-poll:#e69cc5;--lab-epoll:#56b4e9;--lab-flanco:#2fd6a6;--lab-uring:#bbb";

/// De día; de noche, si lo pide el sistema o el tema del libro; y en papel, otra vez de día.
fn style() -> String {
    let on_paper = DAY.replace(';', "!important;");
    format!(
        "svg.lab{{width:100%;height:auto;{DAY}}}\
         .navy svg.lab,.coal svg.lab,.ayu svg.lab,.noche svg.lab{{{NIGHT}}}\
         @media print{{svg.lab{{{on_paper}!important}}}}"
    )
}

/// Deja un texto listo para ir dentro de HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Un eje logarítmico que solo marca las potencias de diez y sus mitades, y las lee con `read`.
///
/// El de `plotters` escribe los números a la inglesa.
struct Decades {
    low: f64,
    high: f64,
    read: fn(f64) -> String,
}

impl Decades {
    /// Un eje en el que caben `least` y `most`, con algo de aire.
    fn around(least: f64, most: f64, read: fn(f64) -> String) -> Decades {
        Decades { low: least / 1.5, high: most * 1.5, read }
    }

    fn marks(&self) -> Vec<f64> {
        let wide = self.high / self.low > 30.0;
        let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let first = self.low.log10().floor();
        (0..20)
            .flat_map(|decade| {
                steps.iter().map(move |step| step * 10_f64.powf(first + f64::from(decade)))
            })
            .filter(|mark| (self.low..=self.high).contains(mark))
            .collect()
    }
}

impl Ranged for Decades {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation)]
    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        start + (f64::from(end - start) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Decades {
    fn format_ext(&self, value: &f64) -> String {
        // Una marca es un número redondo: sin decimales que no dicen nada.
        let text = (self.read)(*value);
        let (number, unit) = text.rsplit_once(THIN).unwrap_or((&text, ""));
        match number.split_once(',') {
            Some((whole, decimals)) if decimals.bytes().all(|digit| digit == b'0') => {
                if unit.is_empty() { whole.to_owned() } else { format!("{whole}{THIN}{unit}") }
            }
            _ => text,
        }
    }
}

#[expect(clippy::cast_precision_loss)]
fn lossy(number: usize) -> f64 {
    number as f64
}
