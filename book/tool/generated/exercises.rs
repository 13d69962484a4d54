//! Los ejercicios en el libro: un capítulo por enunciado, la tabla de todos y su sitio en el
//! índice. Uno nuevo no pide tocar nada a mano.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::file::Generated;

/// Lo que el libro dice de un ejercicio.
struct Exercise {
    id: String,
    title: String,
    lesson: String,
    minutes: String,
}

/// Los archivos que deben estar en `src/` del libro que está en `book`.
pub(super) fn all(book: &Path) -> io::Result<Vec<Generated>> {
    let exercises = read(&book.join("../exercises"))?;
    let source = book.join("src");
    let folder = source.join("ejercicios");
    let mut generated: Vec<Generated> = exercises
        .iter()
        .map(|exercise| Generated {
            path: folder.join(format!("{}.md", exercise.id)),
            text: format!("{{{{#include ../../../exercises/{}/enunciado.md}}}}\n", exercise.id),
        })
        .collect();
    let has_chapter = |lesson: &str| source.join(format!("{lesson}.md")).is_file();
    generated
        .push(Generated { path: folder.join("lista.md"), text: table(&exercises, has_chapter) });
    let summary = source.join("SUMMARY.md");
    let text = with_exercises(&fs::read_to_string(&summary)?, &exercises);
    generated.push(Generated { path: summary, text });
    Ok(generated)
}

fn read(folder: &Path) -> io::Result<Vec<Exercise>> {
    let mut exercises = Vec::new();
    for entry in fs::read_dir(folder)? {
        let folder = entry?.path();
        let statement = folder.join("enunciado.md");
        if statement.is_file() {
            let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            exercises.push(describe(id, &fs::read_to_string(statement)?)?);
        }
    }
    exercises.sort_by_key(|exercise| place(&exercise.id));
    Ok(exercises)
}

/// De la primera línea, el título; de «Lección 02_03 · unos 15 minutos», lo demás.
fn describe(id: String, statement: &str) -> io::Result<Exercise> {
    let title = statement.lines().find_map(|line| line.strip_prefix("# ")).ok_or_else(|| {
        let what = format!("exercises/{id}/enunciado.md no empieza por su título, «# …»");
        io::Error::new(io::ErrorKind::InvalidData, what)
    })?;
    let title = title.trim().to_owned();
    let facts = statement.lines().find_map(|line| line.strip_prefix("Lección "));
    let (lesson, minutes) = facts.and_then(|facts| facts.split_once(" · ")).unwrap_or_default();
    Ok(Exercise { title, lesson: lesson.to_owned(), minutes: minutes.to_owned(), id })
}

/// `02_03_10_x` va después de `02_03_9_x`: cuentan los números, no las letras.
fn place(id: &str) -> Vec<(u32, String)> {
    id.split('_').map(|part| (part.parse().unwrap_or(u32::MAX), part.to_owned())).collect()
}

/// «02_03_1» de `02_03_1_enviar`.
fn number(id: &str) -> String {
    id.split('_').take(3).collect::<Vec<_>>().join("_")
}

/// La tabla; la lección es un enlace si tiene su capítulo.
fn table(exercises: &[Exercise], has_chapter: impl Fn(&str) -> bool) -> String {
    let mut table = String::from("| ejercicio | lección | tiempo |\n|---|---|---|\n");
    for Exercise { id, title, lesson, minutes } in exercises {
        let number = number(id);
        let lesson =
            if has_chapter(lesson) { format!("[{lesson}]({lesson}.md)") } else { lesson.clone() };
        let _ =
            writeln!(table, "| [{number} · {title}](ejercicios/{id}.md) | {lesson} | {minutes} |");
    }
    table
}

/// El índice, con los ejercicios debajo de la línea que lleva a `ejercicios.md`.
fn with_exercises(summary: &str, exercises: &[Exercise]) -> String {
    let mut whole = String::new();
    for line in summary.lines().filter(|line| !line.contains("](ejercicios/")) {
        whole.push_str(line);
        whole.push('\n');
        if line.contains("](ejercicios.md)") {
            let indent = line.len() - line.trim_start().len() + 2;
            for Exercise { id, title, .. } in exercises {
                let number = number(id);
                let _ = writeln!(whole, "{:indent$}- [{number} · {title}](ejercicios/{id}.md)", "");
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercise(id: &str) -> Exercise {
        describe(id.to_owned(), "# Título\n\nLección 02_03 · unos 15 minutos\n").unwrap()
    }

    #[test]
    fn el_índice_pierde_los_que_ya_no_están_y_gana_los_nuevos_en_su_sitio() {
        let before = "- [A](a.md)\n- [Ejercicios](ejercicios.md)\n  - [X](ejercicios/viejo.md)\n\n[Z](z.md)\n";
        let after = with_exercises(before, &[exercise("02_03_1_enviar")]);
        assert_eq!(
            after,
            "- [A](a.md)\n- [Ejercicios](ejercicios.md)\n  - [02_03_1 · Título]\
             (ejercicios/02_03_1_enviar.md)\n\n[Z](z.md)\n"
        );
        assert_eq!(with_exercises(&after, &[exercise("02_03_1_enviar")]), after);
    }

    #[test]
    fn el_décimo_va_después_del_noveno() {
        assert!(place("02_03_10_diez") > place("02_03_9_nueve"));
    }

    #[test]
    fn un_enunciado_sin_título_se_dice() {
        let error = describe("x".to_owned(), "hola").err().unwrap();
        assert!(error.to_string().contains("exercises/x/enunciado.md"), "{error}");
    }
}
