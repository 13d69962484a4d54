//! `verificar`: que cada ejercicio empiece fallando, que su solución pase las pruebas y clippy, y
//! que cada otra solución reciba lo que merece.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use multiplexacion::cli::Trouble;
use multiplexacion::steps::counted;

use super::{agreement, replays};
use crate::alternative::{self, Alternative, Deserved};
use crate::build::{Build, Built, NotBuilt};
use crate::course::{Course, Exercise, read};
use crate::paint;
use crate::trial::{Trial, side_by_side};
use crate::workshop::{self, Variant};

/// Cuánto se pide.
#[derive(Clone, Copy)]
pub(crate) struct Demand {
    /// Cuántas veces se prueba cada versión.
    pub(crate) times: usize,
    /// Si lo que un informe ofrece para repetirlo a mano ha de repetir el fallo.
    pub(crate) by_hand: bool,
}

/// Verifica `only`, o todos. Devuelve si todo está como debe.
pub(crate) fn verify(
    course: &Course,
    only: Option<&Exercise>,
    demand: Demand,
) -> Result<bool, Trouble> {
    let chosen: Vec<_> =
        course.exercises.iter().filter(|it| only.is_none_or(|only| only.id == it.id)).collect();
    if let Some(exercise) = chosen.first() {
        super::help::handed_out(exercise)?;
    }
    let versions: Vec<_> = chosen.iter().map(|it| versions(it)).collect::<Result<_, _>>()?;
    let variants: Vec<_> = versions.iter().flatten().map(|version| &version.variant).collect();
    let exercises = counted(chosen.len(), "ejercicio", "ejercicios");
    paint::say(&format!("Compilando {} versiones de {exercises}…", variants.len()));
    let built = workshop::prepare(course, "verificar", &variants)?.arg("--tests").run()?;
    let linted = lint(course, &chosen)?;
    let mut sound = true;
    let mut untold = chosen.into_iter().zip(&versions).peekable();
    examine_all(&built, versions.iter().flatten(), course, demand, |verdicts| {
        let known = |version: &Version<'_>| verdicts.contains_key(&version.variant.test());
        while let Some((exercise, own)) = untold.next_if(|(_, own)| own.iter().all(known)) {
            paint::say(&format!("\n{} · {}", paint::bold(&exercise.id), exercise.title));
            sound &= is_sound("archivos", &files(course, exercise));
            sound &= is_sound("clippy", &is_clean(&linted, exercise));
            for version in own {
                sound &= is_sound(&version.variant.name, &verdicts[&version.variant.test()]);
            }
        }
    });
    if let Some(exercise) = only.filter(|_| sound) {
        sound = agrees(course, exercise)?;
    }
    paint::say(if sound { "\nTodo está como debe." } else { "\nHay algo que arreglar." });
    Ok(sound)
}

/// Si `cargo test` tampoco tiene nada que decir de ese ejercicio. Quien los verifica todos ya lo ejecuta.
fn agrees(course: &Course, exercise: &Exercise) -> Result<bool, Trouble> {
    let repository = course.repository();
    if !repository.join("book/Cargo.toml").exists() {
        return Ok(true);
    }
    paint::say("\nY con el resto del curso… (la primera vez compila el libro)");
    let verdict = agreement::with_the_course(repository, &exercise.id)?;
    Ok(is_sound("enunciado, libro y plan", &verdict))
}

/// Pasa clippy a las soluciones con las reglas de la casa, como la integración continua.
fn lint(course: &Course, chosen: &[&Exercise]) -> Result<Built, Trouble> {
    let ids = chosen.iter().map(|exercise| exercise.id.as_str());
    // Los mismos argumentos que en .ci/run: lo que allí se examinó no se vuelve a examinar.
    Build::lint(&course.folder.join("soluciones"))
        .tests(ids)
        .arg("--")
        .arg("-D")
        .arg("warnings")
        .run()
}

