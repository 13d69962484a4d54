//! Un listado de lo que cambia: lo nuevo en `<ins>` y lo que se va en `<del>`, línea por línea.

use similar::{Algorithm, ChangeTag, capture_diff_slices_by_key};

/// Hasta estas líneas, una pieza se enseña entera.
const SHORT: usize = 30;

/// De una más larga, las que se dejan alrededor de cada cambio.
const AROUND: usize = 2;

/// De lo que se va entero, cuántas líneas se enseñan si son más.
const GONE: usize = 8;

/// Una línea del listado.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    tag: ChangeTag,
    text: String,
}

/// El listado, en HTML, de lo que va de `old` a `new`; nada, si no cambia.
pub(super) fn listing(old: &[String], new: &[String]) -> Option<String> {
    let lines = compared(old, new);
    if lines.iter().all(|line| line.tag == ChangeTag::Equal) {
        return None;
    }
    let shown = if new.is_empty() {
        shortened(&lines)
    } else if lines.len() > SHORT {
        only_changes(&lines)
    } else {
        lines
    };
    let indent = shown.iter().filter_map(|line| indent(&line.text)).min().unwrap_or(0);
    let html: String = shown.iter().map(|line| line.html(indent)).collect();
    Some(format!("<pre class=\"cambios\"><code class=\"language-rust\">{html}</code></pre>\n"))
}

/// Un espacio más o menos no es un cambio: rustfmt alinea los comentarios de líneas vecinas.
fn compared(old: &[String], new: &[String]) -> Vec<Line> {
    let words = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let steps = capture_diff_slices_by_key(Algorithm::Patience, old, new, words);
    let changes = steps.iter().flat_map(|step| step.iter_changes(old, new));
    let lines = changes.map(|change| Line {
        tag: change.tag(),
        text: change.new_index().map_or_else(|| change.value(), |place| new[place].clone()),
    });
    lines.collect()
}

/// De una pieza larga, lo que cambia y lo que dice dónde: la línea que la abre y la que la cierra.
fn only_changes(lines: &[Line]) -> Vec<Line> {
    let is_code = |line: &Line| !line.text.trim_start().starts_with(['/', '#']);
    let opening = lines.iter().position(is_code).unwrap_or(0);
    let is_kept = |place: usize| {
        let near = place.saturating_sub(AROUND)..(place + AROUND + 1).min(lines.len());
        let is_near_a_change = lines[near].iter().any(|line| line.tag != ChangeTag::Equal);
        is_near_a_change || place == opening || place + 1 == lines.len()
    };
    with_gaps(lines, is_kept)
}

/// De una pieza que se va entera, cómo empezaba y cómo acababa.
fn shortened(lines: &[Line]) -> Vec<Line> {
    if lines.len() <= GONE {
        return lines.to_vec();
    }
    with_gaps(lines, |place| place < GONE - 2 || place + 1 == lines.len())
}

/// Lo que no se guarda, en puntos suspensivos: son un comentario, y el listado sigue siendo Rust. Una
/// sola línea no ahorra nada.
fn with_gaps(lines: &[Line], is_kept: impl Fn(usize) -> bool) -> Vec<Line> {
    let mut kept: Vec<Line> = Vec::new();
    let mut place = 0;
    while place < lines.len() {
        let gap = (place..lines.len()).take_while(|&place| !is_kept(place)).count();
        let line = &lines[place];
        if gap > 1 {
            let indent = lines[place..place + gap].iter().find_map(|line| indent(&line.text));
            let text = format!("{:1$}// …", "", indent.unwrap_or(0));
            kept.push(Line { tag: line.tag, text });
        } else {
            kept.push(line.clone());
        }
        place += gap.max(1);
    }
    kept
}

/// Las columnas que una línea deja en blanco; nada, si está vacía.
fn indent(line: &str) -> Option<usize> {
    (!line.trim().is_empty()).then(|| line.len() - line.trim_start().len())
}

impl Line {
    fn html(&self, indent: usize) -> String {
        let text = escape(self.text.get(indent..).unwrap_or_default());
        match self.tag {
            ChangeTag::Equal => format!("{text}\n"),
            ChangeTag::Insert => format!("<ins>{text}\n</ins>"),
            ChangeTag::Delete => format!("<del>{text}\n</del>"),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lo_nuevo_y_lo_que_se_va_llevan_su_marca() {
        let listing = listing(&lines("  a<b\n    c"), &lines("  a<b\n    d")).unwrap();
        assert_eq!(
            listing,
            "<pre class=\"cambios\"><code class=\"language-rust\">a&lt;b\n<del>  c\n</del>\
             <ins>  d\n</ins></code></pre>\n"
        );
    }

    #[test]
    fn lo_que_no_cambia_no_se_lista() {
        assert_eq!(listing(&lines("a, // b"), &lines("  a,  // b")), None);
    }

    #[test]
    fn de_una_pieza_larga_solo_se_ve_lo_que_cambia_y_dónde() {
        let old: Vec<String> = (0..40).map(|number| format!("    línea {number}")).collect();
        let old = [lines("// Qué hace.\nfn larga() {"), old, lines("}")].concat();
        let mut new = old.clone();
        new[30] = "    otra".to_owned();
        let texts: Vec<String> =
            only_changes(&compared(&old, &new)).into_iter().map(|line| line.text).collect();
        assert_eq!(
            texts.join("\n"),
            "// Qué hace.\nfn larga() {\n    // …\n    línea 26\n    línea 27\n    línea 28\n    otra\n    \
             línea 29\n    línea 30\n    // …\n}"
        );
    }

    #[test]
    fn de_lo_que_se_va_entero_basta_el_principio_y_el_final() {
        let old: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let shown = shortened(&compared(&old, &[]));
        assert_eq!(shown.len(), GONE);
        assert_eq!(shown[GONE - 2].text, "// …");
        assert!(shown.iter().all(|line| line.tag == ChangeTag::Delete));
    }
}
