//! `revisar`: todos los ejercicios, sin terminal, con un resultado que otros programas leen.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use serde::Serialize;

use super::junit::to_junit;
use crate::build::{Build, Built, NotBuilt};
use crate::commands::check::cargo_failed;
use crate::course::{Course, Exercise, write};
use crate::paint;
use crate::trial::{SIDE_BY_SIDE, Trial, side_by_side};

/// Lo que puede durar la compilación: en una máquina lenta, la primera son varios minutos.
const BUILD: Duration = Duration::from_secs(900);

/// Revisa todos. Devuelve si todos están superados.
pub(crate) fn review(
    course: &Course,
    json: Option<&Path>,
    junit: Option<&Path>,
) -> Result<bool, Trouble> {
    let ids = course.exercises.iter().map(|exercise| exercise.id.as_str());
    warn(course);
    let built = Build::exercises(&course.folder).tests(ids).aloud().limit(BUILD).run()?;
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
        let xml = to_junit(&report.exercises);
        write(file, xml.map_err(|error| std::io::Error::other(error.to_string()))?)?;
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

/// Dice qué más se ejecuta en una carpeta que quizá no es de quien la revisa.
fn warn(course: &Course) {
    let also = also_run(course.repository());
    if !also.is_empty() {
        cli::complain(&format!(
            "curso: compilar esta carpeta ejecuta también, con tu usuario y sin aislar, {}. Si no es \
             tuya, califícala desde tu copia: cargo curso clase CARPETA",
            also.join(", ")
        ));
    }
}

/// Lo que cargo ejecuta u obedece al compilar, y el curso no trae.
fn also_run(repository: &Path) -> Vec<String> {
    let config = |name: &str| {
        let text = fs::read_to_string(repository.join(name)).unwrap_or_default();
        let mut section = String::new();
        text.lines().map(str::trim).any(|line| {
            if line.starts_with('[') {
                line.clone_into(&mut section);
            }
            section != "[alias]" && !line.is_empty() && !line.starts_with('#')
        })
    };
    let configs = [".cargo/config.toml", ".cargo/config"].into_iter().filter(|name| config(name));
    let toolchains = ["rust-toolchain", "rust-toolchain.toml"].into_iter();
    let toolchains = toolchains.filter(|name| repository.join(name).exists());
    let mut also: Vec<_> = configs.chain(toolchains).map(str::to_owned).collect();
    scripts(repository, "", &mut also);
    also.sort();
    also
}

/// Los programas que cargo ejecuta antes de compilar un paquete: su `build.rs`, o el que diga.
fn scripts(folder: &Path, inner: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inner.is_empty() { name.clone() } else { format!("{inner}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !["target", ".git", "node_modules"].contains(&&*name) => {
                scripts(&entry.path(), &path, found);
            }
            Ok(_) if name == "build.rs" && folder.join("Cargo.toml").exists() => found.push(path),
            Ok(_) if name == "Cargo.toml" && names_a_script(&entry.path()) => found.push(path),
            _ => {}
        }
    }
}

/// Si está como al principio. Si no se sabe, no.
fn is_untouched(exercise: &Exercise) -> bool {
    let work = fs::read_to_string(exercise.work());
    work.is_ok_and(|work| exercise.starter().is_ok_and(|starter| starter == work))
}

fn names_a_script(manifest: &Path) -> bool {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("build "))
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
pub(super) struct Review {
    pub(super) id: String,
    title: String,
    lesson: String,
    passed: bool,
    compiles: bool,
    /// Si está como al principio.
    untouched: bool,
    /// Los que gana de los que vale: véase [`Trial::points`].
    points: u32,
    max_points: u32,
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
    fn of(exercise: &Exercise, built: &Built, course: &Course) -> Result<Review, Trouble> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use quick_junit::TestCaseStatus;

    fn review(id: &str, tests: &[(&str, Option<&str>)], problem: Option<&str>) -> Review {
        let test = |(name, report): &(&str, Option<&str>)| TestReview {
            name: (*name).to_owned(),
            passed: report.is_none(),
            report: report.map(str::to_owned),
            time: Duration::from_millis(250),
        };
        Review {
            id: id.to_owned(),
            title: "Título".to_owned(),
            lesson: "02_02".to_owned(),
            passed: problem.is_none() && tests.iter().all(|(_, report)| report.is_none()),
            compiles: true,
            untouched: false,
            points: 0,
            max_points: 20,
            tests: tests.iter().map(test).collect(),
            problem: problem.map(str::to_owned),
            time: Duration::from_millis(1500),
        }
    }

    #[test]
    fn lo_que_se_ejecuta_además_de_los_ejercicios_se_dice() {
        let folder = tempfile::TempDir::new().unwrap();
        let place = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            write(&file, text).unwrap();
        };
        place(".cargo/config.toml", "# Los alias.\n[alias]\ncurso = \"run\"\n");
        assert!(also_run(folder.path()).is_empty());
        place(".cargo/config.toml", "[alias]\ncurso = \"run\"\n[build]\nrustc-wrapper = \"./x\"\n");
        place("exercises/build.rs", "fn main() {}\n");
        place("exercises/Cargo.toml", "[package]\nbuild = \"otro.rs\"\n");
        place("exercises/src/build.rs", "//! Un módulo.\n");
        place("target/x/build.rs", "fn main() {}\n");
        assert_eq!(
            also_run(folder.path()),
            [".cargo/config.toml", "exercises/Cargo.toml", "exercises/build.rs"]
        );
    }

    #[test]
    fn el_xml_dice_cuántas_fallan_cuántas_no_se_probaron_y_cuánto_tardó() {
        let results = [
            review(
                "uno",
                &[("pasa", None), ("no <pasa>", Some("a<b> & \"c\"\n\x1b[1mfin]]>"))],
                None,
            ),
            review("otro", &[], Some("No compila.")),
        ];
        let xml = to_junit(&results).unwrap();
        // Lo que exige quien lo lee con un esquema: los cuatro números, y el tiempo.
        for suite in xml.lines().filter(|line| line.trim_start().starts_with("<testsuite ")) {
            for attribute in ["name=", "tests=", "failures=", "errors=", "time=\"1.500\""] {
                assert!(suite.contains(attribute), "{suite}");
            }
        }
        assert!(xml.chars().all(|it| it == '\n' || !it.is_control()), "{xml}");
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (4, 1, 1));
        assert_eq!(xml.matches("time=\"0.250\"").count(), 2, "{xml}");
        let failing = &read.test_suites[0].test_cases[2];
        assert_eq!(failing.name.as_str(), "no <pasa>");
        let TestCaseStatus::NonSuccess { description, .. } = &failing.status else {
            unreachable!()
        };
        assert_eq!(description.as_ref().unwrap().as_str(), "a<b> & \"c\"\nfin]]>");
    }
}
