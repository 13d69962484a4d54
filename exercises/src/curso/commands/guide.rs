//! Dónde estás y qué sigue.

use multiplexacion::cli::Trouble;

use super::suggest;
use crate::course::{Course, Exercise};
use crate::paint;
use crate::progress::Progress;

/// Casillas de la barra de cada lección.
const CELLS: usize = 12;

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

/// El enunciado del próximo.
pub(crate) fn next(course: &Course, progress: &Progress) -> Result<(), Trouble> {
    if let Some(exercise) = progress.next(course) {
        paint::say(&format!("{}\n", exercise.statement()?.trim_end()));
    }
    paint::say(&what_next(course, progress).join("\n"));
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
        return vec!["No queda ningún ejercicio: los has hecho todos. ¡Enhorabuena!".to_owned()];
    };
    vec![
        format!(
            "Sigue {}: {} (unos {} minutos).",
            paint::bold(&exercise.id),
            exercise.title,
            exercise.minutes
        ),
        String::new(),
        suggest("Lee el enunciado", "cargo curso siguiente"),
        suggest("Edita", &exercise.work_name()),
        suggest("Compruébalo", "cargo curso probar"),
        suggest("O al guardar", "cargo curso vigilar"),
        suggest("Si te atascas", "cargo curso pista"),
    ]
}
