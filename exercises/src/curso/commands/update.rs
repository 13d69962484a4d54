//! Poner el curso al día sin tocar lo de quien aprende: `actualizar`, con git, y `traer`, de una
//! copia a otra.

use std::fs;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;
use multiplexacion::steps::counted;

use super::help::set_aside;
use crate::course::{Course, Exercise, read_bytes, write};
use crate::git;
use crate::paint;
use crate::progress::Progress;

const UPSTREAM: &str = "@{upstream}";

/// Lo que alguien escribió en un ejercicio.
struct Work<'a> {
    exercise: &'a Exercise,
    bytes: Vec<u8>,
    /// Dónde está a salvo mientras tanto.
    copy: PathBuf,
    /// Si lo nuevo cambia el principio de ese ejercicio.
    outdated: bool,
}

/// Trae lo nuevo del curso con git. Lo escrito en cada `ejercicio.rs` queda como estaba.
pub(crate) fn update(course: &Course) -> Result<(), Trouble> {
    let repository = course.repository();
    let (Some(base), true) = (git::base(repository), repository.join(".git").exists()) else {
        return Err(Trouble::new(
            "esta copia no sabe de dónde traer lo nuevo: no se hizo con «git clone»",
            "deja el curso nuevo en otra carpeta y, en ella, ejecuta «cargo curso traer CARPETA-ANTERIOR»",
        ));
    };
    git::make(repository, &["fetch", "--quiet"]).map_err(|said| {
        Trouble::new(
            format!("git no pudo traer lo nuevo ({said})"),
            "revisa tu conexión, y repítelo",
        )
    })?;
    let incoming = git::changed(repository, &base, Some(UPSTREAM));
    if incoming.is_empty() {
        paint::say("Ya tienes lo último.");
        return Ok(());
    }
    let changed = git::changed(repository, &base, None);
    let is_work = |name: &String| course.exercises.iter().any(|it| it.work_name() == *name);
    let clash = changed.iter().filter(|name| !is_work(name) && incoming.contains(name));
    refuse_to_overwrite(&base, clash)?;
    let works = set_all_aside(course, &changed, &incoming)?;
    let merged = merge(repository, &works, is_work);
    for work in &works {
        write(&work.exercise.work(), &work.bytes)?;
        let _ = fs::remove_file(&work.copy);
    }
    merged?;
    paint::say(&format!(
        "El curso está al día: {}.",
        counted(incoming.len(), "archivo cambió", "archivos cambiaron")
    ));
    report(&works);
    Ok(())
}

/// Lo que no es de los ejercicios y cambió en los dos lados, no se sabe cuál ha de quedar.
fn refuse_to_overwrite<'a>(
    base: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), Trouble> {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() {
        return Ok(());
    }
    let list = names.join(" ");
    Err(Trouble::new(
        format!("has cambiado archivos que lo nuevo también cambia: {}", names.join(", ")),
        format!(
            "copia aparte lo que quieras conservar, déjalos como estaban (git checkout {base} -- {list}) y repítelo"
        ),
    ))
}

fn set_all_aside<'a>(
    course: &'a Course,
    changed: &[String],
    incoming: &[String],
) -> Result<Vec<Work<'a>>, Trouble> {
    let written = course.exercises.iter().filter(|it| changed.contains(&it.work_name()));
    let save = |exercise: &'a Exercise| {
        let bytes = read_bytes(&exercise.work())?;
        let copy = set_aside(course, exercise, &bytes)?;
        let outdated = incoming.contains(&exercise.work_name());
        Ok(Work { exercise, bytes, copy, outdated })
    };
    written.map(save).collect()
}

