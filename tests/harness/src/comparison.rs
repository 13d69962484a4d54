//! Lo esperado sobre lo que llegó, con una marca en la primera diferencia.

use std::time::Duration;

use crate::readable::{self, Glyph};
use crate::wording;

/// Cuántos bytes se ven antes y después de la primera diferencia.
const BEFORE: usize = 28;
const AFTER: usize = 36;

/// Por qué no llegó nada más.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// El servidor cerró en orden (FIN).
    End,
    /// El servidor reinició la conexión (RST).
    Reset,
    /// Pasó todo ese tiempo en silencio.
    Silence(Duration),
}

impl Ending {
    /// Completa «llegó esto y después…».
    fn after_something(self) -> String {
        match self {
            Self::End => "y después, el fin de la conexión".to_owned(),
            Self::Reset => "y después, un reinicio (RST)".to_owned(),
            Self::Silence(limit) => format!("y nada más en {}", wording::duration(limit)),
        }
    }

    fn alone(self) -> String {
        match self {
            Self::End => "nada: el servidor terminó la conexión".to_owned(),
            Self::Reset => "nada: el servidor reinició la conexión (RST)".to_owned(),
            Self::Silence(limit) => format!("nada en {}", wording::duration(limit)),
        }
    }
}

/// Lo esperado y lo que llegó.
#[derive(Debug)]
pub(crate) struct Comparison<'bytes> {
    /// Ausente si valía cualquier cosa (un marco, una respuesta).
    pub(crate) expected: Option<Side<'bytes>>,
    pub(crate) got: Side<'bytes>,
    pub(crate) ending: Option<Ending>,
}

/// Unos bytes con lo que se escribe delante de ellos, por ejemplo `[marco de 4 bytes]`.
#[derive(Debug)]
pub(crate) struct Side<'bytes> {
    pub(crate) label: String,
    pub(crate) bytes: &'bytes [u8],
}

impl<'bytes> Side<'bytes> {
    pub(crate) fn bytes(bytes: &'bytes [u8]) -> Self {
        Self { label: String::new(), bytes }
    }

    pub(crate) fn frame(text: &'bytes [u8]) -> Self {
        Self { label: format!("[marco de {}] ", wording::bytes(text.len())), bytes: text }
    }
}

impl Comparison<'_> {
    pub(crate) fn render(&self) -> Vec<String> {
        match &self.expected {
            Some(expected) => self.against(expected),
            None => vec![self.arrived(&readable::quoted(self.got.bytes))],
        }
    }

    fn against(&self, expected: &Side<'_>) -> Vec<String> {
        let equal = common_prefix(expected.bytes, self.got.bytes);
        let window = Window::around(expected.bytes, equal);
        let labels = [&expected.label, &self.got.label];
        let width = labels.map(|label| label.chars().count()).into_iter().max();
        let width = width.unwrap_or(0);
        let got = window.side(&self.got, width);
        let mut lines = vec![
            format!("se esperaba  {}", window.side(expected, width).text),
            self.arrived(&got.text),
        ];
        if !self.got.bytes.is_empty() {
            lines.push(format!(
                "             {}^ primera diferencia, tras {}",
                " ".repeat(got.mark),
                equal_bytes(equal),
            ));
        }
        lines
    }

    fn arrived(&self, shown: &str) -> String {
        let arrived = match (self.got.bytes.is_empty(), self.ending) {
            (true, Some(ending)) => ending.alone(),
            (false, Some(ending)) => format!("{shown} {}", ending.after_something()),
            (_, None) => shown.to_owned(),
        };
        format!("llegó        {arrived}")
    }
}

fn equal_bytes(count: usize) -> String {
    format!("{} {}", wording::bytes(count), if count == 1 { "igual" } else { "iguales" })
}

pub(crate) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    // Comparar trozos enteros primero: son varios MiB y byte a byte se nota.
    const CHUNK: usize = 4096;
    let equal_chunks = left
        .chunks(CHUNK)
        .zip(right.chunks(CHUNK))
        .take_while(|(left, right)| left.len() == CHUNK && left == right)
        .count();
    let start = equal_chunks * CHUNK;
    let rest =
        left[start..].iter().zip(&right[start..]).take_while(|(left, right)| left == right).count();
    start + rest
}

