//! `probar`: compila un ejercicio, pasa sus pruebas y cuenta qué salió.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use multiplexacion::cli::{self, Trouble};

use super::guide::NOTHING_LEFT;
use crate::build::{Build, NotBuilt};
use crate::course::{Course, Exercise};
use crate::given;
use crate::paint;
use crate::progress::Progress;
use crate::trial::Trial;

/// Prueba un ejercicio, lo apunta si pasa y dice qué hacer ahora. Devuelve si pasa.
pub(crate) fn check(
    course: &Course,
    progress: &mut Progress,
    exercise: &Exercise,
) -> Result<bool, Trouble> {
    let build = build(course, exercise).aloud();
    let verdict = Verdict::of(course, exercise, build, &AtomicBool::new(false))?;
    if let Outcome::Unbuilt(why) = &verdict.outcome {
        return Err(cargo_failed(why));
    }
    paint::say(&verdict.report(exercise));
    if verdict.passed() {
        progress.note(exercise, |record| record.passed = true)?;
    }
    paint::say(&advice(&verdict, course, progress, exercise));
    Ok(verdict.passed())
}

fn build(course: &Course, exercise: &Exercise) -> Build {
    Build::exercises(&course.folder).tests([exercise.id.as_str()])
}

/// Lo que resultó de un ejercicio.
pub(crate) struct Verdict {
    outcome: Outcome,
    /// Lo que el compilador y las pruebas no dicen: qué no encaja, o qué archivo se tocó sin deber.
    remarks: Vec<String>,
}

enum Outcome {
    /// No compila; lo que dijo rustc.
    Uncompiled(String),
    /// Cargo no llegó a compilarlo; lo que dijo.
    Unbuilt(NotBuilt),
    /// Compila: las pruebas y los avisos de rustc.
    Tried(Trial, String),
}

impl Verdict {
    /// Compila y prueba, sin decir nada mientras tanto. Si alguien abandona, lo deja a medias.
    ///
    /// # Errors
    /// Falla algo que no es el ejercicio.
    pub(crate) fn unless(
        abandoned: &Arc<AtomicBool>,
        course: &Course,
        exercise: &Exercise,
    ) -> Result<Verdict, Trouble> {
        let build = build(course, exercise).unless(abandoned);
        Verdict::of(course, exercise, build, abandoned)
    }

    fn of(
        course: &Course,
        exercise: &Exercise,
        build: Build,
        abandoned: &AtomicBool,
    ) -> Result<Verdict, Trouble> {
        let outcome = Outcome::of(course, exercise, build, abandoned)?;
        let misfit = match &outcome {
            Outcome::Uncompiled(diagnostics) => given::misfit(exercise, diagnostics),
            _ => None,
        };
        let remarks = misfit.into_iter().chain(given::touched(exercise)).collect();
        Ok(Verdict { outcome, remarks })
    }
    pub(crate) fn passed(&self) -> bool {
        matches!(&self.outcome, Outcome::Tried(trial, _) if trial.passed())
    }

    /// El puerto al que hablan las órdenes de «Para repetirlo a mano», si el informe las da: el
    /// servidor de la prueba ya no está, y hay que arrancar otro ahí.
    fn replayed_port(&self) -> Option<u16> {
        let Outcome::Tried(trial, _) = &self.outcome else { return None };
        trial.tests.iter().find(|test| test.failure.is_some())?.port
    }

    /// Si el informe da órdenes para repetirlo a mano, lo que hay que arrancar antes.
    pub(crate) fn start_first(&self, exercise: &Exercise) -> Option<String> {
        let command =
            format!("cargo curso ejecutar {} --port {}", exercise.id, self.replayed_port()?);
        Some(paint::suggest("Arráncalo antes", &command))
    }

    /// Lo que se lee: la lista de pruebas y el informe de la primera que falla.
    pub(crate) fn report(&self, exercise: &Exercise) -> String {
        let mut text = format!("{} · {}\n", paint::bold(&exercise.id), exercise.title);
        for remark in &self.remarks {
            let _ = write!(text, "\n{} {remark}\n", paint::mark(false));
        }
        match &self.outcome {
            Outcome::Uncompiled(diagnostics) => {
                text.push_str("\nNo compila. El compilador lo explica en inglés; lo primero que dice es lo primero que hay que arreglar:\n\n");
                text.push_str(diagnostics.trim_end());
                text.push('\n');
            }
            Outcome::Unbuilt(why) => {
                text.push_str("\nCargo no pudo compilar el curso. Si falta descargar algo, revisa tu conexión. Dijo:\n\n");
                text.push_str(why.text());
                text.push('\n');
            }
            Outcome::Tried(trial, warnings) => add_trial(&mut text, trial, warnings),
        }
        text
    }
}

impl Outcome {
    fn of(
        course: &Course,
        exercise: &Exercise,
        build: Build,
        abandoned: &AtomicBool,
    ) -> Result<Outcome, Trouble> {
        let compiled = build.run()?;
        let executable = match compiled.executable(&exercise.id) {
            Ok(executable) => executable,
            Err(NotBuilt::Code(text)) => return Ok(Outcome::Uncompiled(text)),
            Err(why) => return Ok(Outcome::Unbuilt(why)),
        };
        let trial = Trial::run_unless(abandoned, executable, course.repository())?;
        let warnings = compiled.diagnostics.get(&exercise.id).cloned().unwrap_or_default();
        Ok(Outcome::Tried(trial, warnings))
    }
}

