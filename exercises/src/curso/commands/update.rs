//! Poner el curso al día sin tocar lo de quien aprende: `actualizar`, con git, y `traer`, de una
//! copia a otra.

use std::fs;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;
use multiplexacion::errors;
use multiplexacion::steps::counted;

use super::help::set_aside;
use crate::course::{Course, Exercise, read_bytes, split, write};
use crate::git;
use crate::paint;
use crate::progress::Progress;

/// De dónde llega lo nuevo en una copia hecha con `git clone`.
const UPSTREAM: &str = "@{upstream}";
/// Cómo se llama el repositorio del curso en quien tiene el suyo, que es otro.
const COURSE: &str = "curso";
/// Lo último de ese repositorio. Tiene nombre propio, y no `FETCH_HEAD`, porque un editor que traiga
/// algo por su cuenta cambia ese.
const NEWS: &str = "refs/curso/nuevo";
/// Lo que se prueba cuando git no puede.
const ELSEWHERE: &str =
    "deja el curso nuevo en otra carpeta y, en ella, ejecuta «cargo curso traer CARPETA-ANTERIOR»";

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
    let news = fetch(repository)?;
    let base = base(repository, news)?;
    let incoming = git::changed(repository, &base, Some(news));
    if incoming.is_empty() {
        paint::say("Ya tienes lo último.");
        return Ok(());
    }
    let changed = git::changed(repository, &base, None);
    let clash = changed.iter().filter(|name| !is_work(name) && incoming.contains(name));
    refuse_to_overwrite(&base, clash)?;
    let works = set_all_aside(course, &changed, &incoming)?;
    let merged = merge(repository, &works, &base, news);
    let restored = restore(course, &works)?;
    merged?;
    paint::say(&format!(
        "El curso está al día: {}.",
        counted(incoming.len(), "archivo cambió", "archivos cambiaron")
    ));
    report(&restored);
    Ok(())
}

/// Si es lo que alguien escribe en un ejercicio, aunque ese ejercicio acabe de llegar o ya no esté.
fn is_work(name: &str) -> bool {
    let id = name.strip_prefix("exercises/").and_then(|name| name.strip_suffix("/ejercicio.rs"));
    id.is_some_and(|id| split(id).is_some())
}

/// Trae lo nuevo, sin juntarlo. Devuelve cómo lo llama git.
fn fetch(repository: &Path) -> Result<&'static str, Trouble> {
    let knows = |words: &[&str]| git::ask(repository, words).is_some();
    let refspec = format!("+HEAD:{NEWS}");
    let (order, news) = if !repository.join(".git").exists() {
        return Err(without_origin());
    } else if knows(&["remote", "get-url", COURSE]) {
        (&["fetch", "--quiet", COURSE, &refspec][..], NEWS)
    } else if knows(&["rev-parse", "--quiet", "--verify", UPSTREAM]) {
        (&["fetch", "--quiet"][..], UPSTREAM)
    } else {
        return Err(without_origin());
    };
    git::make(repository, order).map_err(|said| {
        Trouble::new(
            format!("git no pudo traer lo nuevo ({said})"),
            "revisa tu conexión y la dirección del curso (git remote -v), y repítelo",
        )
    })?;
    Ok(news)
}

fn without_origin() -> Trouble {
    Trouble::new(
        "esta copia no sabe de dónde traer lo nuevo: no se hizo con «git clone»",
        ELSEWHERE,
    )
}

/// La versión del curso de la que parte lo de aquí.
fn base(repository: &Path, news: &str) -> Result<String, Trouble> {
    let commit = common(repository, news).or_else(|| template(repository, news));
    let commit = commit.ok_or_else(|| {
        Trouble::new(
            "lo que hay aquí no sale de ninguna versión del curso que git conozca",
            ELSEWHERE,
        )
    })?;
    Ok(commit.trim().chars().take(12).collect())
}

fn common(repository: &Path, news: &str) -> Option<String> {
    git::ask(repository, &["merge-base", "HEAD", news])
}