/// Qué parte se enseña de ambos lados: la que rodea la primera diferencia.
struct Window {
    start: usize,
    difference: usize,
}

struct Rendered {
    text: String,
    /// En qué columna cae la primera diferencia.
    mark: usize,
}

impl Window {
    fn around(expected: &[u8], difference: usize) -> Self {
        let start = readable::char_start(expected, difference.saturating_sub(BEFORE));
        Self { start, difference }
    }

    fn side(&self, side: &Side<'_>, label_width: usize) -> Rendered {
        let end = side.bytes.len().min(self.difference + AFTER);
        let end = readable::char_start(side.bytes, end).max(self.difference);
        let before = match self.start {
            0 => String::new(),
            skipped => format!("… ({} antes) …", wording::bytes(skipped)),
        };
        let after = match side.bytes.len() - end {
            0 => String::new(),
            left => format!("… ({} más)", wording::bytes(left)),
        };
        let glyphs = readable::glyphs(&side.bytes[self.start..end]);
        let shown: String = glyphs.iter().map(|glyph| glyph.shown.as_str()).collect();
        let lead = format!("{:<label_width$}{before}\"", side.label);
        let columns = if self.difference == end {
            shown.chars().count()
        } else {
            columns_before(&glyphs, self.difference - self.start)
        };
        Rendered { mark: lead.chars().count() + columns, text: format!("{lead}{shown}\"{after}") }
    }
}

/// Cuántas columnas ocupa lo anterior al carácter que contiene el byte `offset`.
fn columns_before(glyphs: &[Glyph], offset: usize) -> usize {
    let containing = glyphs.partition_point(|glyph| glyph.at <= offset).saturating_sub(1);
    glyphs[..containing].iter().map(columns).sum()
}

fn columns(glyph: &Glyph) -> usize {
    glyph.shown.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(expected: &[u8], got: &[u8], ending: Option<Ending>) -> String {
        let comparison =
            Comparison { expected: Some(Side::bytes(expected)), got: Side::bytes(got), ending };
        comparison.render().join("\n")
    }

    #[test]
    fn la_marca_cae_bajo_la_primera_diferencia() {
        insta::assert_snapshot!(compare("¡ca\r\nña!".as_bytes(), "¡ca\r\nsa!".as_bytes(), None), @r#"
        se esperaba  "¡ca\r\nña!"
        llegó        "¡ca\r\nsa!"
                             ^ primera diferencia, tras 6 bytes iguales
        "#);
    }

    #[test]
    fn si_se_queda_corto_la_marca_va_donde_faltaba() {
        insta::assert_snapshot!(compare(b"hola", b"ho", Some(Ending::End)), @r#"
        se esperaba  "hola"
        llegó        "ho" y después, el fin de la conexión
                        ^ primera diferencia, tras 2 bytes iguales
        "#);
    }

    #[test]
    fn si_no_llegó_nada_se_dice() {
        let silence = Ending::Silence(Duration::from_secs(10));
        insta::assert_snapshot!(compare(b"hola", b"", Some(silence)), @r#"
        se esperaba  "hola"
        llegó        nada en 10 s
        "#);
    }

    #[test]
    fn de_lo_largo_se_enseña_lo_que_rodea_a_la_diferencia() {
        let expected = "0123456789".repeat(1000);
        let got = format!("{}x{}", &expected[..5000], &expected[5001..]);
        insta::assert_snapshot!(compare(expected.as_bytes(), got.as_bytes(), None), @r#"
        se esperaba  … (4972 bytes antes) …"2345678901234567890123456789012345678901234567890123456789012345"… (4964 bytes más)
        llegó        … (4972 bytes antes) …"2345678901234567890123456789x12345678901234567890123456789012345"… (4964 bytes más)
                                                                        ^ primera diferencia, tras 5000 bytes iguales
        "#);
    }

    #[test]
    fn dos_letras_que_comparten_su_primer_byte_se_señalan_enteras() {
        insta::assert_snapshot!(compare("año".as_bytes(), "aéo".as_bytes(), None), @r#"
        se esperaba  "año"
        llegó        "aéo"
                       ^ primera diferencia, tras 2 bytes iguales
        "#);
    }
}