fn is_clean(linted: &Built, exercise: &Exercise) -> Result<(), String> {
    linted.clean(&exercise.id).map_err(|why| {
        let trouble = match why {
            NotBuilt::Code(_) => "la solución no está limpia",
            _ => "no se pudo pasar (se instala con «rustup component add clippy»)",
        };
        format!("{trouble}\n{}", why.text())
    })
}

/// Cómo se llama la versión que ha de pasar todas las pruebas.
const SOLUTION: &str = "solucion";

/// Versiones que se prueban a la vez. Cada una son varias pruebas, y con los procesadores ocupados
/// vencería algún plazo; las que están mal casi siempre esperan a algo que no llega.
const RIGHT_AT_ONCE: usize = 2;
const WRONG_AT_ONCE: usize = 5;

/// Una versión de un ejercicio, y qué ha de resultar de ella.
struct Version<'a> {
    variant: Variant<'a>,
    expected: Expected,
}

enum Expected {
    /// Todas las pruebas dicen qué falta por escribir.
    Unsolved,
    Deserves(Deserved),
}

/// El principio, la solución y las otras que se entienden; las demás salen en [`files`].
fn versions(exercise: &Exercise) -> Result<Vec<Version<'_>>, Trouble> {
    let version = |name: &str, code: String, expected| {
        let variant = Variant { exercise, name: name.to_owned(), code: code.into_bytes() };
        Version { variant, expected }
    };
    let solution = read(&exercise.solution())?;
    let others = alternative::all(exercise, &solution).into_iter().flatten();
    let others: Vec<_> =
        others.map(|it| version(&it.name, it.code, Expected::Deserves(it.deserves))).collect();
    let mut versions = vec![
        version("principio", exercise.starter()?, Expected::Unsolved),
        version(SOLUTION, solution, Expected::Deserves(Deserved::ToPass)),
    ];
    versions.extend(others);
    Ok(versions)
}

/// Escribe la línea de una comprobación. Devuelve si salió bien.
fn is_sound(what: &str, verdict: &Result<(), String>) -> bool {
    let problem = verdict.as_ref().err().map(|problem| format!(": {}", problem.trim_end()));
    let mark = paint::mark(verdict.is_ok());
    paint::say(&format!("  {mark} {what}{}", problem.unwrap_or_default()));
    verdict.is_ok()
}

/// Lo que se sabe sin compilar.
fn files(course: &Course, exercise: &Exercise) -> Result<(), String> {
    let text = |file: &Path| read(file).map_err(|trouble| trouble.to_string());
    let starter = exercise.starter().map_err(|trouble| trouble.to_string())?;
    if text(&exercise.work())? != starter {
        return Err(format!(
            "ejercicio.rs no es el principio que sale de solucion.rs; «cargo curso reiniciar {}» lo \
             deja así",
            exercise.id
        ));
    }
    is_short(&starter)?;
    for manifest in ["Cargo.toml", "soluciones/Cargo.toml"] {
        let entry = format!("name = \"{}\"", exercise.id);
        if !text(&course.folder.join(manifest))?.contains(&entry) {
            return Err(format!("no tiene su [[test]] en exercises/{manifest}"));
        }
    }
    unfinished(exercise)?;
    in_the_book(course, exercise)?;
    let hints = exercise.hints().map_err(|trouble| trouble.to_string())?.len();
    if hints != 3 {
        return Err(format!("pistas.md tiene {hints} pistas, y han de ser tres"));
    }
    alternatives(&alternative::all(exercise, &text(&exercise.solution())?))
}

