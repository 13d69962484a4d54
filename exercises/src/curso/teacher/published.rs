//! `--desde-ci`: reunir lo que publicó la integración continua de cada cual.
//!
//! El flujo de la copia que se reparte deja en cada entrega un `puntos.json`. Quien entrega puede
//! cambiar el flujo, o el archivo: lo que se reúne orienta, y en la tabla se dice de dónde viene.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::{Command, Output};

use multiplexacion::cli::Trouble;
use multiplexacion::errors;
use serde::Deserialize;

use super::handed::{Moment, printable};
use super::mark::{Graded, Mark};
use super::plain::{beginning, harmless};
use super::plan::Plan;
use super::table::Row;

/// Cómo se llaman el flujo, lo que publica y el archivo que lleva dentro.
const WORKFLOW: &str = "calificar.yml";
const ARTIFACT: &str = "resultado";
const FILE: &str = "puntos.json";

/// De dónde viene lo que se reúne.
const SOURCE: &str = "su CI";

/// Lo más grande que puede ser, en bytes.
const LARGEST: u64 = 4 << 20;

/// Lo que se repite de lo que dijo `gh`, en bytes.
const LONGEST: usize = 200;

/// Una ejecución del flujo.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    database_id: u64,
    head_sha: String,
    created_at: String,
}

/// Lo que publicó.
#[derive(Deserialize)]
struct Points {
    exercises: Vec<Exercise>,
}

#[derive(Deserialize)]
struct Exercise {
    id: String,
    passed: bool,
    compiles: bool,
    #[serde(default)]
    untouched: bool,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    name: String,
    passed: bool,
}

/// Por qué no se sabe qué publicó un repositorio.
enum Failure {
    /// Con los demás pasaría lo mismo: no se sigue preguntando.
    All(Trouble),
    /// Es de este, y se dice en su fila.
    One(String),
}

