//! `revisar`: todos los ejercicios, sin terminal, con un resultado que otros programas leen.

use std::path::Path;
use std::time::Duration;

use multiplexacion::cli::Trouble;

use super::also_run;
use super::junit::to_junit;
use super::reviewed::{Report, Review};
use crate::build::Build;
use crate::course::{Course, write};
use crate::paint;
use crate::trial::{SIDE_BY_SIDE, side_by_side};

/// Lo que puede durar la compilación: en una máquina lenta, la primera son varios minutos.
const BUILD: Duration = Duration::from_secs(900);

/// Revisa todos. Devuelve si todos están superados.
pub(crate) fn review(
    course: &Course,
    json: Option<&Path>,
    junit: Option<&Path>,
) -> Result<bool, Trouble> {
    let ids = course.exercises.iter().map(|exercise| exercise.id.as_str());
    also_run::warn(course);
    let built = Build::exercises(&course.folder).tests(ids).aloud().limit(BUILD).run()?;
    let mut results = Vec::new();
    let review = |it| Review::of(it, &built, course);
    side_by_side(&course.exercises, SIDE_BY_SIDE, review, |result| {
        let result = result?;
        paint::say(&result.line());
        results.push(result);
        Ok::<_, Trouble>(())
    })?;
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
