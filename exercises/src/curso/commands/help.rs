//! Pistas, soluciones y volver a empezar.

use std::fs;
use std::path::PathBuf;

use diffy::{DiffOptions, Hunk, Line};
use multiplexacion::cli::Trouble;

use crate::course::{Course, Exercise, read, read_bytes, write};
use crate::markdown;
use crate::paint;
use crate::progress::Progress;
use crate::starter::readable;

/// Una pista más clara que la anterior; tras la última, la última otra vez.
pub(crate) fn hint(progress: &mut Progress, exercise: &Exercise) -> Result<(), Trouble> {
    let Hint { number, total, text } = next_hint(progress, exercise)?;
    paint::say(&text);
    let id = &exercise.id;
    let more = if number < total {
        paint::suggest("Otra, más clara", &format!("cargo curso pista {id}"))
    } else if exercise.has_solution() {
        paint::suggest("Y si no sale", &format!("cargo curso solucion {id} --rendirse"))
    } else {
        "  Es la última. Si no sale, enséñale a quien te da clase el informe de «cargo curso probar»."
            .to_owned()
    };
    paint::say(&format!("\n{more}"));
    Ok(())
}

/// Una pista, y cuál es de las que hay.
pub(super) struct Hint {
    number: usize,
    total: usize,
    pub(super) text: String,
}

/// La pista que toca, ya apuntada.
pub(super) fn next_hint(progress: &mut Progress, exercise: &Exercise) -> Result<Hint, Trouble> {
    let hints = exercise.hints()?;
    let total = hints.len();
    let record = progress.note(exercise, |record| record.hints = (record.hints + 1).min(total))?;
    let number = record.hints;
    let Some(hint) = number.checked_sub(1).and_then(|index| hints.get(index)) else {
        return Err(Trouble::new(format!("{} no tiene pistas", exercise.id), "relee su enunciado"));
    };
    let (title, body) = hint.split_once('\n').unwrap_or((hint, ""));
    let text = format!(
        "{} · pista {number} de {total}: {title}\n\n{}",
        paint::bold(&exercise.id),
        markdown::rendered(body, paint::width())
    );
    Ok(Hint { number, total, text })
}

/// La solución, si se ganó o si alguien se rinde.
pub(crate) fn solution(
    progress: &mut Progress,
    exercise: &Exercise,
    surrenders: bool,
) -> Result<(), Trouble> {
    let id = &exercise.id;
    let code = handed_out(exercise)?;
    if !progress.passed(exercise) && !surrenders {
        return Err(Trouble::new(
            format!("{id} no está superado, y la solución se enseña después"),
            format!("pide una pista con «cargo curso pista {id}», o añade --rendirse"),
        ));
    }
    if !progress.passed(exercise) {
        progress.note(exercise, |record| record.surrendered = true)?;
    }
    paint::say(code.trim_end());
    Ok(())
}

/// Lo tuyo frente a la solución, línea a línea.
pub(crate) fn compare(progress: &Progress, exercise: &Exercise) -> Result<(), Trouble> {
    let id = &exercise.id;
    let reference = handed_out(exercise)?;
    if !progress.passed(exercise) {
        return Err(Trouble::new(
            format!("{id} no está superado, y comparar enseña la solución"),
            format!("compruébalo con «cargo curso probar {id}»"),
        ));
    }
    let yours = read(&exercise.work())?;
    if yours == reference {
        paint::say("Lo tuyo y la solución son iguales.");
        return Ok(());
    }
    let mut text = format!("{}  {}\n\n", paint::bad("- lo tuyo"), paint::good("+ la solución"));
    let whole = DiffOptions::new().set_context_len(usize::MAX).create_patch(&yours, &reference);
    for line in whole.hunks().iter().flat_map(Hunk::lines) {
        let painted = match line {
            Line::Context(line) => format!("  {}", line.trim_end()),
            Line::Delete(line) => paint::bad(&format!("- {}", line.trim_end())),
            Line::Insert(line) => paint::good(&format!("+ {}", line.trim_end())),
        };
        text.push_str(painted.trim_end());
        text.push('\n');
    }
    paint::say(text.trim_end());
    Ok(())
}

/// La solución, si está.
pub(super) fn handed_out(exercise: &Exercise) -> Result<String, Trouble> {
    if !exercise.has_solution() {
        return Err(Trouble::new(
            "esta copia del curso no lleva soluciones",
            "pregunta a quien te la dio",
        ));
    }
    Ok(readable(&read(&exercise.solution())?))
}

/// El archivo, como al principio; lo escrito, en una copia.
pub(crate) fn restart(
    course: &Course,
    progress: &mut Progress,
    exercise: &Exercise,
) -> Result<(), Trouble> {
    let starter = exercise.starter()?;
    // Si no está, no hay nada que guardar; si no se puede leer, no se pisa.
    let work = if exercise.work().exists() { read_bytes(&exercise.work())? } else { Vec::new() };
    progress.note(exercise, |record| record.passed = false)?;
    if work == starter.as_bytes() {
        paint::say(&format!("{} ya estaba como al principio.", exercise.work_name()));
        return Ok(());
    }
    let copy = set_aside(course, exercise, &work)?;
    write(&exercise.work(), starter)?;
    let copy = copy.strip_prefix(course.repository()).unwrap_or(&copy).display();
    paint::say(&format!(
        "{} está como al principio. Lo que había queda en {copy}.",
        exercise.work_name()
    ));
    Ok(())
}

/// Guarda una copia de lo escrito en un ejercicio. Devuelve dónde.
pub(super) fn set_aside(
    course: &Course,
    exercise: &Exercise,
    work: &[u8],
) -> Result<PathBuf, Trouble> {
    let copy = free_copy(course, exercise)?;
    write(&copy, work)?;
    Ok(copy)
}

/// `exercises/.copias/02_02_1_eco.1.rs`, o el primer número libre.
fn free_copy(course: &Course, exercise: &Exercise) -> Result<PathBuf, Trouble> {
    let folder = course.folder.join(".copias");
    fs::create_dir_all(&folder)?;
    let free = (1..10_000_u32)
        .map(|number| folder.join(format!("{}.{number}.rs", exercise.id)))
        .find(|file| !file.exists());
    free.ok_or_else(|| Trouble::new("hay demasiadas copias", "borra algunas de exercises/.copias"))
}
