//! Las notas, como las leen otros programas: Moodle, Canvas y Gradescope.
//!
//! | programa | qué se comprobó, y dónde |
//! |---|---|
//! | Moodle | importación de calificaciones en CSV: las columnas se emparejan a mano, el usuario por `username`, y más de 100 puntos se rechazan (docs.moodle.org, «Grade import») |
//! | Canvas | las columnas `Student`, `ID`, `SIS User ID`, `SIS Login ID` y `Section`, en ese orden, después la tarea, y una fila `Points Possible` («Import grades in the Gradebook») |
//! | Gradescope | `results.json`, con `tests` y sus `score`, `max_score`, `status` y `output` (gradescope-autograders.readthedocs.io, «Specs») |

use serde::Serialize;

use super::mark::{Mark, percentage};
use super::plan::Plan;
use super::report::shown;
use super::table::{Row, inert, line};

/// La tarea, si no se le da otro nombre.
const ASSIGNMENT: &str = "Sockets";

/// Usuario, nota sobre 100 y comentario. La carpeta de cada cual ha de llamarse como su usuario.
pub(super) fn to_moodle(plan: &Plan<'_>, rows: &[Row]) -> Vec<u8> {
    let header = ["username", ASSIGNMENT, "Feedback"].map(str::to_owned);
    let body = rows.iter().map(|row| {
        let grade = percentage(row.points(), plan.maximum()).min(100.0);
        let passed = row.results.iter().filter(|it| it.mark == Mark::Passed).count();
        let feedback = format!("{passed} de {} ejercicios superados", row.results.len());
        [inert(&row.name), format!("{grade:.1}"), feedback]
    });
    std::iter::once(header).chain(body).flat_map(|cells| line(&cells)).collect()
}

/// Una fila por persona, que Canvas busca por su usuario y, si no, por su nombre.
pub(super) fn to_canvas(plan: &Plan<'_>, rows: &[Row]) -> Vec<u8> {
    let known = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", ASSIGNMENT];
    let possible =
        ["Points Possible", "", "", "", "", &plan.maximum().to_string()].map(str::to_owned);
    let body = rows.iter().map(|row| {
        let name = inert(&row.name);
        [name.clone(), String::new(), String::new(), name, String::new(), row.points().to_string()]
    });
    let heading = [known.map(str::to_owned), possible];
    heading.into_iter().chain(body).flat_map(|cells| line(&cells)).collect()
}

/// El resultado de una persona: cada ejercicio es una prueba.
pub(super) fn to_gradescope(plan: &Plan<'_>, row: &Row) -> serde_json::Result<String> {
    let tests = plan.entries.iter().zip(&row.results).map(|(entry, result)| Case {
        name: format!("{}: {}", entry.exercise.id, entry.exercise.title),
        score: result.points,
        max_score: if entry.extra { 0 } else { entry.worth },
        status: if result.mark == Mark::Passed { "passed" } else { "failed" },
        output: format!("{}.\n{}", result.mark.word(), shown(result)).trim_end().to_owned(),
        // El de por defecto, y el único en que lo que escribió otra persona no es más que texto.
        output_format: "text",
    });
    let results = Results { score: row.points(), tests: tests.collect() };
    serde_json::to_string_pretty(&results).map(|text| text + "\n")
}

#[derive(Serialize)]
struct Results {
    score: u32,
    tests: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    name: String,
    score: u32,
    max_score: u32,
    status: &'static str,
    output: String,
    output_format: &'static str,
}
