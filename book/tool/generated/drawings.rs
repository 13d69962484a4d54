//! Los dibujos: de su texto, en `dibujos/*.pikchr`, al SVG que incluyen los capítulos.
//!
//! [Pikchr](https://pikchr.org) es un lenguaje para dibujar con palabras. Aquí se le añaden una
//! paleta con nombre, que sigue al tema de la página, y el texto alternativo.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use pikchr::{Pikchr, PikchrFlags};

use super::file::Generated;

/// Los colores: el nombre con que se piden, la clave con que viajan por Pikchr, que solo
/// entiende números, y lo que vale cada uno fuera de la página, en un visor de imágenes.
const PALETTE: [(&str, u32, &str); 7] = [
    ("programa", 0x00F0_0001, "#dcebf7"),
    ("nucleo", 0x00F0_0002, "#f4e7cf"),
    ("listo", 0x00F0_0003, "#d3efd9"),
    ("espera", 0x00F0_0004, "#f7dcdc"),
    ("acento", 0x00F0_0005, "#1f6fb2"),
    ("tenue", 0x00F0_0006, "#666666"),
    ("fondo", 0x00F0_0007, "#ffffff"),
];

/// Lo que precede a todos los dibujos: trazo fino, letra de 15 píxeles, esquinas suaves. En la misma
/// línea en la que empieza cada uno: así, si Pikchr señala la 7, es la 7 de su archivo.
const STYLE: &str = "thickness = 0.01; fontscale = 0.97; charht = 0.13; arrowht = 0.07; \
                     arrowwid = 0.055; boxrad = 0.04; ";

/// Los SVG que deben estar en `src/dibujos/` del libro que está en `book`.
pub(super) fn all(book: &Path) -> io::Result<Vec<Generated>> {
    let mut drawings = Vec::new();
    for entry in fs::read_dir(book.join("dibujos"))? {
        let source = entry?.path();
        if source.extension().is_some_and(|extension| extension == "pikchr") {
            let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let path = book.join("src/dibujos").join(format!("{name}.svg"));
            drawings.push(Generated { path, text: render(&source, &name)? });
        }
    }
    Ok(drawings)
}

fn render(source: &Path, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(source)?;
    let wrong = |what: &str| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", source.display()))
    };
    let title = remark(&text, "título").ok_or_else(|| wrong("falta «# título: …»"))?;
    let description =
        remark(&text, "descripción").ok_or_else(|| wrong("falta «# descripción: …»"))?;
    let drawn = Pikchr::render(&with_style(&text), None, PikchrFlags::default())
        .map_err(|error| wrong(&format!("Pikchr no lo entiende:\n{error}")))?;
    Ok(dress(name, &title, &description, &drawn.to_string()))
}

/// Lo que dicen los comentarios `# nombre: …`; sigue en las líneas `#   …` de después.
fn remark(text: &str, name: &str) -> Option<String> {
    let start = format!("# {name}: ");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&start));
    let mut remark = lines.next()?.trim_start_matches(&start).trim().to_owned();
    for more in lines.map_while(|line| line.strip_prefix("#   ")) {
        remark.push(' ');
        remark.push_str(more.trim());
    }
    Some(remark).filter(|remark| !remark.is_empty())
}

fn with_style(text: &str) -> String {
    let mut whole = String::from(STYLE);
    for (name, key, _) in PALETTE {
        let _ = write!(whole, "{name} = {key}; ");
    }
    whole + text
}

/// Quita a lo que dibuja Pikchr su letra y sus colores fijos, y le pone título y descripción.
fn dress(name: &str, title: &str, description: &str, drawn: &str) -> String {
    let lines = drawn.lines().filter(|line| line.starts_with('<') && !line.contains("svg"));
    let mut extent = Extent::default();
    let body: Vec<String> = lines.inspect(|line| extent.add(line)).map(recolor).collect();
    let (left, top, width, height) = extent.with_margin();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"dibujo\" role=\"img\" \
         aria-labelledby=\"dibujo-{name}-titulo dibujo-{name}-descripcion\" \
         viewBox=\"{left} {top} {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"16\">\n\
         <title id=\"dibujo-{name}-titulo\">{}</title>\n\
         <desc id=\"dibujo-{name}-descripcion\">{}</desc>\n{}\n</svg>\n",
        escape(title),
        escape(description),
        body.join("\n"),
    )
}

/// Los colores de la página en lugar de los de Pikchr, y números sin decimales de más.
fn recolor(line: &str) -> String {
    let mut line = line.replace("rgb(0,0,0)", "currentColor");
    for (color, key, fallback) in PALETTE {
        let rgb = format!("rgb({},{},{})", key >> 16 & 255, key >> 8 & 255, key & 255);
        line = line.replace(&rgb, &format!("var(--dibujo-{color}, {fallback})"));
        // En un atributo de presentación no valen las variables de CSS; en `style`, sí.
        let value = format!("var(--dibujo-{color}, {fallback})");
        line = line.replace(&format!("fill=\"{value}\""), &format!("style=\"fill:{value}\""));
    }
    // El «small» de Pikchr, 0,8 veces lo normal, no se lee en un teléfono.
    line = line.replace("font-size=\"77.6%\"", "font-size=\"85%\"");
    line = line.replace("font-family=\"monospace\"", "class=\"mono\"").replace("  style", " style");
    round(&line)
}

