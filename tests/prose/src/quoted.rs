//! Las órdenes que cita un texto: dónde, cuáles y qué dice que responden.

use std::fs;
use std::io;
use std::path::Path;

use harness::Failure;

use crate::alike::same;

/// Una orden citada, y lo que el texto dice que responde.
#[derive(Debug, Clone)]
pub struct Quoted {
    /// El archivo y la línea.
    pub place: String,
    /// La orden, en una sola línea aunque el texto la parta con `\`.
    pub command: String,
    /// Las líneas que la siguen, hasta la próxima orden.
    pub answer: Vec<String>,
    /// Está en una frase, entre comillas de código, y no en un bloque.
    pub in_a_sentence: bool,
}

impl Quoted {
    /// Comprueba, como [`same`], que `seen` sea lo que dice el texto. Si no dice nada, cualquier cosa
    /// lo es.
    pub fn answers(&self, seen: &str, plain: impl Fn(&str) -> String) -> Result<(), Failure> {
        let written = self.answer.join("\n");
        if written.trim().is_empty() { Ok(()) } else { same(&written, seen, plain) }
    }
}

/// Las órdenes de un texto, en orden: las líneas que empiezan por `$ ` en sus bloques `console`, y en
/// las sesiones que incluyen, y lo que va entre comillas de código en sus frases.
pub fn quoted(file: &Path, text: &str) -> io::Result<Vec<Quoted>> {
    let mut found = Vec::new();
    // Dentro de un bloque, si es de órdenes.
    let mut block = None;
    for (line, number) in text.lines().zip(1..) {
        let place = format!("{}:{number}", file.display());
        if let Some(kind) = line.strip_prefix("```") {
            block = block.is_none().then_some(kind == "console");
        } else if block.is_none() {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| Quoted { in_a_sentence: true, ..new(&place, span) }));
        } else if block == Some(true) {
            let included =
                line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
            match included.map(|session| file.with_file_name(session)) {
                Some(session) => {
                    let place = session.display().to_string();
                    fs::read_to_string(&session)?
                        .lines()
                        .for_each(|line| add(&mut found, &place, line));
                }
                None => add(&mut found, &place, line),
            }
        }
    }
    Ok(found)
}

fn new(place: &str, command: &str) -> Quoted {
    let (place, command) = (place.to_owned(), command.to_owned());
    Quoted { place, command, answer: Vec::new(), in_a_sentence: false }
}

/// Añade una línea de un bloque: una orden, la continuación de la última, o un trozo de lo que
/// respondió.
fn add(found: &mut Vec<Quoted>, place: &str, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        found.push(new(place, command));
    } else if let Some(last) = found.iter_mut().rfind(|quoted| !quoted.in_a_sentence) {
        match last.command.strip_suffix('\\') {
            Some(start) => last.command = format!("{start}{}", line.trim_start()),
            None if line.starts_with("# terminal") => {}
            None => last.answer.push(line.trim_end().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_órdenes_están_en_los_bloques_y_entre_comillas() -> io::Result<()> {
        let text = "Usa `nc 127.0.0.1 8802` y mira `write`.\n\n```console\n$ uno \\\n    dos\n\
                    responde\n# terminal 2\n$ tres\n```\n\n```text\n$ esto no\n```\n\
                    Abre `http://127.0.0.1:8802/`.\n";
        let found = quoted(Path::new("capítulo.md"), text)?;
        let texts: Vec<(&str, &str)> =
            found.iter().map(|quoted| (&*quoted.place, &*quoted.command)).collect();
        let expected = [
            ("capítulo.md:1", "nc 127.0.0.1 8802"),
            ("capítulo.md:1", "write"),
            ("capítulo.md:4", "uno dos"),
            ("capítulo.md:8", "tres"),
            ("capítulo.md:14", "http://127.0.0.1:8802/"),
        ];
        assert_eq!(texts, expected);
        assert_eq!(found[2].answer, ["responde"]);
        assert!(found[0].in_a_sentence && !found[2].in_a_sentence);
        Ok(())
    }
}