fn add_trial(text: &mut String, trial: &Trial, warnings: &str) {
    text.push('\n');
    for test in &trial.tests {
        let _ = writeln!(text, "  {} {}", paint::mark(test.failure.is_none()), test.name);
    }
    if let Some(broken) = &trial.broken {
        let _ = write!(text, "\n{broken}\n");
    }
    if let Some((test, failure)) = trial.failures().next() {
        let _ = write!(text, "\n{}\n\n{}\n", paint::rule(&test.name), failure.trim_end());
    }
    if !warnings.is_empty() {
        let _ = write!(text, "\nEl compilador avisa:\n\n{}\n", warnings.trim_end());
    }
}

fn advice(verdict: &Verdict, course: &Course, progress: &Progress, exercise: &Exercise) -> String {
    let id = &exercise.id;
    if !verdict.passed() {
        let mut lines = vec![
            paint::suggest("Tu archivo", &exercise.work_name()),
            paint::suggest("Otra vez", &format!("cargo curso probar {id}")),
            paint::suggest("Una pista", &format!("cargo curso pista {id}")),
        ];
        if let Some(start) = verdict.start_first(exercise) {
            lines.insert(0, start);
        }
        // Lo que no compila no se puede mirar.
        if matches!(verdict.outcome, Outcome::Tried(..)) && exercise.is_server() {
            lines.push(paint::suggest("Por dentro", &format!("cargo curso ver {id}")));
        }
        return lines.join("\n");
    }
    let mut lines = vec![
        format!("{} ¡Superado!", paint::mark(true)),
        paint::suggest("Pruébalo a mano", &format!("cargo curso ejecutar {id}")),
    ];
    if exercise.has_solution() {
        lines.push(paint::suggest("La solución", &format!("cargo curso comparar {id}")));
    }
    match progress.next(course) {
        Some(_) => lines.push(paint::suggest("Lo que sigue", "cargo curso siguiente")),
        None => lines.push(format!("  {NOTHING_LEFT}")),
    }
    lines.join("\n")
}

/// Por qué no se pudo compilar, cuando no es culpa del ejercicio.
pub(crate) fn cargo_failed(why: &NotBuilt) -> Trouble {
    cli::complain(why.text());
    Trouble::new(
        "cargo no pudo compilar el curso",
        "lee lo que dice arriba; si falta descargar algo, revisa tu conexión",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;
    use crate::trial::Test;
    use std::fs;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn tried(test: Test) -> Verdict {
        let trial = Trial { tests: vec![test], broken: None };
        Verdict { outcome: Outcome::Tried(trial, String::new()), remarks: Vec::new() }
    }

    fn test(failure: Option<&str>) -> Test {
        Test {
            name: "una prueba".to_owned(),
            failure: failure.map(str::to_owned),
            port: None,
            time: std::time::Duration::ZERO,
        }
    }

    /// Un curso con un solo ejercicio, y su carpeta.
    fn course() -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let eco = folder.path().join("02_02_1_eco");
        fs::create_dir(&eco).unwrap();
        write(&eco.join("enunciado.md"), "# Eco\n\nLección 02_02 · unos 20 minutos\n").unwrap();
        (folder, eco)
    }

    #[test]
    fn al_superarlo_solo_se_ofrece_la_solución_que_hay() {
        let (folder, eco) = course();
        let course = Course::at(folder.path().to_owned()).unwrap();
        let progress = Progress::of(&course).unwrap();
        let verdict = tried(test(None));
        let advice = || advice(&verdict, &course, &progress, &course.exercises[0]);
        assert!(!advice().contains("comparar"), "{}", advice());
        write(&eco.join("solucion.rs"), "").unwrap();
        assert!(advice().contains("cargo curso comparar 02_02_1_eco"), "{}", advice());
    }

    #[test]
    fn si_falla_se_ofrece_ver_por_dentro_lo_que_es_un_servidor_y_compila() {
        let (folder, eco) = course();
        let course = Course::at(folder.path().to_owned()).unwrap();
        let progress = Progress::of(&course).unwrap();
        let advice = |verdict: Verdict| advice(&verdict, &course, &progress, &course.exercises[0]);
        let offer = "Por dentro:       cargo curso ver 02_02_1_eco";
        assert!(!advice(tried(test(Some("ay")))).contains(offer), "no es un servidor");
        write(&eco.join("pruebas.rs"), "by_hand!(|listener| serve(&listener));").unwrap();
        let offered = advice(tried(test(Some("ay"))));
        assert!(offered.contains(offer), "{offered}");
        let uncompiled = Outcome::Uncompiled(String::new());
        let verdict = Verdict { outcome: uncompiled, remarks: Vec::new() };
        assert!(!advice(verdict).contains(offer), "no compila");
    }
}