/// Junta lo nuevo con lo de aquí; donde choquen dos `ejercicio.rs`, queda cualquiera: después se
/// escribe encima lo que había.
fn merge(
    repository: &Path,
    works: &[Work<'_>],
    is_work: impl Fn(&String) -> bool,
) -> Result<(), Trouble> {
    let failed = |said: String| {
        Trouble::new(
            format!("lo nuevo no se pudo juntar con lo que hay aquí ({said})"),
            "todo lo tuyo sigue como estaba; deja el curso nuevo en otra carpeta y, en ella, ejecuta \
             «cargo curso traer CARPETA-ANTERIOR»",
        )
    };
    let names: Vec<_> = works.iter().map(|work| work.exercise.work_name()).collect();
    if !names.is_empty() {
        let checkout = ["checkout", "--quiet", "HEAD", "--"].into_iter();
        let checkout: Vec<_> = checkout.chain(names.iter().map(String::as_str)).collect();
        git::make(repository, &checkout).map_err(failed)?;
    }
    let Err(said) = git::make(repository, &["merge", "--quiet", "--no-edit", UPSTREAM]) else {
        return Ok(());
    };
    let unmerged = git::ask(repository, &["diff", "--name-only", "--diff-filter=U", "-z"]);
    let unmerged = unmerged.unwrap_or_default();
    let unmerged: Vec<_> =
        unmerged.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if unmerged.is_empty() || !unmerged.iter().all(is_work) {
        let _ = git::make(repository, &["merge", "--abort"]);
        return Err(failed(said));
    }
    for start in [&["checkout", "--ours", "--"][..], &["add", "--"]] {
        let order: Vec<_> =
            start.iter().copied().chain(unmerged.iter().map(String::as_str)).collect();
        git::make(repository, &order).map_err(failed)?;
    }
    git::make(repository, &["commit", "--quiet", "--no-edit"]).map_err(failed)
}

fn report(works: &[Work<'_>]) {
    if !works.is_empty() {
        let ids: Vec<_> = works.iter().map(|work| work.exercise.id.as_str()).collect();
        paint::say(&format!("Lo tuyo sigue como estaba en {}.", ids.join(", ")));
    }
    for work in works.iter().filter(|work| work.outdated) {
        let id = &work.exercise.id;
        paint::say(&format!(
            "El principio de {id} es otro. Si lo tuyo ya no encaja, «cargo curso probar {id}» dice \
             qué se espera, y «cargo curso reiniciar {id}» empieza de nuevo y guarda lo tuyo."
        ));
    }
}

/// Trae de `older`, otra copia del curso, lo escrito en ella y lo apuntado.
pub(crate) fn bring(course: &Course, progress: &mut Progress, older: &Path) -> Result<(), Trouble> {
    let older = Course::at(older.join("exercises")).map_err(|_| {
        Trouble::new(
            format!("«{}» no es la carpeta de un curso", older.display()),
            "indica la que contiene «exercises»",
        )
    })?;
    let noted = Progress::of(&older)?;
    let (mut brought, mut kept) = (Vec::new(), Vec::new());
    for old in &older.exercises {
        let Some(exercise) = course.exercises.iter().find(|exercise| exercise.id == old.id) else {
            continue;
        };
        let record = noted.record(old);
        progress.note(exercise, |own| own.join(&record))?;
        let (theirs, ours) = (read_bytes(&old.work())?, read_bytes(&exercise.work())?);
        let is_untouched = |it: &Exercise, bytes: &[u8]| {
            it.starter().is_ok_and(|starter| starter.as_bytes() == bytes)
        };
        if is_untouched(old, &theirs) || theirs == ours {
            continue;
        }
        if is_untouched(exercise, &ours) {
            write(&exercise.work(), &theirs)?;
            brought.push(exercise.id.as_str());
        } else {
            let copy = set_aside(course, exercise, &theirs)?;
            let copy = copy.strip_prefix(course.repository()).unwrap_or(&copy).display();
            kept.push(format!(
                "{} ya tiene aquí algo escrito: lo de allí queda en {copy}.",
                exercise.id
            ));
        }
    }
    paint::say(&match brought.len() {
        0 => "Nada que traer: en esa copia no hay nada escrito que aquí falte.".to_owned(),
        _ => format!("Traído, junto con lo que ya tenías superado: {}.", brought.join(", ")),
    });
    for line in &kept {
        paint::say(line);
    }
    Ok(())
}
