//! Dibujar: líneas y barras en SVG, las mismas para la página y para el libro.
//!
//! `plotters` escribe colores fijos. Aquí se le dan unos que nadie usaría, y después se cambian por
//! variables de CSS: la misma gráfica vale de día, de noche y en papel. Como el color no basta para
//! distinguir (ni en papel, ni para todos los ojos), cada línea tiene además su marca.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::element::{DynElement, IntoDynElement};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::statistics::Spread;
use crate::wording::{THIN, number, whole};

const WIDTH: u32 = 760;
const HEIGHT: u32 = 420;

/// Dónde empieza la leyenda.
const RIGHT_OF_PLOT: i32 = 640;

/// La tinta: ejes y letras.
const INK: RGBColor = RGBColor(1, 2, 3);
/// Las líneas de fondo.
const GRID: RGBColor = RGBColor(1, 2, 4);
/// El papel: el interior de las marcas huecas.
const PAPER: RGBColor = RGBColor(1, 2, 5);

/// Un dibujo terminado.
pub(crate) struct Drawing {
    /// Cómo se llama, sin extensión.
    pub(crate) name: &'static str,
    /// Qué se ve, en una frase: también la oye quien no la ve.
    pub(crate) title: String,
    /// Un elemento `<svg>` que se puede poner en una página.
    pub(crate) svg: String,
}

/// Con qué se dibuja: un color y una marca.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pen {
    /// Cuadrados bermellón.
    Vermilion,
    /// Triángulos ocres.
    Ochre,
    /// Triángulos malva, boca abajo.
    Mauve,
    /// Círculos azules.
    Blue,
    /// Rombos verdes.
    Green,
    /// Cruces grises.
    Grey,
}

impl Pen {
    const ALL: [Pen; 6] =
        [Pen::Vermilion, Pen::Ochre, Pen::Mauve, Pen::Blue, Pen::Green, Pen::Grey];

    /// Un color que nadie usaría, para cambiarlo luego por [`variable`](Pen::variable).
    fn colour(self) -> RGBColor {
        RGBColor(1, 3, self as u8)
    }