fn round(line: &str) -> String {
    let mut rounded = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[start..]
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .map_or(rest.len(), |length| start + length);
        let number = &rest[start..end];
        rounded.push_str(&rest[..start]);
        match number.parse::<f64>() {
            Ok(value) if number.contains('.') => {
                let _ = write!(rounded, "{}", (value * 10.0).round() / 10.0);
            }
            _ => rounded.push_str(number),
        }
        rest = &rest[end..];
    }
    rounded + rest
}

/// Lo que ocupa un dibujo. Pikchr cuenta cada texto como si estuviera centrado y deja márgenes de
/// sobra en los que no lo están.
#[derive(Default)]
struct Extent {
    xs: Vec<f64>,
    ys: Vec<f64>,
}

impl Extent {
    fn add(&mut self, line: &str) {
        if let Some(number) = attribute(line, "cx").and_then(|x| x.parse::<f64>().ok()) {
            let read = |name| attribute(line, name).and_then(|value| value.parse::<f64>().ok());
            let (y, radius) = (read("cy").unwrap_or(0.0), read("r"));
            let wide = radius.or(read("rx")).unwrap_or(0.0);
            let tall = radius.or(read("ry")).unwrap_or(0.0);
            self.xs.extend([number - wide, number + wide]);
            self.ys.extend([y - tall, y + tall]);
        } else if line.starts_with("<text") {
            self.add_text(line);
        } else if let Some(path) = attribute(line, "d").or(attribute(line, "points")) {
            self.add_path(path);
        }
    }

    /// Una letra mide, más o menos, 0,55 veces su altura; una de ancho fijo, 0,6.
    fn add_text(&mut self, line: &str) {
        let read = |name| attribute(line, name).and_then(|value| value.parse::<f64>().ok());
        let (Some(x), Some(y)) = (read("x"), read("y")) else { return };
        let size =
            attribute(line, "font-size").and_then(|size| size.trim_end_matches('%').parse().ok());
        let height = 0.16 * size.unwrap_or(100.0);
        let letters = line.split_once('>').and_then(|(_, rest)| rest.strip_suffix("</text>"));
        let letters = letters.unwrap_or_default().replace("&lt;", "<").chars().count();
        let letter = if line.contains("monospace") { 0.6 } else { 0.55 };
        #[allow(clippy::cast_precision_loss, reason = "un texto no tiene tantas letras")]
        let width = letters as f64 * letter * height;
        let left = match attribute(line, "text-anchor") {
            Some("start") => x,
            Some("end") => x - width,
            _ => x - width / 2.0,
        };
        self.xs.extend([left, left + width]);
        self.ys.extend([y - height / 2.0, y + height / 2.0]);
    }

    /// Los puntos de un camino. Un arco lleva delante del suyo cinco números que no lo son.
    fn add_path(&mut self, path: &str) {
        let spaced: String = path
            .chars()
            .map(|c| if c.is_alphabetic() { format!(" {c} ") } else { c.into() })
            .collect();
        let mut words = spaced.split([' ', ',']).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if word == "A" {
                words.nth(4);
            } else if let (Ok(x), Some(Ok(y))) = (
                word.parse(),
                if word.parse::<f64>().is_ok() { words.next().map(str::parse) } else { None },
            ) {
                self.xs.push(x);
                self.ys.push(y);
            }
        }
    }

    /// Esquina, ancho y alto, en números enteros.
    fn with_margin(&self) -> (f64, f64, f64, f64) {
        const MARGIN: f64 = 3.0;
        let low = |values: &[f64]| values.iter().fold(f64::MAX, |low, &value| low.min(value));
        let high = |values: &[f64]| values.iter().fold(f64::MIN, |high, &value| high.max(value));
        let (left, top) = (low(&self.xs) - MARGIN, low(&self.ys) - MARGIN);
        let (right, bottom) = (high(&self.xs) + MARGIN, high(&self.ys) + MARGIN);
        (left.floor(), top.floor(), (right - left).ceil(), (bottom - top).ceil())
    }
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_pikchr_no_entiende_está_en_la_línea_que_dice() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("roto.pikchr");
        fs::write(&source, "# título: Uno\n# descripción: Dos.\nbox\nesto no es nada\nbox\n")
            .unwrap();
        let error = render(&source, "roto").unwrap_err().to_string();
        let blamed = error.lines().find(|line| line.contains("esto no es nada")).unwrap();
        assert!(blamed.contains("/*    4 */"), "{error}");
    }
}
