//! Lo que cambia de un paso al siguiente, pieza a pieza: una función, un tipo, el principio del
//! archivo. Un capítulo muestra cada una donde habla de ella, con `{{#include …/02_03_2.md:wait}}`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::file::Generated;

mod changes;
mod pieces;

/// Los archivos que deben estar en `src/pasos/` del libro que está en `book`: uno por cada paso que
/// cambia otro, `02_03_2.md`.
pub(super) fn all(book: &Path) -> io::Result<Vec<Generated>> {
    let mut generated = Vec::new();
    for entry in fs::read_dir(book.join("../lessons"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lesson: String = name.chars().take("02_02".len()).collect();
        for step in 2.. {
            let read = |step: u32| Step::read(&folder, &lesson, step);
            let (Some(before), Some(after)) = (read(step - 1)?, read(step)?) else { break };
            let path = book.join("src/pasos").join(format!("{lesson}_{step}.md"));
            generated.push(Generated { path, text: compare(&before, &after)? });
        }
    }
    Ok(generated)
}

/// Un paso de una lección: cómo se llama su programa, y su texto.
#[derive(Clone)]
struct Step {
    program: String,
    text: String,
}

impl Step {
    fn read(lesson_folder: &Path, lesson: &str, number: u32) -> io::Result<Option<Step>> {
        let file = lesson_folder.join(format!("pasos/paso_{number}.rs"));
        if !file.is_file() {
            return Ok(None);
        }
        let program = format!("paso_{lesson}_{number}");
        Ok(Some(Step { program, text: fs::read_to_string(file)? }))
    }

    fn pieces(&self) -> io::Result<pieces::Pieces> {
        pieces::of(&self.text).map_err(|what| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", self.program))
        })
    }
}

fn compare(before: &Step, after: &Step) -> io::Result<String> {
    // El programa se nombra a sí mismo, y eso no es un cambio.
    let text = before.text.replace(&before.program, &after.program);
    let (old, new) = (Step { text, ..before.clone() }.pieces()?, after.pieces()?);
    let mut page = format!(
        "<!-- Lo escribe `cargo libro`: lo que {} cambia de {}. -->\n",
        after.program, before.program
    );
    for (name, old, new) in pieces::paired(&old, &new) {
        if let Some(listing) = changes::listing(&old, &new) {
            let _ =
                write!(page, "\n<!-- ANCHOR: {name} -->\n{listing}<!-- ANCHOR_END: {name} -->\n");
        }
    }
    Ok(page)
}
