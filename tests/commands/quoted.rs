//! Las órdenes que cita el texto: dónde, cuáles y qué dice que responden.

use std::fs;
use std::path::{Path, PathBuf};

/// Una orden citada, y lo que el texto dice que responde.
#[derive(Debug)]
pub(crate) struct Quoted {
    /// El archivo y la línea.
    pub(crate) place: String,
    /// La orden, en una sola línea aunque el texto la parta con `\`.
    pub(crate) command: String,
    /// Las líneas que la siguen, hasta la próxima orden.
    pub(crate) answer: Vec<String>,
}

/// Las órdenes de un capítulo: las líneas que empiezan por `$ ` en sus bloques `console`.
///
/// Los bloques que incluyen una sesión entera (`{{#include …}}`) no cuentan: son un archivo que
/// tiene, o no, su propia prueba.
pub(crate) fn commands(chapter: &Path) -> Vec<Quoted> {
    let text = fs::read_to_string(chapter).unwrap_or_default();
    let mut found: Vec<Quoted> = Vec::new();
    let mut inside = false;
    let mut continues = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            (inside, continues) = (line == "```console", false);
        } else if !inside {
            // Prosa, o un listado.
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push(Quoted {
                place: format!("{}:{}", chapter.display(), index + 1),
                command: String::new(),
                answer: Vec::new(),
            });
            continues = add(&mut found, command);
        } else if continues {
            continues = add(&mut found, line.trim_start());
        } else if let Some(quoted) = found.last_mut().filter(|_| !line.starts_with("{{#include")) {
            quoted.answer.push(line.trim_end().to_owned());
        }
    }
    found
}

/// Añade un trozo a la última orden; dice si sigue en la línea siguiente.
fn add(found: &mut [Quoted], piece: &str) -> bool {
    let (piece, continues) = match piece.strip_suffix('\\') {
        Some(start) => (start, true),
        None => (piece, false),
    };
    if let Some(quoted) = found.last_mut() {
        quoted.command.push_str(piece);
    }
    continues
}

/// Los capítulos del libro, los de las lecciones y el léeme.
pub(crate) fn chapters() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut chapters = vec![root.join("README.md")];
    for folder in [
        "book/src",
        "lessons/02_02_threading",
        "lessons/02_03_select_chat",
        "lessons/02_04_epoll_web",
    ] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "md") {
                chapters.push(entry.path());
            }
        }
    }
    chapters.sort();
    chapters
}