/// Lo que lleva por huella una fila mientras se reúnen las demás: si se interrumpe, con el mismo plan
/// no se vuelve a pedir. Al terminar se le quita, y la próxima vez se pregunta de nuevo.
pub(super) fn pending(plan: &Plan<'_>) -> String {
    let mut hasher = DefaultHasher::new();
    for entry in &plan.entries {
        (&entry.exercise.id, entry.worth, entry.extra).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Lo último que publicó `repository` (`ORGANIZACIÓN/REPOSITORIO`), descargado en `folder`. Si no se
/// puede saber, su fila dice por qué.
///
/// # Errors
/// No está `gh`, no ha entrado en GitHub, o GitHub no admite más peticiones.
pub(super) fn collect(plan: &Plan<'_>, repository: &str, folder: &Path) -> Result<Row, Trouble> {
    match last_published(repository, folder) {
        Ok((points, moment)) => Ok(row(plan, repository, &points, moment)),
        Err(Failure::One(why)) => Ok(unknown(plan, repository, &why)),
        Err(Failure::All(trouble)) => Err(trouble),
    }
}

/// Lo que publicó la última ejecución que terminó bien: las que se cancelan o se rompen no llegan a
/// publicar, y las que terminan bien lo hacen con cualquier puntuación.
fn last_published(repository: &str, folder: &Path) -> Result<(Points, Moment), Failure> {
    if let Some(run) = last_run(repository, &["--status", "success"])? {
        let points = download(repository, &run, folder)?;
        return Ok((points, Moment { date: run.created_at, commit: run.head_sha }));
    }
    match last_run(repository, &[])? {
        Some(_) => {
            Err(Failure::One(format!("ninguna ejecución de {WORKFLOW} ha terminado bien todavía")))
        }
        None => Ok((Points { exercises: Vec::new() }, Moment::default())),
    }
}

/// La última ejecución del flujo que cumple esas condiciones.
fn last_run(repository: &str, conditions: &[&str]) -> Result<Option<Run>, Failure> {
    let mut command = Command::new("gh");
    command.args(["run", "list", "--repo", repository, "--workflow", WORKFLOW]).args(conditions);
    command.args(["--limit", "1", "--json", "databaseId,headSha,createdAt"]);
    let output = gh(&mut command, "no se pueden ver sus ejecuciones")?;
    let runs: Vec<Run> = serde_json::from_slice(&output.stdout)
        .map_err(|_| Failure::One("no se entiende lo que contesta gh".to_owned()))?;
    Ok(runs.into_iter().next())
}

/// Lo que publicó esa ejecución.
fn download(repository: &str, run: &Run, folder: &Path) -> Result<Points, Failure> {
    let number = run.database_id.to_string();
    let mut command = Command::new("gh");
    command.args(["run", "download", &number, "--repo", repository, "--name", ARTIFACT, "--dir"]);
    gh(command.arg(folder), "no se puede descargar lo que publicó")?;
    let strange = || Failure::One(format!("lo que publicó no trae un {FILE} que se entienda"));
    points(&folder.join(FILE)).ok_or_else(strange)
}

/// Lo que dice ese archivo, que escribió otra persona.
fn points(file: &Path) -> Option<Points> {
    let data = fs::symlink_metadata(file).ok()?;
    if !data.is_file() || data.len() > LARGEST {
        return None;
    }
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Ejecuta `gh`. Si no puede, dice `what` y lo que dijo él.
fn gh(command: &mut Command, what: &str) -> Result<Output, Failure> {
    let output = command.output().map_err(|error| {
        Failure::All(Trouble::new(
            format!("no se puede ejecutar gh: {}", errors::reason(&error)),
            "instala GitHub CLI (https://cli.github.com) y entra con «gh auth login»",
        ))
    })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if let Some(trouble) = for_all(output.status.code(), &said) {
        return Err(Failure::All(trouble));
    }
    let said = said.lines().map(str::trim).find(|line| !line.is_empty());
    let said = said.map_or("gh no dice por qué".to_owned(), |said| {
        format!("gh dice «{}»", harmless(beginning(said, LONGEST)))
    });
    Err(Failure::One(format!("{what}: {said}")))
}

/// Lo que no depende del repositorio. Solo se mira cómo empieza cada línea: lo demás puede llevar
/// nombres que eligió otra persona.
fn for_all(code: Option<i32>, said: &str) -> Option<Trouble> {
    const NO_LOGIN: i32 = 4;
    let lines = || said.lines().map(|line| line.trim_start_matches("failed to get runs: "));
    if code == Some(NO_LOGIN) || lines().any(|line| line.starts_with("HTTP 401")) {
        return Some(Trouble::new(
            "gh no ha entrado en GitHub, o ya no le vale su permiso",
            "entra con «gh auth login» y repite la orden",
        ));
    }
    let refused = |line: &str| line.starts_with("HTTP 403") && line.contains("rate limit");
    lines().any(|line| refused(line) || line.starts_with("HTTP 429")).then(|| {
        Trouble::new(
            "GitHub no admite más peticiones por ahora",
            "espera una hora y repite la misma orden: con --csv, sigue donde se quedó",
        )
    })
}

/// Los puntos se cuentan aquí, con este plan: de lo publicado se toma qué pruebas pasan.
fn row(plan: &Plan<'_>, repository: &str, points: &Points, moment: Moment) -> Row {
    let results = plan.entries.iter().map(|entry| {
        let Some(found) = points.exercises.iter().find(|it| it.id == entry.exercise.id) else {
            return Graded::untried(Mark::Missing);
        };
        if found.untouched {
            return Graded::untried(Mark::Untouched);
        }
        if !found.compiles {
            return Graded::untried(Mark::Uncompiled);
        }
        let failed = found.tests.iter().filter(|test| !test.passed);
        let failed: Vec<_> = failed.map(|test| printable(&test.name)).collect();
        let (total, lost) = (found.tests.len(), failed.len());
        let passed = found.passed && total > 0 && lost == 0;
        let share = u32::try_from(total - lost).unwrap_or(0);
        let total = u32::try_from(total).unwrap_or(u32::MAX).max(1);
        let points = entry.worth * share / total;
        let mark = if passed { Mark::Passed } else { Mark::Failed };
        Graded { mark, points, failed, why: String::new() }
    });
    Row {
        name: harmless(repository),
        results: results.collect(),
        moment,
        source: SOURCE.to_owned(),
        print: pending(plan),
    }
}

/// La fila de quien no se sabe nada. Sin huella: si se interrumpe, se vuelve a pedir.
fn unknown(plan: &Plan<'_>, repository: &str, why: &str) -> Row {
    Row {
        name: harmless(repository),
        results: plan.ids().map(|_| Graded::because(Mark::Unknown, why)).collect(),
        moment: Moment::default(),
        source: format!("{SOURCE}: {why}"),
        print: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solo_lo_que_les_pasaría_a_todos_detiene_la_clase() {
        let limit = "HTTP 403: API rate limit exceeded for user ID 1. (https://api.github.com/x)";
        for (code, said) in [
            (4, "To get started with GitHub CLI, please run:  gh auth login\n"),
            (1, "HTTP 401: Bad credentials (https://api.github.com/x)\n"),
            (1, limit),
            (1, &format!("failed to get runs: {limit}")),
            (1, "HTTP 403: You have exceeded a secondary rate limit. Please wait.\n"),
            (1, "HTTP 429: too many requests (https://api.github.com/x)\n"),
        ] {
            assert!(for_all(Some(code), said).is_some(), "{said}");
        }
        for said in [
            "HTTP 404: workflow calificar.yml not found on the default branch (https://x)\n",
            "HTTP 403: Resource not accessible by personal access token (https://x)\n",
            "no valid artifacts found to download\n",
            "error connecting to api.github.com\n",
            "error extracting \"HTTP 401\": would result in path traversal\n",
            "",
        ] {
            assert!(for_all(Some(1), said).is_none(), "{said}");
        }
        assert!(for_all(None, "").is_none());
    }
}