    fn variable(self) -> &'static str {
        match self {
            Pen::Vermilion => "lab-bermellon",
            Pen::Ochre => "lab-ocre",
            Pen::Mauve => "lab-malva",
            Pen::Blue => "lab-azul",
            Pen::Green => "lab-verde",
            Pen::Grey => "lab-gris",
        }
    }

    /// La marca, centrada en `at`. Hueca si solo es un tope: el papel, y encima el borde.
    fn mark<DB: DrawingBackend>(self, hollow: bool, at: (i32, i32)) -> Vec<Shape<DB>> {
        if hollow {
            vec![
                self.shape(at, PAPER.filled()),
                match self.path(at) {
                    Some(path) => PathElement::new(path, self.colour().stroke_width(2)).into_dyn(),
                    None => Circle::new(at, 5, self.colour().stroke_width(2)).into_dyn(),
                },
            ]
        } else {
            vec![self.shape(at, self.colour().filled())]
        }
    }

    fn shape<DB: DrawingBackend>(self, at: (i32, i32), inside: ShapeStyle) -> Shape<DB> {
        match self.path(at) {
            Some(path) => Polygon::new(path, inside).into_dyn(),
            None => Circle::new(at, 5, inside).into_dyn(),
        }
    }

    /// El contorno de su marca, cerrado; ninguno si es un círculo.
    fn path(self, at: (i32, i32)) -> Option<Vec<(i32, i32)>> {
        let corners = self.corners()?;
        let around = corners.iter().chain(&corners[..1]);
        Some(around.map(|(dx, dy)| (at.0 + dx, at.1 + dy)).collect())
    }

    /// Las esquinas de su marca, desde el centro; ninguna si es un círculo.
    fn corners(self) -> Option<&'static [(i32, i32)]> {
        match self {
            Pen::Vermilion => Some(&[(-5, -5), (5, -5), (5, 5), (-5, 5)]),
            Pen::Ochre => Some(&[(0, -6), (6, 5), (-6, 5)]),
            Pen::Mauve => Some(&[(0, 6), (6, -5), (-6, -5)]),
            Pen::Blue => None,
            Pen::Green => Some(&[(0, -7), (6, 0), (0, 7), (-6, 0)]),
            Pen::Grey => Some(&[
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
}

/// Una forma, en píxeles.
type Shape<DB> = DynElement<'static, DB, (i32, i32)>;

/// Un punto de una línea: dónde, cuánto, y si la cifra es solo un tope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot {
    /// Dónde, en el eje horizontal.
    pub(crate) at: f64,
    /// Cuánto.
    pub(crate) spread: Spread,
    /// Si lo de verdad es más, o menos: la cifra la puso el generador.
    pub(crate) bound: bool,
}

/// Una línea, con su nombre.
pub(crate) struct Line {
    /// Cómo se llama.
    pub(crate) name: String,
    /// Con qué se dibuja.
    pub(crate) pen: Pen,
    /// Sus puntos, de izquierda a derecha.
    pub(crate) dots: Vec<Dot>,
}

/// Una gráfica de líneas, con los dos ejes logarítmicos.
pub(crate) struct Lines {
    /// Cómo se llama, sin extensión.
    pub(crate) name: &'static str,
    /// Qué se ve.
    pub(crate) title: String,
    /// Lo que dice el eje horizontal, y en qué se cuenta: «conexiones».
    pub(crate) across: (&'static str, &'static str),
    /// Lo que dice el vertical.
    pub(crate) up: &'static str,
    /// Cómo se lee una cifra del vertical.
    pub(crate) read: fn(f64) -> String,
    /// Las líneas, en el orden de la leyenda.
    #[expect(clippy::struct_field_names)]
    pub(crate) lines: Vec<Line>,
}

impl Lines {
    /// El dibujo.
    pub(crate) fn drawing(&self) -> Drawing {
        let mut svg = String::new();
        // Sobre un texto no hay nada que pueda fallar al dibujar.
        if self.draw(&mut svg).is_err() {
            svg.clear();
        }
        let svg = for_any_paper(&svg, self.name, &self.title, &self.description(), HEIGHT);
        Drawing { name: self.name, title: self.title.clone(), svg }
    }

    /// Lo que se ve, para quien no lo ve: de dónde a dónde va cada línea.
    fn description(&self) -> String {
        let told = self.lines.iter().filter_map(|Line { name, dots, .. }| {
            let (first, last) = (dots.first()?, dots.last()?);
            let place = |dot: &Dot| {
                let amount = (self.read)(dot.spread.median);
                format!("{amount} con {} {}", whole(dot.at), self.across.1)
            };
            Some(if dots.len() == 1 {
                format!("{name}: {}.", place(first))
            } else {
                format!("{name}: de {} a {}.", place(first), place(last))
            })
        });
        let told: Vec<String> = told.collect();
        format!("En los dos ejes, escala logarítmica. {}", told.join(" "))
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let dots = || self.lines.iter().flat_map(|line| &line.dots);
        let least = |value: fn(&Dot) -> f64| dots().map(value).fold(f64::INFINITY, f64::min);
        let most = |value: fn(&Dot) -> f64| dots().map(value).fold(0.0, f64::max);
        let across = Decades::around(least(|dot| dot.at), most(|dot| dot.at), number);
        let up =
            Decades::around(least(|dot| dot.spread.low), most(|dot| dot.spread.high), self.read);

        let area = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .margin_right(130)
            .x_label_area_size(46)
            .y_label_area_size(86)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .x_desc(self.across.0)
            .y_desc(self.up)
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 14).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
            .draw()?;
        for Line { pen, dots, .. } in &self.lines {
            let paint = pen.colour();
            chart.draw_series(dots.iter().map(|&Dot { at, spread, .. }| {
                PathElement::new([(at, spread.low), (at, spread.high)], paint.stroke_width(1))
            }))?;
            chart.draw_series(LineSeries::new(
                dots.iter().map(|dot| (dot.at, dot.spread.median)),
                paint.stroke_width(2),
            ))?;
            chart.draw_series(dots.iter().flat_map(|dot| {
                let at = (dot.at, dot.spread.median);
                let shapes = pen.mark(dot.bound, (0, 0)).into_iter();
                shapes.map(move |shape| EmptyElement::at(at) + shape)
            }))?;
        }
        for (turn, Line { name, pen, .. }) in (0..).zip(&self.lines) {
            // La leyenda, a la derecha: dentro taparía algún punto.
            let (x, y) = (RIGHT_OF_PLOT, 30 + 26 * turn);
            let line = pen.colour().stroke_width(2);
            area.draw(&PathElement::new([(x, y), (x + 26, y)], line))?;
            for shape in pen.mark(false, (x + 13, y)) {
                area.draw(&shape)?;
            }
            area.draw(&letters(name, (x + 34, y), HPos::Left))?;
        }
        area.present()?;
        Ok(())
    }
}

/// Una barra, con su nombre.
pub(crate) struct Bar {
    /// Cómo se llama.
    pub(crate) name: String,
    /// Con qué se dibuja.
    pub(crate) pen: Pen,
    /// Cuánto.
    pub(crate) spread: Spread,
}

