//! `entregar`: una copia del curso sin soluciones.

use std::fs;
use std::io;
use std::path::Path;

use multiplexacion::cli::Trouble;
use multiplexacion::errors;

use crate::course::{self, Course, STARTER, read, write};
use crate::given;
use crate::paint;

/// El capítulo de quien enseña, que trae las respuestas de la defensa.
const TEACHERS_CHAPTER: &str = "docentes.md";

/// Lo que se genera al trabajar o al calificar, o solo sirve a quien mantiene el curso.
const NOT_COPIED: [&str; 22] = [
    ".git",
    ".github",
    ".ci",
    "target",
    "salida",
    "laboratorio",
    "examples",
    "node_modules",
    "__pycache__",
    ".progreso",
    ".progreso.candado",
    ".copias",
    given::ORIGINALS,
    "soluciones",
    TEACHERS_CHAPTER,
    "entregas",
    "hostiles",
    "informes",
    "clase.txt",
    "notas.csv",
    "puntos.json",
    "pruebas.xml",
];

/// Lo que no se da a quien aprende.
const KEPT_BACK: [&str; 3] = ["solucion.rs", "errores", "equivalentes.md"];

/// El flujo de GitHub Actions que pone puntos a lo que se entrega.
const GRADING: &str = include_str!("../plantilla/calificar.yml");

/// Copia el repositorio en `folder`.
pub(crate) fn handout(course: &Course, folder: &Path) -> Result<(), Trouble> {
    let from = course.repository();
    if folder.exists() && fs::read_dir(folder)?.next().is_some() {
        return Err(Trouble::new(
            format!("«{}» no está vacía", folder.display()),
            "indica una carpeta que no exista",
        ));
    }
    fs::create_dir_all(folder)?;
    if folder.canonicalize()?.starts_with(from.canonicalize()?) {
        fs::remove_dir(folder)?;
        return Err(Trouble::new(
            "la copia no puede estar dentro del propio curso",
            "indica una carpeta de fuera, como ../entrega",
        ));
    }
    copy(from, folder, false).map_err(|error| {
        Trouble::new(
            format!("no se pudo copiar todo: {}", errors::reason(&error)),
            "borra la copia a medias, revisa los permisos y el sitio en el disco, y repítelo",
        )
    })?;
    for exercise in &course.exercises {
        let copied = folder.join("exercises").join(&exercise.id);
        for name in ["ejercicio.rs", STARTER] {
            write(&copied.join(name), exercise.starter()?)?;
        }
        keep_originals(&folder.join("exercises"), &exercise.id)?;
    }
    let manifest = folder.join("Cargo.toml");
    write(&manifest, without_solutions(&read(&manifest)?))?;
    let lock = folder.join("Cargo.lock");
    write(&lock, without_package(&read(&lock)?, "soluciones"))?;
    let workflows = folder.join(".github/workflows");
    fs::create_dir_all(&workflows)?;
    write(&workflows.join("calificar.yml"), GRADING)?;
    paint::say(&format!("Copiado en {}, sin soluciones.", folder.display()));
    Ok(())
}

/// El `Cargo.toml` del espacio de trabajo, que ya no tiene el paquete de las soluciones.
fn without_solutions(manifest: &str) -> String {
    manifest
        .replace(", \"exercises/soluciones\"", "")
        .replace(" (sus soluciones sí se comprueban)", "")
}

/// El `Cargo.lock` sin un paquete: si no, la primera compilación lo cambiaría, y `git` lo contaría.
fn without_package(lock: &str, name: &str) -> String {
    const MARK: &str = "[[package]]\n";
    let theirs = format!("name = \"{name}\"\n");
    let (heading, packages) = lock.split_once(MARK).unwrap_or((lock, ""));
    let kept = packages.split(MARK).filter(|package| !package.starts_with(&theirs));
    kept.fold(heading.to_owned(), |text, package| text + MARK + package)
}

/// Copia lo que hay en `from`. En la carpeta de un ejercicio, sin sus soluciones.
fn copy(from: &Path, to: &Path, in_exercise: bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let name_text = name.to_string_lossy();
        let kept_back = in_exercise && KEPT_BACK.contains(&&*name_text);
        // Lo que apunta un enlace, y no el enlace: la copia ha de valer por sí sola.
        let (source, target) = (entry.path(), to.join(&name));
        // Otro repositorio es el trabajo de alguien, y no parte del curso.
        if NOT_COPIED.contains(&&*name_text) || kept_back || source.join(".git").exists() {
            continue;
        }
        if source.is_dir() {
            fs::create_dir(&target)?;
            copy(&source, &target, course::split(&name_text).is_some())?;
        } else if name_text.ends_with(".md") {
            fs::write(&target, without_the_teachers(&fs::read_to_string(&source)?))?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Guarda los archivos dados de un ejercicio como se entregan, para saber si alguien los cambia.
fn keep_originals(exercises: &Path, id: &str) -> io::Result<()> {
    let kept = exercises.join(given::ORIGINALS).join(id);
    fs::create_dir_all(&kept)?;
    for entry in fs::read_dir(exercises.join(id))?.flatten() {
        if given::is_given(&entry.file_name().to_string_lossy()) {
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Un texto sin las notas para quien enseña, que van plegadas, ni las líneas que llevan a su
/// capítulo.
fn without_the_teachers(text: &str) -> String {
    const NOTES: &str = "<details class=\"docente\">\n";
    const END: &str = "</details>\n\n";
    let mut pieces = text.split(NOTES);
    let first = pieces.next().unwrap_or_default().to_owned();
    // Un trozo en el que no acaban no son notas: habla de ellas.
    let whole = pieces.fold(first, |kept, piece| match piece.split_once(END) {
        Some((_, rest)) => kept + rest,
        None => kept + NOTES + piece,
    });
    whole.split_inclusive('\n').filter(|line| !line.contains(TEACHERS_CHAPTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_git_no_guarda_no_se_reparte() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let ignored = read(&root.join(".gitignore")).unwrap();
        let names = ignored.lines().filter(|line| !line.starts_with('#') && !line.contains('*'));
        for name in names.filter_map(|line| line.trim_end_matches('/').rsplit('/').next()) {
            let is_covered =
                name.is_empty() || name == ".pending-snap" || NOT_COPIED.contains(&name);
            assert!(is_covered, "{name}");
        }
    }

    #[test]
    fn de_un_capítulo_salen_las_notas_y_del_índice_su_línea() {
        let notes = "<details class=\"docente\">\n<summary>Para docentes</summary>\n\nDi esto.\n\n</details>\n\n";
        let chapter =
            format!("# Uno\n\n{notes}## Dos\n\n<details>\n\nPlegado.\n\n</details>\n\nFin.\n");
        assert_eq!(without_the_teachers(&chapter), chapter.replace(notes, ""));
        assert_eq!(
            without_the_teachers("[Para docentes](docentes.md)\n[Glosario](g.md)\n"),
            "[Glosario](g.md)\n"
        );
    }

    #[test]
    fn del_cargo_lock_sale_un_paquete_y_nada_más() {
        let lock = |names: &[&str]| {
            let packages: Vec<_> = names
                .iter()
                .map(|name| format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\n"))
                .collect();
            format!("version = 4\n\n{}", packages.join("\n"))
        };
        let whole = lock(&["a", "soluciones", "soluciones-no"]);
        assert_eq!(without_package(&whole, "soluciones"), lock(&["a", "soluciones-no"]));
    }
}
