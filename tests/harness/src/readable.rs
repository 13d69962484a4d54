//! Los bytes, a la vista: `\r\n` se ve, lo que no se imprime es `\xNN` y lo largo se abrevia.

use crate::frame::{HEADER, MAX_TEXT};
use crate::wording;

/// A partir de cuántos bytes un renglón se abrevia, y cuántos quedan entonces a cada lado.
const LONG_LINE: usize = 120;
const LINE_EDGE: usize = 32;
/// A partir de cuántos renglones un texto se abrevia, y cuántos quedan entonces a cada lado.
const LONG_TEXT: usize = 14;
const TEXT_EDGE: usize = 5;

/// Lo que se dibuja por un carácter, o por un byte que no forma parte de ninguno.
#[derive(Debug)]
pub(crate) struct Glyph {
    /// En qué byte empieza.
    pub(crate) at: usize,
    /// Cómo se ve.
    pub(crate) shown: String,
}

/// Descompone los bytes en lo que se ve de ellos.
pub(crate) fn glyphs(bytes: &[u8]) -> Vec<Glyph> {
    let mut glyphs = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            glyphs.push(Glyph { at, shown: shown(character) });
            at += character.len_utf8();
        }
        for byte in chunk.invalid() {
            glyphs.push(Glyph { at, shown: format!("\\x{byte:02X}") });
            at += 1;
        }
    }
    glyphs
}

fn shown(character: char) -> String {
    match character {
        '\r' => "\\r".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        control if control.is_ascii_control() => format!("\\x{:02X}", u32::from(control)),
        plain if plain.is_ascii() => plain.to_string(),
        // Deja á, ñ o ¡ como están y escribe \u{200b} por lo que no se vería.
        other => other.escape_debug().to_string(),
    }
}

/// Los bytes tal como se verían, sin comillas y sin abreviar.
pub(crate) fn plain(bytes: &[u8]) -> String {
    glyphs(bytes).into_iter().map(|glyph| glyph.shown).collect()
}

/// Entre comillas y en un solo renglón; lo largo, abreviado por el medio con su longitud.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    if bytes.len() <= LONG_LINE {
        return format!("\"{}\"", plain(bytes));
    }
    let head_end = char_start(bytes, LINE_EDGE);
    let tail_start = char_start(bytes, bytes.len() - LINE_EDGE);
    format!(
        "\"{}\"… ({} más) …\"{}\"",
        plain(&bytes[..head_end]),
        wording::bytes(tail_start - head_end),
        plain(&bytes[tail_start..]),
    )
}

/// Entre comillas, un renglón por cada fin de línea; los que sobran se abrevian por el medio.
pub(crate) fn quoted_lines(bytes: &[u8]) -> Vec<String> {
    if bytes.is_empty() {
        return vec![quoted(bytes)];
    }
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    if lines.len() <= LONG_TEXT {
        return lines.into_iter().map(quoted).collect();
    }
    let middle = &lines[TEXT_EDGE..lines.len() - TEXT_EDGE];
    let skipped: usize = middle.iter().map(|line| line.len()).sum();
    let mut shown: Vec<String> = lines[..TEXT_EDGE].iter().copied().map(quoted).collect();
    shown.push(format!(
        "… {} más, {} …",
        wording::quantity(middle.len(), "línea", "líneas"),
        wording::bytes(skipped),
    ));
    shown.extend(lines[lines.len() - TEXT_EDGE..].iter().copied().map(quoted));
    shown
}

/// El comienzo del carácter que ocupa la posición `at`, para no cortarlo en dos.
pub(crate) fn char_start(bytes: &[u8], at: usize) -> usize {
    let is_continuation = |index: usize| bytes.get(index).is_some_and(|byte| byte >> 6 == 0b10);
    // Un carácter ocupa 4 bytes como mucho: más atrás no puede empezar.
    let earliest = at.saturating_sub(3);
    (earliest..=at).rev().find(|&index| !is_continuation(index)).unwrap_or(at)
}

/// Separa en marcos de chat lo que va pasando por un sentido de una conexión.
///
/// Recuerda por dónde iba, porque un marco puede llegar en varias veces.
#[derive(Debug, Default)]
pub(crate) struct FrameView {
    header: Vec<u8>,
    body: Option<Body>,
}

#[derive(Debug, Clone, Copy)]
struct Body {
    length: usize,
    seen: usize,
}

impl FrameView {
    /// Un renglón por cada marco, o trozo de marco, que haya en `bytes`.
    pub(crate) fn describe(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut rest = bytes;
        let mut lines = Vec::new();
        while !rest.is_empty() {
            match self.body {
                Some(body) => lines.push(self.describe_body(body, &mut rest)),
                None => lines.extend(self.describe_header(&mut rest)),
            }
        }
        lines
    }

