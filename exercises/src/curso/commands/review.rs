//! `revisar`: todos los ejercicios, sin terminal, con un resultado que otros programas leen.

use std::fmt::Write;
use std::path::Path;

use multiplexacion::cli::Trouble;
use serde::Serialize;

use super::check::cargo_failed;
use crate::build::{Build, Built, NotBuilt};
use crate::course::{Course, Exercise, write};
use crate::paint;
use crate::trial::{SIDE_BY_SIDE, Trial, side_by_side};

/// Revisa todos. Devuelve si todos están superados.
pub(crate) fn review(
    course: &Course,
    json: Option<&Path>,
    junit: Option<&Path>,
) -> Result<bool, Trouble> {
    let ids = course.exercises.iter().map(|exercise| exercise.id.as_str());
    let built = Build::exercises(&course.folder).tests(ids).aloud().run()?;
    let mut results = Vec::new();
    let review = |it| Review::of(it, &built, course);
    for result in side_by_side(&course.exercises, SIDE_BY_SIDE, review) {
        let result = result?;
        paint::say(&result.line());
        results.push(result);
    }
    let report = Report::new(results);
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?;
        write(file, text + "\n")?;
    }
    if let Some(file) = junit {
        write(file, to_junit(&report.exercises))?;
    }
    let passed = report.exercises.iter().filter(|result| result.passed).count();
    paint::say(&format!(
        "\n{passed} de {} superados: {} de {} puntos.",
        report.exercises.len(),
        report.points,
        report.max_points
    ));
    Ok(passed == report.exercises.len())
}

/// Lo que resultó de todos, tal como se escribe en JSON.
#[derive(Serialize)]
struct Report {
    points: u32,
    max_points: u32,
    exercises: Vec<Review>,
}

impl Report {
    fn new(exercises: Vec<Review>) -> Report {
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
pub(crate) struct Review {
    id: String,
    title: String,
    lesson: String,
    pub(crate) passed: bool,
    pub(crate) compiles: bool,
    /// Los que gana de los que vale: véase [`Trial::points`].
    points: u32,
    max_points: u32,
    tests: Vec<TestReview>,
    /// Lo que impidió probarlo: errores de rustc, un proceso que murió.
    problem: Option<String>,
}

#[derive(Serialize)]
struct TestReview {
    name: String,
    passed: bool,
    report: Option<String>,
}

impl Review {
    /// Prueba un ejercicio ya compilado.
    ///
    /// # Errors
    /// Falla algo que no es el ejercicio.
    pub(crate) fn of(
        exercise: &Exercise,
        built: &Built,
        course: &Course,
    ) -> Result<Review, Trouble> {
        match built.executable(&exercise.id) {
            Ok(executable) => {
                let trial = Trial::run(executable, course.repository())?;
                Ok(Review::tried(exercise, trial))
            }
            Err(NotBuilt::Code(text)) => Ok(Review::uncompiled(exercise, text)),
            Err(why) => Err(cargo_failed(&why)),
        }
    }

    pub(crate) fn tried(exercise: &Exercise, trial: Trial) -> Review {
        let (passed, points) = (trial.passed(), trial.points(exercise.minutes));
        let tests = trial.tests.into_iter().map(|test| TestReview {
            name: test.name,
            passed: test.failure.is_none(),
            report: test.failure,
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

    pub(crate) fn uncompiled(exercise: &Exercise, text: String) -> Review {
        Review { problem: Some(text), ..Review::new(exercise) }
    }

    fn new(exercise: &Exercise) -> Review {
        Review {
            id: exercise.id.clone(),
            title: exercise.title.clone(),
            lesson: exercise.lesson.clone(),
            passed: false,
            compiles: false,
            points: 0,
            max_points: exercise.minutes,
            tests: Vec::new(),
            problem: None,
        }
    }

    fn line(&self) -> String {
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

/// El XML que entienden GitHub, GitLab y Jenkins: un `testsuite` por ejercicio.
fn to_junit(results: &[Review]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for result in results {
        let whole = TestReview {
            name: "compila y llega al final".to_owned(),
            passed: result.problem.is_none(),
            report: result.problem.clone(),
        };
        let cases: Vec<_> = std::iter::once(&whole).chain(&result.tests).collect();
        let failures = cases.iter().filter(|case| !case.passed).count();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            escaped(&result.id),
            cases.len()
        );
        for case in cases {
            add_case(&mut xml, &result.id, case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

fn add_case(xml: &mut String, id: &str, case: &TestReview) {
    let _ =
        write!(xml, "    <testcase classname=\"{}\" name=\"{}\"", escaped(id), escaped(&case.name));
    if case.passed {
        xml.push_str("/>\n");
        return;
    }
    let report = case.report.as_deref().unwrap_or_default();
    let first = report.lines().next().unwrap_or_default();
    let _ = writeln!(
        xml,
        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
        escaped(first),
        escaped(report)
    );
}

/// Con las cinco entidades de XML, y sin los caracteres de control que no admite (XML 1.0, 2.2).
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(character),
            control if control.is_control() => safe.push('\u{FFFD}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_xml_no_lleva_nada_que_lo_rompa() {
        assert_eq!(escaped("a<b> & \"c\"\n\x1b[1m"), "a&lt;b&gt; &amp; &quot;c&quot;\n\u{FFFD}[1m");
    }
}
