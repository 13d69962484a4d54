//! `--desde-ci`: reunir lo que publicó la integración continua de cada cual.
//!
//! El flujo de la copia que se reparte deja en cada entrega un `puntos.json`. Quien entrega puede
//! cambiar el flujo, o el archivo: lo que se reúne orienta, y en la tabla se dice de dónde viene.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use multiplexacion::cli::Trouble;
use multiplexacion::errors;
use serde::Deserialize;

use super::handed::{Moment, printable};
use super::mark::{Graded, Mark};
use super::plain::harmless;
use super::plan::Plan;
use super::table::Row;

/// Cómo se llaman el flujo, lo que publica y el archivo que lleva dentro.
const WORKFLOW: &str = "calificar.yml";
const ARTIFACT: &str = "resultado";
const FILE: &str = "puntos.json";

/// Lo más grande que puede ser, en bytes.
const LARGEST: u64 = 4 << 20;

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

/// Lo último que publicó `repository` (`ORGANIZACIÓN/REPOSITORIO`), descargado en `folder`.
///
/// # Errors
/// No está `gh`, o no puede preguntar.
pub(super) fn collect(plan: &Plan<'_>, repository: &str, folder: &Path) -> Result<Row, Trouble> {
    let asked =
        ["run", "list", "--repo", repository, "--workflow", WORKFLOW, "--status", "completed"];
    let output = gh(Command::new("gh").args(asked).args([
        "--limit",
        "1",
        "--json",
        "databaseId,headSha,createdAt",
    ]))?;
    let runs: Vec<Run> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let (points, moment) = match runs.into_iter().next() {
        Some(run) => (
            download(repository, &run, folder),
            Moment { date: run.created_at, commit: run.head_sha },
        ),
        None => (None, Moment::default()),
    };
    let none = Points { exercises: Vec::new() };
    Ok(row(plan, repository, &points.unwrap_or(none), moment))
}

/// Lo que publicó esa ejecución, si publicó algo que se entienda.
fn download(repository: &str, run: &Run, folder: &Path) -> Option<Points> {
    let number = run.database_id.to_string();
    let mut command = Command::new("gh");
    command.args(["run", "download", &number, "--repo", repository, "--name", ARTIFACT, "--dir"]);
    gh(command.arg(folder)).ok()?;
    let file = folder.join(FILE);
    let data = fs::symlink_metadata(&file).ok()?;
    if !data.is_file() || data.len() > LARGEST {
        return None;
    }
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn gh(command: &mut Command) -> Result<Output, Trouble> {
    let hint = "instala GitHub CLI (https://cli.github.com) y entra con «gh auth login»";
    let output = command.output().map_err(|error| {
        Trouble::new(format!("no se puede ejecutar gh: {}", errors::reason(&error)), hint)
    })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::new(format!("gh no pudo consultar GitHub: {}", harmless(said.trim())), hint))
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
        source: "su CI".to_owned(),
        print: String::new(),
    }
}