/// Que las otras soluciones sirvan, y basten.
fn alternatives(all: &[Result<Alternative, String>]) -> Result<(), String> {
    let useless: Vec<_> =
        all.iter().filter_map(|it| it.as_ref().err()).map(String::as_str).collect();
    if !useless.is_empty() {
        let how = "Cómo se escriben y se rehacen: exercises/LEEME.md, «Otra solución»";
        return Err(format!(
            "hay otras soluciones que no sirven\n    {}\n    {how}",
            useless.join("\n    ")
        ));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = all.iter().flatten().find(|it| !names.insert(&it.name)) {
        return Err(format!("un acierto y un error se llaman igual: {}", twice.name));
    }
    let is_wrong = |it: &&Alternative| it.deserves != Deserved::ToPass;
    match all.iter().flatten().filter(is_wrong).count() {
        2.. => Ok(()),
        count => Err(format!("tiene {count} errores típicos, y han de ser dos, por lo menos")),
    }
}

/// Lo que la plantilla dejaba por escribir, y sigue así.
fn unfinished(exercise: &Exercise) -> Result<(), String> {
    let own = fs::read_dir(&exercise.folder).into_iter().flatten().flatten();
    let files = own.map(|entry| entry.path()).chain(exercise.alternatives());
    for file in files.filter(|file| file.is_file()) {
        let text = read(&file).map_err(|trouble| trouble.to_string())?;
        if let Some(at) = text.lines().position(|line| line.contains("POR ESCRIBIR")) {
            let name = file.strip_prefix(&exercise.folder).unwrap_or(&file).display();
            return Err(format!("{name} aún dice «POR ESCRIBIR» en la línea {}", at + 1));
        }
    }
    Ok(())
}

/// Lo que «cargo test» pide al libro de cada ejercicio: su fila en «Ahora tú» y su sitio en el plan.
fn in_the_book(course: &Course, exercise: &Exercise) -> Result<(), String> {
    let Exercise { id, lesson, minutes, .. } = exercise;
    let repository = course.repository();
    let lessons = fs::read_dir(repository.join("lessons")).into_iter().flatten().flatten();
    let chapters = lessons.filter(|entry| entry.file_name().to_string_lossy().starts_with(lesson));
    let chapter = chapters.map(|entry| entry.path().join("capitulo.md")).next();
    let plan = repository.join("book/src/docentes.md");
    let wanted = [
        (chapter, format!("](ejercicios/{id}.md)"), "en la tabla «Ahora tú»"),
        (Some(plan), format!("`{id}` ({minutes})"), "en una de las sesiones"),
    ];
    for (file, text, place) in wanted {
        let Some(file) = file.filter(|file| file.exists()) else { continue };
        if !read(&file).map_err(|trouble| trouble.to_string())?.contains(&text) {
            let name = file.strip_prefix(repository).unwrap_or(&file).display();
            return Err(format!("a {name} le falta «{text}», {place}"));
        }
    }
    Ok(())
}

/// Lo que se sabe de cada versión, por el nombre de su ejecutable.
type Verdicts = BTreeMap<String, Result<(), String>>;

/// Las versiones de todos, en su orden; dice lo que se sabe cada vez que se sabe algo más. Primero los
/// principios y las soluciones, y los errores después: entre ellos los hay que giran, y quitarían el
/// procesador a quien va a su lado mientras vence algún plazo.
fn examine_all<'a>(
    built: &Built,
    versions: impl Iterator<Item = &'a Version<'a>>,
    course: &Course,
    demand: Demand,
    mut tell: impl FnMut(&Verdicts),
) {
    let examine_one = |version: &&Version<'_>| {
        let once = || examine(built, version, course, demand.by_hand);
        (version.variant.test(), (0..demand.times).try_for_each(|_| once()))
    };
    let (wrong, right): (Vec<_>, Vec<_>) = versions
        .partition(|version| matches!(version.expected, Expected::Deserves(Deserved::Refusal(_))));
    let mut verdicts = Verdicts::new();
    for (group, at_once) in [(right, RIGHT_AT_ONCE), (wrong, WRONG_AT_ONCE)] {
        let Ok(()) = side_by_side(&group, at_once, examine_one, |(test, verdict)| {
            verdicts.insert(test, verdict);
            tell(&verdicts);
            Ok::<_, Infallible>(())
        });
    }
}

