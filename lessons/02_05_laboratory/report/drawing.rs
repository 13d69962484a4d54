//! Dibujar: líneas y barras en SVG, las mismas para la página y para el libro.
//!
//! Los colores son variables de CSS: la misma gráfica vale de día, de noche y en papel. Como el color
//! no basta para distinguir (ni en papel, ni para todos los ojos), cada línea tiene además su marca.

use std::fmt::Write;

use crate::statistics::Spread;
use crate::wording::{THIN, number, whole};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;

/// El recuadro de las líneas: deja a la derecha la leyenda; a la izquierda y debajo, los ejes.
const ACROSS: (f64, f64) = (98.0, 630.0);
const UP: (f64, f64) = (362.0, 12.0);

/// Alto de cada barra, con su hueco.
const ROW: f64 = 38.0;
/// Dónde empiezan las barras y cuánto mide la más larga: a la izquierda va el nombre, y a la
/// derecha, la cifra.
const BARS_FROM: f64 = 140.0;
const LONGEST: f64 = 500.0;

pub(crate) struct Drawing {
    /// Cómo se llama, sin extensión.
    pub(crate) name: &'static str,
    /// Qué se ve, en una frase: también la oye quien no la ve.
    pub(crate) title: String,
    /// Un elemento `<svg>` que se puede poner en una página.
    pub(crate) svg: String,
}

/// Con qué se dibuja: un color, que es una variable, y una marca, que es un trazo en torno al origen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pen(pub(crate) &'static str, pub(crate) &'static str);

impl Pen {
    /// La marca, centrada en un punto. Hueca si solo es un tope.
    fn mark(self, (x, y): (f64, f64), hollow: bool) -> String {
        let class = if hollow {
            format!("hueca\" style=\"fill:{}", colour("papel"))
        } else {
            "marca".to_owned()
        };
        let path = self.1;
        format!("<path class=\"{class}\" transform=\"translate({x:.0} {y:.0})\" d=\"{path}\"/>\n")
    }

    /// Lo que se dibuja con él.
    fn draws(self, shapes: &str) -> String {
        format!("<g style=\"color:{}\">\n{shapes}</g>\n", colour(self.0))
    }
}

/// Un punto de una línea: dónde, cuánto, y si la cifra es solo un tope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot {
    pub(crate) at: f64,
    pub(crate) spread: Spread,
    /// Si lo de verdad es más, o menos: la cifra la puso el generador.
    pub(crate) bound: bool,
}

/// Una línea, con su nombre y sus puntos de izquierda a derecha.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) pen: Pen,
    pub(crate) dots: Vec<Dot>,
}

/// Una gráfica: líneas, o barras si de cada una hay un solo punto y es en el mismo lugar.
pub(crate) struct Chart {
    /// Cómo se llama, sin extensión.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// Lo que dice el eje horizontal, y en qué se cuenta: «conexiones».
    pub(crate) across: (&'static str, &'static str),
    pub(crate) up: &'static str,
    pub(crate) read: fn(f64) -> String,
    /// Las líneas o las barras, en el orden de la leyenda. Ninguna está vacía.
    pub(crate) lines: Vec<Line>,
}