    /// Calla si la cabecera llega entera y con algo de su cuerpo: el renglón del cuerpo lo dice.
    fn describe_header(&mut self, rest: &mut &[u8]) -> Option<String> {
        let had = self.header.len();
        let taken = take(rest, HEADER - had);
        self.header.extend_from_slice(taken);
        let part =
            || format!("[cabecera, {} de {HEADER}] {}", wording::bytes(taken.len()), quoted(taken));
        let Ok(header) = <[u8; HEADER]>::try_from(self.header.as_slice()) else {
            return Some(part());
        };
        self.header.clear();
        let length = u32::from_be_bytes(header) as usize;
        if length == 0 {
            return Some("[marco de 0 bytes] \"\"".to_owned());
        }
        self.body = Some(Body { length, seen: 0 });
        if had > 0 {
            return Some(part());
        }
        rest.is_empty().then(|| {
            format!("[cabecera de un marco de {}]{}", wording::bytes(length), excess(length))
        })
    }

    fn describe_body(&mut self, body: Body, rest: &mut &[u8]) -> String {
        let taken = take(rest, body.length - body.seen);
        let seen = body.seen + taken.len();
        let length = wording::bytes(body.length);
        let label = match (body.seen == 0, seen == body.length) {
            (true, true) => format!("[marco de {length}]"),
            (true, false) => format!("[comienzo de un marco de {length}]{}", excess(body.length)),
            (false, false) => format!("[sigue el marco de {length}]"),
            (false, true) => format!("[final del marco de {length}]"),
        };
        self.body = (seen < body.length).then_some(Body { seen, ..body });
        format!("{label} {}", quoted(taken))
    }
}

fn excess(length: usize) -> &'static str {
    if length > MAX_TEXT { " (¡imposible!)" } else { "" }
}

fn take<'bytes>(rest: &mut &'bytes [u8], count: usize) -> &'bytes [u8] {
    let (taken, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    #[test]
    fn lo_invisible_se_ve_y_el_español_queda_como_está() {
        assert_eq!(quoted(b"GET /\r\n\x00\x1b\""), r#""GET /\r\n\x00\x1B\"""#);
        assert_eq!(quoted("¡Año!\u{200b}".as_bytes()), r#""¡Año!\u{200b}""#);
        assert_eq!(quoted(b"ca\xc3"), r#""ca\xC3""#);
    }

    #[test]
    fn lo_largo_se_abrevia_por_el_medio_sin_partir_un_carácter() {
        let text = "ñ".repeat(100);
        let shown = quoted(text.as_bytes());
        let edge = "ñ".repeat(16);
        assert_eq!(shown, format!("\"{edge}\"… (136 bytes más) …\"{edge}\""));
    }

    #[test]
    fn las_líneas_que_sobran_se_cuentan() {
        let text = crate::numbered_lines(290);
        let shown = quoted_lines(&text);
        assert_eq!(shown.len(), 11);
        assert_eq!(shown[0], r#""1\n""#);
        assert_eq!(shown[5], "… 90 líneas más, 266 bytes …");
        assert_eq!(shown[10], r#""100\n""#);
    }

    #[test]
    fn un_marco_entero_es_un_renglón() {
        let bytes = [frame::encode("NAME: ana"), frame::encode("hola")].concat();
        assert_eq!(
            FrameView::default().describe(&bytes),
            ["[marco de 9 bytes] \"NAME: ana\"", "[marco de 4 bytes] \"hola\""]
        );
    }

    #[test]
    fn un_marco_a_trozos_dice_por_dónde_va() {
        let bytes = frame::encode("hola");
        let mut view = FrameView::default();
        let shown: Vec<String> =
            [&bytes[..1], &bytes[1..4], &bytes[4..6], &bytes[6..7], &bytes[7..]]
                .into_iter()
                .flat_map(|piece| view.describe(piece))
                .collect();
        assert_eq!(
            shown,
            [
                r#"[cabecera, 1 byte de 4] "\x00""#,
                r#"[cabecera, 3 bytes de 4] "\x00\x00\x04""#,
                r#"[comienzo de un marco de 4 bytes] "ho""#,
                r#"[sigue el marco de 4 bytes] "l""#,
                r#"[final del marco de 4 bytes] "a""#,
            ]
        );
    }

    #[test]
    fn una_longitud_imposible_salta_a_la_vista() {
        assert_eq!(
            FrameView::default().describe(b"\xff\xff\xff\xff"),
            ["[cabecera de un marco de 4 294 967 295 bytes] (¡imposible!)"]
        );
    }
}