/// La versión del curso que tiene los mismos archivos que el primer commit de aquí. Un repositorio
/// hecho con una plantilla empieza así: con otra historia, que git no sabe juntar con la del curso.
fn template(repository: &Path, news: &str) -> Option<String> {
    let first = git::ask(repository, &["log", "--max-parents=0", "--format=%T", "HEAD"])?;
    let versions = git::ask(repository, &["log", "--format=%T %H", news])?;
    let versions = versions.lines().filter_map(|line| line.split_once(' '));
    let mut same = versions.filter(|(files, _)| first.lines().any(|line| line == *files));
    same.next().map(|(_, commit)| commit.to_owned())
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

/// Junta lo nuevo con lo de aquí.
fn merge(repository: &Path, works: &[Work<'_>], base: &str, news: &str) -> Result<(), Trouble> {
    let failed = |said: String| {
        Trouble::new(
            format!("lo nuevo no se pudo juntar con lo que hay aquí ({said})"),
            format!("todo lo tuyo sigue como estaba; {ELSEWHERE}"),
        )
    };
    let names: Vec<_> = works.iter().map(|work| work.exercise.work_name()).collect();
    if !names.is_empty() {
        let checkout = ["checkout", "--quiet", "HEAD", "--"].into_iter();
        let checkout: Vec<_> = checkout.chain(names.iter().map(String::as_str)).collect();
        git::make(repository, &checkout).map_err(failed)?;
    }
    if common(repository, news).is_none() {
        // Une las dos historias sin cambiar nada: desde ahí, git ya sabe qué cambió cada una.
        let join = ["merge", "--quiet", "--no-edit", "--strategy=ours"];
        let join = [&join[..], &["--allow-unrelated-histories", base]].concat();
        git::make(repository, &join).map_err(failed)?;
    }
    let Err(said) = git::make(repository, &["merge", "--quiet", "--no-edit", news]) else {
        return Ok(());
    };
    settle(repository, said).map_err(failed)
}

/// Termina de juntar, si solo chocan `ejercicio.rs`: queda el de aquí. Si no, `said`, lo que dijo
/// git, y todo como estaba.
fn settle(repository: &Path, said: String) -> Result<(), String> {
    let unmerged = git::ask(repository, &["diff", "--name-only", "--diff-filter=U", "-z"]);
    let unmerged = unmerged.unwrap_or_default();
    let unmerged: Vec<_> =
        unmerged.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if unmerged.is_empty() || !unmerged.iter().all(|name| is_work(name)) {
        let _ = git::make(repository, &["merge", "--abort"]);
        return Err(said);
    }
    let (kept, gone): (Vec<_>, Vec<_>) = unmerged
        .iter()
        .map(String::as_str)
        .partition(|name| is_exercise(&repository.join(name).with_file_name("")));
    let keep: [(&[&str], _); 3] = [
        (&["checkout", "--ours", "--"], &kept),
        (&["add", "--"], &kept),
        (&["rm", "--quiet", "--force", "--"], &gone),
    ];
    for (order, names) in keep.into_iter().filter(|(_, names)| !names.is_empty()) {
        git::make(repository, &[order, names].concat())?;
    }
    git::make(repository, &["commit", "--quiet", "--no-edit"])
}

/// Si el curso tiene un ejercicio en esa carpeta. Puede quedar la carpeta sola, con algo que no es
/// suyo.
fn is_exercise(folder: &Path) -> bool {
    folder.join("enunciado.md").exists()
}

/// Devuelve a su sitio todo lo que se pueda. De lo demás queda la copia, y se dice dónde.
fn restore<'a, 'b>(course: &Course, works: &'b [Work<'a>]) -> Result<Vec<&'b Work<'a>>, Trouble> {
    let (mut restored, mut stuck) = (Vec::new(), Vec::new());
    for work in works {
        let Work { exercise, bytes, copy, .. } = work;
        let shown = copy.strip_prefix(course.repository()).unwrap_or(copy).display();
        if !is_exercise(&exercise.folder) {
            paint::say(&format!(
                "El curso ya no tiene {}, o ahora lo llama de otra manera: lo que escribiste queda en {shown}.",
                exercise.id
            ));
        } else if let Err(error) = fs::write(exercise.work(), bytes) {
            let reason = errors::reason(&error);
            stuck.push(format!("{} ({reason}), que queda en {shown}", exercise.work_name()));
        } else {
            let _ = fs::remove_file(copy);
            restored.push(work);
        }
    }
    if stuck.is_empty() {
        return Ok(restored);
    }
    Err(Trouble::new(
        format!("no se pudo devolver a su sitio lo que escribiste en {}", stuck.join("; ")),
        "revisa los permisos de la carpeta y el sitio en el disco, y copia a mano lo que falta",
    ))
}

fn report(works: &[&Work<'_>]) {
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
