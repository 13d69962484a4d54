//! Lo que se escribe solo y se guarda en el repositorio, para que a un mdBook cualquiera no le
//! falte nada: los dibujos, los capítulos de los ejercicios, lo que cambia cada paso y los términos
//! que sabe el buscador.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use file::Generated;

mod drawings;
mod exercises;
mod file;
mod glossary;
mod steps;

/// Todo lo que se escribe solo en el libro que está en `book`. Errores: `InvalidData`, con el
/// nombre del archivo, si está mal escrito aquello de lo que sale.
pub fn all(book: &Path) -> io::Result<Vec<Generated>> {
    Ok([drawings::all(book)?, exercises::all(book)?, steps::all(book)?, glossary::all(book)?]
        .concat())
}

/// Los que sobran: están en las carpetas de lo que se escribe solo, y ya no salen de nada.
pub fn leftovers(book: &Path, current: &[Generated]) -> io::Result<Vec<PathBuf>> {
    let mut leftovers = Vec::new();
    for folder in ["src/dibujos", "src/ejercicios", "src/pasos"] {
        for entry in fs::read_dir(book.join(folder))? {
            let path = entry?.path();
            if current.iter().all(|generated| generated.path != path) {
                leftovers.push(path);
            }
        }
    }
    Ok(leftovers)
}

/// Lo pone todo al día.
pub fn refresh(book: &Path) -> io::Result<()> {
    let current = all(book)?;
    for generated in current.iter().filter(|generated| !generated.is_current()) {
        generated.write()?;
    }
    for path in leftovers(book, &current)? {
        fs::remove_file(path)?;
    }
    Ok(())
}