/// Barras tumbadas, desde cero: la escala es lineal, y el doble de larga es el doble.
pub(crate) struct Bars {
    /// Cómo se llama, sin extensión.
    pub(crate) name: &'static str,
    /// Qué se ve.
    pub(crate) title: String,
    /// Cómo se lee una cifra.
    pub(crate) read: fn(f64) -> String,
    /// Las barras, de arriba abajo.
    #[expect(clippy::struct_field_names)]
    pub(crate) bars: Vec<Bar>,
}

/// Alto de cada barra, con su hueco.
const ROW: i32 = 38;
/// Dónde empiezan las barras y cuánto mide la más larga: a la izquierda va el nombre, y a la
/// derecha, la cifra.
const BARS_FROM: i32 = 140;
const LONGEST: f64 = 500.0;

impl Bars {
    /// El dibujo.
    pub(crate) fn drawing(&self) -> Drawing {
        let height = 12 + ROW.unsigned_abs() * u32::try_from(self.bars.len()).unwrap_or(1);
        let mut svg = String::new();
        // Sobre un texto no hay nada que pueda fallar al dibujar.
        if self.draw(&mut svg, height).is_err() {
            svg.clear();
        }
        let told = self.bars.iter().map(|bar| {
            let amount = (self.read)(bar.spread.median);
            format!("{}: {amount}.", bar.name)
        });
        let told: Vec<String> = told.collect();
        let svg = for_any_paper(&svg, self.name, &self.title, &told.join(" "), height);
        Drawing { name: self.name, title: self.title.clone(), svg }
    }

    #[expect(clippy::cast_possible_truncation)]
    fn draw(&self, svg: &mut String, height: u32) -> Result<(), Box<dyn std::error::Error>> {
        let most = self.bars.iter().map(|bar| bar.spread.high).fold(f64::MIN_POSITIVE, f64::max);
        let along = |value: f64| BARS_FROM + (value / most * LONGEST).round() as i32;
        let area = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
        for (turn, Bar { name, pen, spread }) in (0..).zip(&self.bars) {
            let middle = 6 + ROW * turn + ROW / 2;
            area.draw(&letters(name, (BARS_FROM - 10, middle), HPos::Right))?;
            area.draw(&Rectangle::new(
                [(BARS_FROM, middle - 11), (along(spread.median).max(BARS_FROM + 1), middle + 11)],
                // Con algo de papel debajo, para que se vea la raya de los cuartiles.
                pen.colour().mix(0.7).filled(),
            ))?;
            let (low, high) = (along(spread.low), along(spread.high));
            let whisker = INK.stroke_width(2);
            area.draw(&PathElement::new([(low, middle), (high, middle)], whisker))?;
            for end in [low, high] {
                area.draw(&PathElement::new([(end, middle - 5), (end, middle + 5)], whisker))?;
            }
            let amount = (self.read)(spread.median);
            area.draw(&letters(&amount, (high + 10, middle), HPos::Left))?;
        }
        area.draw(&PathElement::new([(BARS_FROM, 0), (BARS_FROM, height.cast_signed())], INK))?;
        area.present()?;
        Ok(())
    }
}

/// Un rótulo, centrado en altura.
fn letters(text: &str, at: (i32, i32), side: HPos) -> Text<'static, (i32, i32), String> {
    let style = ("sans-serif", 15).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    Text::new(text.to_owned(), at, style)
}

/// Cambia los colores fijos por variables, quita el tamaño fijo y pone el título.
fn for_any_paper(svg: &str, name: &str, title: &str, description: &str, height: u32) -> String {
    let mut svg = svg.to_owned();
    let mut swap = |colour: RGBColor, variable: &str| {
        let RGBColor(red, green, blue) = colour;
        for attribute in ["fill", "stroke"] {
            svg = svg.replace(
                &format!("{attribute}=\"#{red:02X}{green:02X}{blue:02X}\""),
                &format!("style=\"{attribute}:var(--{variable})\""),
            );
        }
    };
    swap(INK, "lab-tinta");
    swap(GRID, "lab-fondo");
    swap(PAPER, "lab-papel");
    for pen in Pen::ALL {
        swap(pen.colour(), pen.variable());
    }
    // Lo que ya es así si no se dice nada pesa, y en el libro cuenta.
    svg = svg.replace(" opacity=\"1\"", "");
    let inside = svg.split_once('>').map_or("", |(_, inside)| inside);
    // Sin líneas en blanco: en Markdown terminarían el HTML.
    let inside: Vec<&str> = inside.lines().filter(|line| !line.trim().is_empty()).collect();
    format!(
        "<svg class=\"lab\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"lab-{name}-titulo lab-{name}-descripcion\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"lab-{name}-titulo\">{}</title>\n\
         <desc id=\"lab-{name}-descripcion\">{}</desc>\n<style>{}</style>\n{}\n",
        escape(title),
        escape(description),
        style(),
        inside.join("\n")
    )
}