fn examine(
    built: &Built,
    version: &Version<'_>,
    course: &Course,
    by_hand: bool,
) -> Result<(), String> {
    let compiled =
        |test: &str| built.executable(test).map_err(|why| format!("no compila\n{}", why.text()));
    let executable = compiled(&version.variant.test())?;
    let trial = Trial::run(executable, &course.folder).map_err(|trouble| trouble.to_string())?;
    match &version.expected {
        Expected::Unsolved => starts_unsolved(&trial, version.variant.exercise),
        Expected::Deserves(Deserved::ToPass) => passes(&trial),
        Expected::Deserves(Deserved::Refusal(message)) => {
            is_refused(&trial, message)?;
            is_in_spanish(&trial)?;
            // El que lee quien aprende es el de la primera que falla.
            let first = trial.failures().next().filter(|_| by_hand);
            first.map_or(Ok(()), |(_, report)| {
                let solution = format!("{}--{SOLUTION}", version.variant.exercise.id);
                replays::reproduces(report, executable, compiled(&solution)?)
            })
        }
    }
}

fn starts_unsolved(trial: &Trial, exercise: &Exercise) -> Result<(), String> {
    unbroken(trial)?;
    let task = format!("Escribe esto en {}", exercise.work_name());
    match trial.tests.iter().find(|test| !says(test.failure.as_deref(), &task)) {
        Some(test) => Err(format!(
            "la prueba «{}» debía fallar con «{task}»\n{}",
            test.name,
            test.failure.as_deref().unwrap_or("y pasa")
        )),
        None if trial.tests.is_empty() => Err("no hay ninguna prueba".to_owned()),
        None => Ok(()),
    }
}

fn passes(trial: &Trial) -> Result<(), String> {
    unbroken(trial)?;
    let report = |(test, failure): (&crate::trial::Test, &str)| {
        Err(format!("la prueba «{}» falla\n{failure}", test.name))
    };
    trial.failures().next().map_or(Ok(()), report)
}

fn is_refused(trial: &Trial, message: &str) -> Result<(), String> {
    if trial.passed() {
        return Err("pasa todas las pruebas, y no debía".to_owned());
    }
    let broken = says(trial.broken.as_deref(), message);
    if broken || trial.failures().any(|(_, failure)| says(Some(failure), message)) {
        return Ok(());
    }
    let reports = trial.failures().map(|(test, failure)| format!("── {}\n{failure}", test.name));
    let reports: Vec<_> = reports.chain(trial.broken.clone()).collect();
    Err(format!("ninguna prueba dice «{message}»; dicen:\n{}", reports.join("\n")))
}

/// Lo que dicen en inglés el sistema y la biblioteca estándar, con un error o al entrar en pánico.
const ENGLISH: [&str; 9] = [
    "(os error ",
    "message: \"",
    "Resource temporarily unavailable",
    "whole buffer",
    "did not contain valid UTF-8",
    "called `",
    "attempt to ",
    "index out of bounds",
    "out of range for slice",
];

/// Las clases de error, que al escribirlas también están en inglés: «entity not found».
const KINDS: [ErrorKind; 15] = [
    ErrorKind::NotFound,
    ErrorKind::PermissionDenied,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::AddrInUse,
    ErrorKind::BrokenPipe,
    ErrorKind::AlreadyExists,
    ErrorKind::WouldBlock,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidData,
    ErrorKind::TimedOut,
    ErrorKind::WriteZero,
    ErrorKind::Interrupted,
    ErrorKind::UnexpectedEof,
];

/// Que ningún informe diga en inglés lo que falló.
fn is_in_spanish(trial: &Trial) -> Result<(), String> {
    let kinds = KINDS.map(|kind| kind.to_string());
    for (test, report) in trial.failures() {
        let mut english = ENGLISH.into_iter().chain(kinds.iter().map(String::as_str));
        if let Some(words) = english.find(|words| report.contains(words)) {
            return Err(format!(
                "la prueba «{}» dice «{words}», y el informe ha de estar en español\n{report}",
                test.name
            ));
        }
    }
    Ok(())
}

