//! Dónde estás y qué sigue.

use multiplexacion::cli::Trouble;

use crate::course::{Course, Exercise};
use crate::markdown;
use crate::paint;
use crate::progress::Progress;

/// Casillas de la barra de cada lección.
const CELLS: usize = 12;

/// Lo que se dice a quien los hizo todos.
pub(super) const NOTHING_LEFT: &str =
    "No queda ningún ejercicio: los has hecho todos. ¡Enhorabuena!";

/// Una barra por lección, y cómo seguir.
pub(crate) fn overview(course: &Course, progress: &Progress) {
    let mut lines = vec![paint::bold("Multiplexación de sockets: los ejercicios"), String::new()];
    for lesson in course.lessons() {
        let (done, total) = count(course, progress, lesson);
        lines.push(format!("  {lesson}  {}  {done} de {total}", paint::bar(done, total, CELLS)));
    }
    lines.push(String::new());
    lines.extend(what_next(course, progress));
    paint::say(&lines.join("\n"));
}

/// El enunciado del próximo, y cómo trabajarlo.
pub(crate) fn next(course: &Course, progress: &Progress) -> Result<(), Trouble> {
    let Some(exercise) = progress.next(course) else {
        paint::say(NOTHING_LEFT);
        return Ok(());
    };
    statement(course, progress, exercise)
}

/// El enunciado de un ejercicio, y cómo trabajarlo.
pub(crate) fn statement(
    course: &Course,
    progress: &Progress,
    exercise: &Exercise,
) -> Result<(), Trouble> {
    let text = markdown::rendered(&exercise.statement()?, paint::width());
    // Del próximo no hace falta decir el nombre.
    let is_next = progress.next(course).is_some_and(|next| next.id == exercise.id);
    let id = if is_next { String::new() } else { format!(" {}", exercise.id) };
    paint::say(&format!("{text}\n\n{}", steps(exercise, &id).join("\n")));
    Ok(())
}

/// Todos, con su marca.
pub(crate) fn list(course: &Course, progress: &Progress) {
    let widest = course.exercises.iter().map(|it| it.id.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for exercise in &course.exercises {
        let mark = if progress.passed(exercise) { paint::mark(true) } else { paint::dim("·") };
        let minutes = paint::dim(&format!("({} min)", exercise.minutes));
        let helped =
            if progress.record(exercise).surrendered { " (con la solución vista)" } else { "" };
        lines.push(format!("{mark} {:widest$}  {} {minutes}{helped}", exercise.id, exercise.title));
    }
    paint::say(&lines.join("\n"));
}

fn count(course: &Course, progress: &Progress, lesson: &str) -> (usize, usize) {
    let exercises = course.exercises.iter().filter(|exercise| exercise.lesson == lesson);
    let (done, missing): (Vec<&Exercise>, Vec<_>) =
        exercises.partition(|exercise| progress.passed(exercise));
    (done.len(), done.len() + missing.len())
}

fn what_next(course: &Course, progress: &Progress) -> Vec<String> {
    let Some(exercise) = progress.next(course) else {
        return vec![NOTHING_LEFT.to_owned()];
    };
    let Exercise { id, title, minutes, .. } = exercise;
    let mut lines = vec![
        format!("Sigue {}: {title} (unos {minutes} minutos).", paint::bold(id)),
        String::new(),
        paint::suggest("Lee el enunciado", "cargo curso siguiente"),
    ];
    lines.extend(steps(exercise, ""));
    lines
}

/// Qué se escribe para trabajar en uno, ya leído su enunciado; `id` va detrás de cada orden.
fn steps(exercise: &Exercise, id: &str) -> [String; 4] {
    [
        paint::suggest("Edita", &exercise.work_name()),
        paint::suggest("Compruébalo", &format!("cargo curso probar{id}")),
        paint::suggest("O al guardar", &format!("cargo curso vigilar{id}")),
        paint::suggest("Si te atascas", &format!("cargo curso pista{id}")),
    ]
}