impl Chart {
    /// El dibujo; ninguno si no hay nada que dibujar.
    pub(crate) fn drawing(mut self) -> Option<Drawing> {
        let mut places = self.lines.iter().flat_map(|line| &line.dots).map(|dot| dot.at);
        let first = places.next()?;
        let (description, height, inside) = if places.all(|place| (place - first).abs() < 1.0) {
            self.bars()
        } else {
            // En una escala logarítmica el cero no existe.
            for line in &mut self.lines {
                line.dots.retain(|dot| dot.spread.low > 0.0);
            }
            self.lines.retain(|line| !line.dots.is_empty());
            (self.description(), HEIGHT, self.axes() + &self.series() + &self.legend())
        };
        Some(self.framed(&description, height, &inside))
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

    /// Los dos ejes, en los que caben todos los puntos.
    fn scales(&self) -> (Scale, Scale) {
        let dots = || self.lines.iter().flat_map(|line| &line.dots);
        let least = |value: fn(&Dot) -> f64| dots().map(value).fold(f64::INFINITY, f64::min);
        let most = |value: fn(&Dot) -> f64| dots().map(value).fold(0.0, f64::max);
        let (low, high) = (least(|dot| dot.spread.low), most(|dot| dot.spread.high));
        let across = Scale::around(least(|dot| dot.at), most(|dot| dot.at), ACROSS);
        (across, Scale::around(low, high, UP))
    }

    fn axes(&self) -> String {
        let (across, up) = self.scales();
        let (mut grid, mut labels) = (String::new(), String::new());
        for mark in across.marks() {
            let x = across.at(mark);
            let _ = write!(grid, "M{x:.0} {}V{}", UP.0, UP.1);
            labels += &letters((x, UP.0 + 18.0), "middle", &rounded(&number(mark)));
        }
        for mark in up.marks() {
            let y = up.at(mark);
            let _ = write!(grid, "M{} {y:.0}H{}", ACROSS.0, ACROSS.1);
            labels += &letters((ACROSS.0 - 8.0, y), "end", &rounded(&(self.read)(mark)));
        }
        let middle = f64::midpoint;
        labels += &letters((middle(ACROSS.0, ACROSS.1), UP.0 + 42.0), "middle", self.across.0);
        let turned = letters((-middle(UP.0, UP.1), 16.0), "middle", self.up);
        format!(
            "<path class=\"fondo\" d=\"{grid}\"/>\n<path d=\"M{} {}V{}H{}\"/>\n{labels}\
             <g transform=\"rotate(-90)\">{turned}</g>\n",
            ACROSS.0, UP.1, UP.0, ACROSS.1
        )
    }

    fn series(&self) -> String {
        let (across, up) = self.scales();
        let series = self.lines.iter().map(|Line { pen, dots, .. }| {
            let (mut line, mut whiskers, mut marks) = (String::new(), String::new(), String::new());
            for Dot { at, spread, bound } in dots {
                let (x, y) = (across.at(*at), up.at(spread.median));
                let _ = write!(line, "{}{x:.0} {y:.0}", if line.is_empty() { 'M' } else { 'L' });
                let _ =
                    write!(whiskers, "M{x:.0} {:.0}V{:.0}", up.at(spread.low), up.at(spread.high));
                marks += &pen.mark((x, y), *bound);
            }
            pen.draws(&format!(
                "<path d=\"{whiskers}\"/>\n<path class=\"linea\" d=\"{line}\"/>\n{marks}"
            ))
        });
        series.collect()
    }

    /// La leyenda, a la derecha: dentro taparía algún punto.
    fn legend(&self) -> String {
        let keys = (0..).zip(&self.lines).map(|(turn, Line { name, pen, .. })| {
            let (x, y) = (ACROSS.1 + 10.0, 30.0 + 26.0 * f64::from(turn));
            let line = format!("<path class=\"linea\" d=\"M{x} {y}h26\"/>\n");
            let key = pen.draws(&(line + &pen.mark((x + 13.0, y), false)));
            key + &letters((x + 34.0, y), "start", name)
        });
        keys.collect()
    }

    /// Barras tumbadas, desde cero: la escala es lineal, y el doble de larga es el doble.
    fn bars(&self) -> (String, f64, String) {
        let bars = || self.lines.iter().map(|line| (line, line.dots[0].spread));
        let most = bars().map(|(_, spread)| spread.high).fold(f64::MIN_POSITIVE, f64::max);
        let along = |value: f64| BARS_FROM + value / most * LONGEST;
        let (mut svg, mut told, mut top) = (String::new(), Vec::new(), 6.0);
        for (Line { name, pen, .. }, spread) in bars() {
            let (middle, amount) = (top + ROW / 2.0, (self.read)(spread.median));
            let (low, high) = (along(spread.low), along(spread.high));
            svg += &letters((BARS_FROM - 10.0, middle), "end", name);
            svg += &pen.draws(&format!(
                "<rect x=\"{BARS_FROM}\" y=\"{}\" width=\"{:.0}\" height=\"22\"/>\n",
                middle - 11.0,
                (along(spread.median) - BARS_FROM).max(1.0)
            ));
            let _ = writeln!(
                svg,
                "<path class=\"linea\" d=\"M{low:.0} {middle}H{high:.0}M{low:.0} {0}v10M{high:.0} {0}v10\"/>",
                middle - 5.0
            );
            svg += &letters((high + 10.0, middle), "start", &amount);
            told.push(format!("{name}: {amount}."));
            top += ROW;
        }
        let height = top + 6.0;
        let _ = writeln!(svg, "<path d=\"M{BARS_FROM} 0V{height}\"/>");
        (told.join(" "), height, svg)
    }

    /// Todo junto, con su título.
    fn framed(self, description: &str, height: f64, inside: &str) -> Drawing {
        let Chart { name, title, .. } = self;
        let svg = format!(
            "<svg class=\"lab\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"lab-{name}-titulo lab-{name}-descripcion\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"lab-{name}-titulo\">{}</title>\n\
             <desc id=\"lab-{name}-descripcion\">{}</desc>\n<style>{}</style>\n{inside}</svg>\n",
            escape(&title),
            escape(description),
            style()
        );
        Drawing { name, title, svg }
    }
}

/// Un rótulo, centrado en altura.
fn letters((x, y): (f64, f64), anchor: &str, text: &str) -> String {
    let text = escape(text);
    format!("<text x=\"{x:.0}\" y=\"{y:.0}\" dy=\".35em\" text-anchor=\"{anchor}\">{text}</text>\n")
}

/// Los colores: sobre papel claro y sobre fondo oscuro. Los de las líneas son, casi todos, de la paleta
/// de Okabe e Ito, que distinguen también quienes no ven todos los colores.
const COLOURS: [(&str, &str, &str); 7] = [
    ("papel", "#fff", "#1b1f2a"),
    ("bermellon", "#d55e00", "#ff8a3d"),
    ("ocre", "#b8860b", "#f0e442"),
    ("malva", "#a3527f", "#e69cc5"),
    ("azul", "#0072b2", "#56b4e9"),
    ("verde", "#007a5a", "#2fd6a6"),
    ("gris", "#555", "#bbb"),
];

/// Un color, como variable; y el de papel claro, para los lectores de EPUB que no tienen variables.
fn colour(name: &str) -> String {
    let day = COLOURS.iter().find(|colour| colour.0 == name).map_or("#222", |colour| colour.1);
    format!("var(--lab-{name}, {day})")
}

/// De día; de noche, si lo pide el sistema o el tema del libro; y en papel, otra vez de día.
fn style() -> String {
    let all = |ink: &str, dark: bool, end: &str| {
        COLOURS.iter().fold(format!("color:{ink}{end}"), |all, (name, day, night)| {
            format!("{all};--lab-{name}:{}{end}", if dark { night } else { day })
        })
    };
    format!(
        "svg.lab{{width:100%;height:auto;{}}}\
         .navy svg.lab,.coal svg.lab,.ayu svg.lab,.noche svg.lab{{{}}}@media print{{svg.lab{{{}}}}}\
         .lab text{{font:12px sans-serif;fill:currentColor}}\
         .lab path{{fill:none;stroke:currentColor}}.lab .linea{{stroke-width:2}}\
         .lab .fondo{{opacity:.15}}.lab .marca{{fill:currentColor}}.lab .hueca{{stroke-width:2}}\
         .lab rect{{fill:currentColor;opacity:.7}}",
        all("#222", false, ""),
        all("#ddd", true, ""),
        all("#222", false, "!important")
    )
}

/// Deja un texto listo para ir dentro de HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Un eje logarítmico que solo marca números redondos.
struct Scale {
    low: f64,
    high: f64,
    ends: (f64, f64),
}

impl Scale {
    /// Uno en el que caben `least` y `most`, con algo de aire, entre dos lugares del dibujo.
    fn around(least: f64, most: f64, ends: (f64, f64)) -> Scale {
        Scale { low: least / 1.5, high: most * 1.5, ends }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.ends.0 + (self.ends.1 - self.ends.0) * part
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

/// Lo que dice una marca, que es un número redondo: sin decimales que no dicen nada.
fn rounded(text: &str) -> String {
    let (number, unit) = text.split_once(THIN).unwrap_or((text, ""));
    match number.split_once(',') {
        Some((whole, decimals)) if decimals.bytes().all(|digit| digit == b'0') => {
            if unit.is_empty() { whole.to_owned() } else { format!("{whole}{THIN}{unit}") }
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_eje_marca_números_redondos_y_nunca_uno_solo() {
        let marks = |least, most| Scale::around(least, most, ACROSS).marks();
        assert_eq!(marks(10.0, 10_000.0), [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(marks(300.0, 5000.0), [200.0, 500.0, 1000.0, 2000.0, 5000.0]);
        assert_eq!(marks(90_000.0, 250_000.0), [100_000.0, 200_000.0]);
    }

    #[test]
    fn una_marca_se_lee_sin_decimales_que_no_dicen_nada() {
        assert_eq!(rounded("5,00\u{202F}µs"), "5\u{202F}µs");
        assert_eq!(rounded("0,50\u{202F}ns"), "0,50\u{202F}ns");
        assert_eq!(rounded("2,00"), "2");
        assert_eq!(rounded("10\u{202F}000"), "10\u{202F}000");
    }

    fn chart(lines: Vec<Line>) -> String {
        let (title, across, up) = ("De <a> y b".into(), ("equis", "equis"), "y griega");
        let chart = Chart { name: "prueba", title, across, up, read: number, lines };
        chart.drawing().unwrap().svg
    }

    fn bars() -> String {
        let bar = |name: &str, median: f64| Line {
            name: name.into(),
            pen: Pen("azul", "M-5-5H5V5Z"),
            dots: vec![Dot {
                at: 1.0,
                spread: Spread { median, low: median, high: median },
                bound: false,
            }],
        };
        chart(vec![bar("corta", 100.0), bar("larga", 200.0)])
    }

    #[test]
    fn una_barra_el_doble_de_larga_es_el_doble() {
        let lengths: Vec<i32> = bars()
            .lines()
            .filter_map(|line| line.split_once(" width=\"")?.1.split_once('"')?.0.parse().ok())
            .collect();
        assert_eq!(lengths, [250, 500]);
    }

    #[test]
    fn ningún_color_queda_fijo_y_el_título_no_rompe_la_página() {
        let spread = Spread { median: 20.0, low: 10.0, high: 30.0 };
        let all = ["bermellon", "ocre", "malva", "azul", "verde", "gris"].map(|colour| Line {
            name: "línea".into(),
            pen: Pen(colour, "M-5-5H5V5Z"),
            dots: [(1.0, false), (10.0, true)].map(|(at, bound)| Dot { at, spread, bound }).into(),
        });
        let lines = chart(all.into());
        for svg in [&lines, &bars()] {
            assert!(!svg.contains("=\"#"), "{svg}");
            assert!(svg.contains("De &lt;a&gt; y b"), "{svg}");
            assert!(svg.ends_with("</svg>\n"), "{svg}");
        }
        assert_eq!(lines.matches("\"hueca\"").count(), 6);
    }
}