/// Quien aprende abre lo que ha de escribir, y poco más.
fn is_short(starter: &str) -> Result<(), String> {
    const LONGEST: usize = 90;
    let lines = starter.lines().count();
    if lines <= LONGEST {
        return Ok(());
    }
    Err(format!(
        "ejercicio.rs tiene {lines} líneas, y ha de tener {LONGEST} como mucho: lo que se da hecho va al \
         lado"
    ))
}

fn unbroken(trial: &Trial) -> Result<(), String> {
    trial.broken.clone().map_or(Ok(()), Err)
}

/// Si lo dice, aunque los saltos de línea caigan en otro sitio.
fn says(report: Option<&str>, message: &str) -> bool {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    report.is_some_and(|report| flat(report).contains(&flat(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;
    use crate::trial;
    use std::io;
    use std::time::Duration;
    use tempfile::TempDir;

    /// Un repositorio con un ejercicio, su capítulo y el plan.
    fn repository(chapter: &str, plan: &str) -> (TempDir, Course) {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["lessons/02_02_threading", "book/src", "exercises/02_02_1_eco"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        let statement = "# Eco\n\nLección 02_02 · unos 20 minutos\n";
        for (name, text) in [
            ("lessons/02_02_threading/capitulo.md", chapter),
            ("book/src/docentes.md", plan),
            ("exercises/02_02_1_eco/enunciado.md", statement),
        ] {
            write(&path(name), text).unwrap();
        }
        let course = Course::at(path("exercises")).unwrap();
        (folder, course)
    }

    #[test]
    fn lo_que_cargo_test_pide_al_libro_lo_pide_también_verificar() {
        let (row, entry) = ("[eco](ejercicios/02_02_1_eco.md)", "`02_02_1_eco` (20)");
        let told = |chapter: &str, plan: &str| {
            let (_folder, course) = repository(chapter, plan);
            in_the_book(&course, &course.exercises[0])
        };
        assert_eq!(told(row, entry), Ok(()));
        let missing = told("", entry).unwrap_err();
        assert!(missing.starts_with("a lessons/02_02_threading/capitulo.md le falta"), "{missing}");
        let missing = told(row, "`02_02_1_eco` (25)").unwrap_err();
        assert!(missing.contains("`02_02_1_eco` (20)"), "{missing}");
    }

    #[test]
    fn lo_que_dice_el_sistema_en_inglés_se_señala() {
        let told = |report: &str| {
            let (name, failure) = ("algo".to_owned(), Some(report.to_owned()));
            let test = trial::Test { name, failure, port: None, time: Duration::ZERO };
            is_in_spanish(&Trial { tests: vec![test], broken: None })
        };
        assert_eq!(told("Devolvió Err(WouldBlock)."), Ok(()));
        let error = io::Error::from_raw_os_error(11);
        for report in [format!("Devolvió {error}."), format!("Devolvió {error:?}.")] {
            assert!(told(&report).unwrap_err().starts_with("la prueba «algo» dice «"), "{report}");
        }
        let why = told(&format!("Devolvió {}.", io::Error::from(ErrorKind::NotFound))).unwrap_err();
        assert!(why.contains("dice «entity not found»"), "{why}");
    }

    #[test]
    fn un_archivo_largo_no_es_un_ejercicio() {
        assert_eq!(is_short(&"línea\n".repeat(90)), Ok(()));
        let long = is_short(&"línea\n".repeat(91)).unwrap_err();
        assert!(long.starts_with("ejercicio.rs tiene 91 líneas"), "{long}");
    }

    #[test]
    fn lo_que_quedó_por_escribir_se_señala() {
        let (_folder, course) = repository("", "");
        let exercise = &course.exercises[0];
        assert_eq!(unfinished(exercise), Ok(()));
        write(&exercise.folder.join("pistas.md"), "# Pistas\n\nPOR ESCRIBIR\n").unwrap();
        let pending = unfinished(exercise).unwrap_err();
        assert_eq!(pending, "pistas.md aún dice «POR ESCRIBIR» en la línea 3");
    }
}
