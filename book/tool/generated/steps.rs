//! Lo que cambia de un paso al siguiente, pieza a pieza: una función, un tipo, el principio del
//! archivo. Un capítulo muestra cada una donde habla de ella, con `{{#include …/02_03_2.md:wait}}`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use pieces::Pieces;

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
        let steps = steps(&folder, &lesson)?;
        for (pair, number) in steps.windows(2).zip(2..) {
            let path = book.join("src/pasos").join(format!("{lesson}_{number}.md"));
            generated.push(Generated { path, text: compare(&pair[0], &pair[1]) });
        }
    }
    Ok(generated)
}

/// Un paso de una lección: cómo se llama su programa, y sus piezas.
struct Step {
    program: String,
    pieces: Pieces,
}

/// Los de una lección, del primero al último.
fn steps(folder: &Path, lesson: &str) -> io::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for number in 1.. {
        let file = folder.join(format!("pasos/paso_{number}.rs"));
        if !file.is_file() {
            break;
        }
        let pieces = pieces::of(&fs::read_to_string(&file)?).map_err(|what| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", file.display()))
        })?;
        steps.push(Step { program: format!("paso_{lesson}_{number}"), pieces });
    }
    Ok(steps)
}

fn compare(before: &Step, after: &Step) -> String {
    let mut page = format!(
        "<!-- Lo escribe `cargo libro`: lo que {} cambia de {}. -->\n",
        after.program, before.program
    );
    for (name, mut old, new) in pieces::paired(&before.pieces, &after.pieces) {
        // El programa se nombra a sí mismo, y eso no es un cambio.
        for line in old.iter_mut().filter(|line| line.contains(&before.program)) {
            *line = line.replace(&before.program, &after.program);
        }
        if let Some(listing) = changes::listing(&old, &new) {
            let _ =
                write!(page, "\n<!-- ANCHOR: {name} -->\n{listing}<!-- ANCHOR_END: {name} -->\n");
        }
    }
    page
}