/// Los colores sobre papel claro. Los de las líneas son, casi todos, de la paleta de Okabe e Ito,
/// que distinguen también quienes no ven todos los colores.
const DAY: &str = "--lab-tinta:#222;--lab-fondo:#ddd;--lab-papel:#fff;--lab-bermellon:#d55e00;\
--lab-ocre:#b8860b;--lab-malva:#a3527f;--lab-azul:#0072b2;--lab-verde:#007a5a;--lab-gris:#555";

/// Los mismos, sobre fondo oscuro.
const NIGHT: &str = "--lab-tinta:#ddd;--lab-fondo:#444;--lab-papel:#1b1f2a;--lab-bermellon:#ff8a3d;\
--lab-ocre:#f0e442;--lab-malva:#e69cc5;--lab-azul:#56b4e9;--lab-verde:#2fd6a6;--lab-gris:#bbb";

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
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Un eje logarítmico que solo marca números redondos, y los lee con `read`.
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

    /// Las potencias de diez; si son menos de tres, también sus dobles y sus quíntuplos: con una
    /// sola marca no se lee una escala.
    fn marks(&self) -> Vec<f64> {
        let tens = self.steps(&[1.0]);
        if tens.len() < 3 { self.steps(&[1.0, 2.0, 5.0]) } else { tens }
    }

    fn steps(&self, steps: &[f64]) -> Vec<f64> {
        let first = self.low.log10().floor();
        let decade = |power: i32| 10_f64.powf(first + f64::from(power));
        (0..20)
            .flat_map(|power| steps.iter().map(move |step| step * decade(power)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_eje_marca_números_redondos_y_nunca_uno_solo() {
        let marks = |least, most| Decades::around(least, most, number).marks();
        assert_eq!(marks(10.0, 10_000.0), [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(marks(300.0, 5000.0), [200.0, 500.0, 1000.0, 2000.0, 5000.0]);
        assert_eq!(marks(90_000.0, 250_000.0), [100_000.0, 200_000.0]);
    }

    #[test]
    fn una_marca_se_lee_sin_decimales_que_no_dicen_nada() {
        let axis = Decades::around(1.0, 1000.0, crate::wording::nanoseconds);
        assert_eq!(axis.format_ext(&5000.0), "5\u{202F}µs");
        assert_eq!(axis.format_ext(&0.5), "0,50\u{202F}ns");
        let plain = Decades::around(1.0, 1000.0, number);
        assert_eq!(plain.format_ext(&2.0), "2");
    }

    fn bars() -> Bars {
        let bar = |name: &str, median: f64| Bar {
            name: name.into(),
            pen: Pen::Blue,
            spread: Spread { median, low: median, high: median },
        };
        let bars = vec![bar("corta", 100.0), bar("larga", 200.0)];
        Bars { name: "barras", title: "De <a> y b".into(), read: number, bars }
    }

    #[test]
    fn una_barra_el_doble_de_larga_es_el_doble() {
        let svg = bars().drawing().svg;
        let lengths: Vec<i32> = svg
            .lines()
            .filter(|line| line.starts_with("<rect"))
            .filter_map(|line| line.split_once(" width=\"")?.1.split_once('"')?.0.parse().ok())
            .collect();
        assert_eq!(lengths.len(), 2, "{svg}");
        assert!((lengths[1] - 2 * lengths[0]).abs() <= 1, "{lengths:?}");
    }

    #[test]
    fn ningún_color_queda_fijo_y_el_título_no_rompe_la_página() {
        let spread = Spread { median: 20.0, low: 10.0, high: 30.0 };
        let lines = Pen::ALL.map(|pen| Line {
            name: "línea".into(),
            pen,
            dots: [(1.0, false), (10.0, true)].map(|(at, bound)| Dot { at, spread, bound }).into(),
        });
        let lines = Lines {
            name: "todas",
            title: "De <a> y b".into(),
            across: ("equis", "equis"),
            up: "y griega",
            read: number,
            lines: lines.into(),
        };
        for svg in [lines.drawing().svg, bars().drawing().svg] {
            assert!(!svg.contains("=\"#"), "{svg}");
            assert!(svg.contains("De &lt;a&gt; y b"), "{svg}");
            assert!(svg.ends_with("</svg>\n"), "{svg}");
        }
        let hollow = lines.drawing().svg.matches("fill:var(--lab-papel)").count();
        assert_eq!(hollow, Pen::ALL.len());
    }
}
