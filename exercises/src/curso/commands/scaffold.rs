//! `nuevo`: los archivos de un ejercicio, listos para escribir en ellos.

use std::fs;
use std::io;
use std::path::Path;

use multiplexacion::cli::Trouble;

use crate::course::{self, Course, read, write};
use crate::paint;
use crate::starter::starter;

/// Crea la carpeta de `id` y sus entradas en los dos `Cargo.toml`.
pub(crate) fn scaffold(course: &Course, id: &str) -> Result<(), Trouble> {
    let Some((lesson, number)) = course::split(id) else {
        return Err(Trouble::new(
            format!("«{id}» no sirve como id"),
            "escribe lección, número y nombre en minúsculas y sin acentos: 02_03_9_mi_ejercicio",
        ));
    };
    let folder = course.folder.join(id);
    if folder.exists() {
        return Err(Trouble::new(format!("{id} ya existe"), "elige otro número u otro nombre"));
    }
    let taken = course.exercises.iter().find(|it| course::split(&it.id) == Some((lesson, number)));
    if let Some(other) = taken {
        let last = course.exercises.iter().filter_map(|it| course::split(&it.id));
        let last = last.filter(|(other, _)| *other == lesson).map(|(_, number)| number).max();
        return Err(Trouble::new(
            format!("el número {number} de la lección {lesson} es el de {}", other.id),
            format!("usa el {}, que está libre", last.unwrap_or(0) + 1),
        ));
    }
    fs::create_dir_all(folder.join("errores"))?;
    for (name, template) in files() {
        let text = template.replace("{id}", id).replace("{lesson}", lesson);
        write(&folder.join(name), text)?;
    }
    let solution = read(&folder.join("solucion.rs"))?;
    let work = format!("exercises/{id}/ejercicio.rs");
    write(&folder.join("ejercicio.rs"), starter(&solution, &work).map_err(io::Error::other)?)?;
    register(&course.folder.join("Cargo.toml"), id, "")?;
    register(&course.folder.join("soluciones/Cargo.toml"), id, "../")?;
    paint::say(&format!(
        "Creado exercises/{id}. Busca «POR ESCRIBIR» en sus archivos; exercises/LEEME.md explica \
         cada uno.\nCuando esté: cargo curso verificar {id}"
    ));
    Ok(())
}

fn files() -> [(&'static str, &'static str); 5] {
    [
        ("enunciado.md", include_str!("../plantilla/enunciado.md")),
        ("pistas.md", include_str!("../plantilla/pistas.md")),
        ("solucion.rs", include_str!("../plantilla/solucion.txt")),
        ("pruebas.rs", include_str!("../plantilla/pruebas.txt")),
        ("errores/nombre.diff", include_str!("../plantilla/error.txt")),
    ]
}

/// Añade el `[[test]]` detrás del último, en el orden del curso.
fn register(manifest: &Path, id: &str, prefix: &str) -> Result<(), Trouble> {
    let text = read(manifest)?;
    let entry = format!(
        "[[test]]\nname = \"{id}\"\npath = \"{prefix}{id}/pruebas.rs\"\nharness = false\n\n"
    );
    let names = text.match_indices("[[test]]\nname = \"").map(|(at, mark)| (at, at + mark.len()));
    let later = names
        .filter(|(_, name)| course::split(quoted(&text[*name..])).is_some())
        .find(|(_, name)| order(quoted(&text[*name..])) > order(id));
    let at = later.map_or_else(
        || text.find("[dependencies]").or_else(|| text.find("[dev-dependencies]")),
        |(at, _)| Some(at),
    );
    let at = at.unwrap_or(text.len());
    write(manifest, format!("{}{entry}{}", &text[..at], &text[at..]))
}

fn quoted(text: &str) -> &str {
    text.split('"').next().unwrap_or_default()
}

fn order(id: &str) -> Option<(&str, u32)> {
    course::split(id)
}
