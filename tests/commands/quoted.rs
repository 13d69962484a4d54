//! Las órdenes que cita el texto: dónde, cuáles y qué dice que responden.

use std::fs;
use std::path::{Path, PathBuf};

/// Una orden citada, y lo que el texto dice que responde.
#[derive(Debug)]
pub(crate) struct Quoted {
    /// El capítulo y la línea, o el archivo de la sesión.
    pub(crate) place: String,
    /// La orden, en una sola línea aunque el texto la parta con `\`.
    pub(crate) command: String,
    /// Las líneas que la siguen, hasta la próxima orden.
    pub(crate) answer: Vec<String>,
}

/// Las órdenes de un capítulo: las líneas que empiezan por `$ ` en sus bloques `console`, y en
/// las sesiones que incluyen.
pub(crate) fn commands(chapter: &Path) -> Vec<Quoted> {
    let text = fs::read_to_string(chapter).unwrap();
    let mut found: Vec<Quoted> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            let line_number = format!("{}:{}", chapter.display(), index + 1);
            match line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) {
                Some(file) => {
                    let path = chapter.with_file_name(file);
                    let session = fs::read_to_string(&path).unwrap();
                    let place = path.display().to_string();
                    session.lines().for_each(|line| add(&mut found, &place, line));
                }
                None => add(&mut found, &line_number, line),
            }
        }
    }
    found
}

/// Añade una línea de una sesión: una orden nueva, la continuación de la última, o un trozo de
/// lo que respondió.
fn add(found: &mut Vec<Quoted>, place: &str, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        found.push(Quoted { place: place.to_owned(), command: command.to_owned(), answer: vec![] });
    } else if let Some(last) = found.last_mut() {
        match last.command.strip_suffix('\\') {
            Some(start) => last.command = format!("{start}{}", line.trim_start()),
            None if line.starts_with("# terminal") => {}
            None => last.answer.push(line.trim_end().to_owned()),
        }
    }
}

/// Los capítulos del libro, los de las lecciones y el léeme. Los enunciados de los ejercicios no:
/// sus órdenes hablan con lo que escribe quien aprende, y las sigue, contra la solución, la prueba
/// `el_enunciado_se_puede_seguir` de cada uno.
pub(crate) fn chapters() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut chapters = vec![root.join("README.md")];
    for folder in [
        "book/src",
        "book/src/mas_alla",
        "lessons/02_02_threading",
        "lessons/02_03_select_chat",
        "lessons/02_04_epoll_web",
        "lessons/02_05_laboratory",
    ] {
        for entry in fs::read_dir(root.join(folder)).unwrap().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "md") {
                chapters.push(entry.path());
            }
        }
    }
    chapters.sort();
    chapters
}
