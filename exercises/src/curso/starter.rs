//! El principio de un ejercicio sale de su solución, que lleva señalado lo que se ha de escribir.
//!
//! | señal, en un comentario de `solucion.rs` | qué queda en el principio |
//! |---|---|
//! | de `<tu código>` a `</tu código>` | un `todo!` que dice dónde se escribe |
//! | de `<solo en la solución>` a `</solo en la solución>` | nada: lo que solo usa la solución |
//! | `<solo al principio> TEXTO` | el comentario TEXTO, que en la solución no está |

/// Lo que se ha de escribir.
const WORK: &str = "tu código";
/// Lo que solo usa la solución.
const ASIDE: &str = "solo en la solución";
/// Lo que se dice a quien empieza.
const HINT: &str = "// <solo al principio> ";

/// El archivo del que parte quien aprende, que lo editará en `work`.
///
/// # Errors
/// Qué línea tiene una señal que no encaja.
pub(crate) fn starter(solution: &str, work: &str) -> Result<String, String> {
    let mut text = Text::default();
    let mut inside: Option<&str> = None;
    for (number, line) in (1..).zip(solution.lines()) {
        let (indent, content) = line.split_at(line.len() - line.trim_start().len());
        match (Mark::of(content), inside) {
            (Some(Mark::Opens(what)), None) => {
                if what == WORK {
                    text.push(&format!("{indent}todo!(\"Escribe esto en {work}\")"));
                }
                inside = Some(what);
            }
            (Some(Mark::Closes(what)), Some(opened)) if what == opened => inside = None,
            (Some(Mark::Hint(hint)), None) => text.push(&format!("{indent}// {hint}")),
            (Some(_), _) => {
                return Err(format!("la señal de la línea {number} no encaja: {content}"));
            }
            (None, None) => text.push(line),
            (None, Some(_)) => {}
        }
    }
    match inside {
        None => Ok(text.written),
        Some(what) => Err(format!("falta «</{what}>»")),
    }
}

/// La solución, sin señales: la que se lee.
pub(crate) fn readable(solution: &str) -> String {
    let mut text = Text::default();
    let lines = solution.lines().filter(|line| Mark::of(line.trim_start()).is_none());
    lines.for_each(|line| text.push(line));
    text.written
}

/// Lo que señala una línea.
enum Mark<'a> {
    Opens(&'static str),
    Closes(&'static str),
    Hint(&'a str),
}

impl Mark<'_> {
    fn of(content: &str) -> Option<Mark<'_>> {
        if let Some(hint) = content.strip_prefix(HINT) {
            return Some(Mark::Hint(hint));
        }
        let name = content.strip_prefix("// <")?.strip_suffix('>')?;
        let known = |name: &str| [WORK, ASIDE].into_iter().find(|known| *known == name);
        match name.strip_prefix('/') {
            Some(name) => known(name).map(Mark::Closes),
            None => known(name).map(Mark::Opens),
        }
    }
}

/// Un texto al que le faltan líneas de otro: sin las líneas vacías que quedarían de más.
#[derive(Default)]
struct Text {
    written: String,
    /// Una línea vacía, por si detrás viene algo que separar.
    gap: bool,
}

impl Text {
    fn push(&mut self, line: &str) {
        if line.is_empty() {
            self.gap = !self.written.is_empty() && !self.written.ends_with("{\n");
            return;
        }
        if self.gap && !line.trim_start().starts_with('}') {
            self.written.push('\n');
        }
        self.gap = false;
        self.written.push_str(line);
        self.written.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLUTION: &str = "\
use std::io;

// <solo en la solución>
use std::mem;
// </solo en la solución>

struct Queue {
    // <solo al principio> Lo que necesites.
    // <solo en la solución>
    bytes: Vec<u8>,
    // </solo en la solución>

    // <solo en la solución>
    limit: usize,
    // </solo en la solución>
}

fn take(queue: &mut Queue) -> Vec<u8> {
    // <tu código>
    // Se lleva los bytes.
    mem::take(&mut queue.bytes)
    // </tu código>
}

// <solo en la solución>
fn helper() {}
// </solo en la solución>
";

    #[test]
    fn en_el_principio_falta_lo_que_se_ha_de_escribir() {
        assert_eq!(
            starter(SOLUTION, "exercises/02_02_1_eco/ejercicio.rs").unwrap(),
            "\
use std::io;

struct Queue {
    // Lo que necesites.
}

fn take(queue: &mut Queue) -> Vec<u8> {
    todo!(\"Escribe esto en exercises/02_02_1_eco/ejercicio.rs\")
}
"
        );
    }

    #[test]
    fn la_solución_se_lee_sin_señales() {
        let text = readable(SOLUTION);
        assert!(text.contains(
            "\n\nuse std::mem;\n\nstruct Queue {\n    bytes: Vec<u8>,\n\n    limit: usize,\n}\n"
        ));
        assert!(text.contains("{\n    // Se lleva los bytes.\n    mem::take"));
        assert!(!text.contains("// <") && text.ends_with("\nfn helper() {}\n"), "{text}");
    }

    #[test]
    fn una_señal_que_no_casa_se_nombra() {
        for (text, expected) in [
            ("// <tu código>\n", "falta «</tu código>»"),
            ("// </tu código>\n", "línea 1"),
            ("// <tu código>\n// </solo en la solución>\n", "línea 2"),
            ("// <tu código>\n// <tu código>\n", "línea 2"),
        ] {
            assert!(starter(text, "x").unwrap_err().contains(expected), "{text}");
        }
    }
}
