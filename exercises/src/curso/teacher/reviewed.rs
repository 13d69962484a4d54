//! Lo que resultó de revisar: un dato por ejercicio, que se escribe en JSON o en JUnit.

use std::fs;
use std::time::{Duration, Instant};

use multiplexacion::cli::Trouble;
use serde::Serialize;

use super::handed::plain;
use crate::build::{Built, NotBuilt};
use crate::commands::check::cargo_failed;
use crate::course::{Course, Exercise};
use crate::paint;
use crate::trial::Trial;

/// Lo que resultó de todos, tal como se escribe en JSON.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) points: u32,
    pub(super) max_points: u32,
    pub(super) exercises: Vec<Review>,
}

impl Report {
    pub(super) fn new(exercises: Vec<Review>) -> Report {
        let total = |points: fn(&Review) -> u32| exercises.iter().map(points).sum();
        Report {
            points: total(|review| review.points),
            max_points: total(|review| review.max_points),
            exercises,
        }
    }
}

/// Lo que resultó de un ejercicio, tal como se escribe en JSON.
#[derive(Serialize)]
pub(super) struct Review {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) lesson: String,
    pub(super) passed: bool,
    pub(super) compiles: bool,
    /// Si está como al principio.
    pub(super) untouched: bool,
    /// Los que gana de los que vale: véase [`Trial::points`].
    pub(super) points: u32,
    pub(super) max_points: u32,
    pub(super) tests: Vec<TestReview>,
    /// Lo que impidió probarlo: errores de rustc, un proceso que murió.
    pub(super) problem: Option<String>,
    /// Lo que tardaron las pruebas.
    #[serde(skip)]
    pub(super) time: Duration,
}

#[derive(Serialize)]
pub(super) struct TestReview {
    pub(super) name: String,
    pub(super) passed: bool,
    pub(super) report: Option<String>,
    #[serde(skip)]
    pub(super) time: Duration,
}

impl Review {
    /// Prueba un ejercicio ya compilado.
    ///
    /// # Errors
    /// Falla algo que no es el ejercicio.
    pub(super) fn of(
        exercise: &Exercise,
        built: &Built,
        course: &Course,
    ) -> Result<Review, Trouble> {
        match built.executable(&exercise.id) {
            Ok(executable) => {
                let started = Instant::now();
                let trial = Trial::run(executable, course.repository())?;
                Ok(Review { time: started.elapsed(), ..Review::tried(exercise, trial) })
            }
            Err(NotBuilt::Code(text)) => Ok(Review::uncompiled(exercise, text)),
            Err(why @ NotBuilt::Late) => Ok(Review::uncompiled(exercise, why.text().to_owned())),
            Err(why) => Err(cargo_failed(&why)),
        }
    }

    fn tried(exercise: &Exercise, trial: Trial) -> Review {
        let (passed, points) = (trial.passed(), trial.points(exercise.minutes));
        let tests = trial.tests.into_iter().map(|test| TestReview {
            name: test.name,
            passed: test.failure.is_none(),
            report: test.failure,
            time: test.time,
        });
        Review {
            passed,
            compiles: true,
            points,
            tests: tests.collect(),
            problem: trial.broken,
            ..Review::new(exercise)
        }
    }

    fn uncompiled(exercise: &Exercise, text: String) -> Review {
        Review { problem: Some(text), ..Review::new(exercise) }
    }

    fn new(exercise: &Exercise) -> Review {
        Review {
            id: exercise.id.clone(),
            title: exercise.title.clone(),
            lesson: exercise.lesson.clone(),
            passed: false,
            compiles: false,
            untouched: is_untouched(exercise),
            points: 0,
            max_points: exercise.minutes,
            tests: Vec::new(),
            problem: None,
            time: Duration::ZERO,
        }
    }

    pub(super) fn line(&self) -> String {
        let passed = self.tests.iter().filter(|test| test.passed).count();
        let detail = match (self.compiles, self.problem.as_deref()) {
            (false, _) => "no compila".to_owned(),
            (true, Some(problem)) => problem.lines().next().unwrap_or_default().to_owned(),
            (true, None) => format!(
                "{passed} de {} pruebas, {} de {} puntos",
                self.tests.len(),
                self.points,
                self.max_points
            ),
        };
        format!("{} {}: {detail}", paint::mark(self.passed), self.id)
    }
}

/// Si está como al principio, salvo por lo que añaden algunos editores: lo mismo que mira `clase`. Si
/// no se sabe, no.
fn is_untouched(exercise: &Exercise) -> bool {
    let (work, starter) = (fs::read(exercise.work()), exercise.starter());
    work.is_ok_and(|work| starter.is_ok_and(|starter| plain(starter.as_bytes()) == plain(&work)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;

    #[test]
    fn lo_que_solo_cambió_el_editor_se_publica_sin_empezar() {
        let folder = tempfile::TempDir::new().unwrap();
        let exercise = folder.path().join("02_02_1_eco");
        fs::create_dir(&exercise).unwrap();
        let statement = "# Eco\n\nLección 02_02 · unos 20 minutos\n";
        write(&exercise.join("enunciado.md"), statement).unwrap();
        write(&exercise.join("inicio.rs"), "//! Más\nfn a() {}\n").unwrap();
        let course = Course::at(folder.path().to_owned()).unwrap();
        let untouched = |code: &str| {
            write(&exercise.join("ejercicio.rs"), code).unwrap();
            Review::new(&course.exercises[0]).untouched
        };
        assert!(untouched("//! Más\nfn a() {}\n"));
        assert!(untouched("//! Más\r\nfn a() {}\r\n"));
        assert!(untouched("\u{FEFF}//! Más\nfn a() {}\n"));
        assert!(!untouched("//! Más\nfn b() {}\n"));
        fs::remove_file(exercise.join("ejercicio.rs")).unwrap();
        assert!(!Review::new(&course.exercises[0]).untouched);
    }
}
