//! Lo que queda por escrito de una clase: la tabla y los informes.

use std::fmt::Write;

use super::mark::{Graded, Mark, totals};
use crate::course::Course;

/// La tabla, en CSV (RFC 4180): una fila por persona.
pub(super) fn to_csv(course: &Course, rows: &[(&str, Vec<Graded>)]) -> String {
    let ids = course.exercises.iter().map(|exercise| exercise.id.as_str());
    let columns: Vec<_> =
        ids.clone().map(str::to_owned).chain(ids.map(|id| format!("puntos_{id}"))).collect();
    let mut text = format!("carpeta,{},superados,puntos\n", columns.join(","));
    for (name, results) in rows {
        let words = results.iter().map(|result| result.mark.word().to_owned());
        let cells: Vec<_> =
            words.chain(results.iter().map(|result| result.mark.points().to_string())).collect();
        let (passed, points) = totals(results);
        let _ = writeln!(text, "{},{},{passed},{points}", quoted(name), cells.join(","));
    }
    text
}

/// Lo que puede leer quien lo entregó, en Markdown: qué falla y por qué.
pub(super) fn to_report(course: &Course, name: &str, results: &[Graded]) -> String {
    let (passed, points) = totals(results);
    let mut text =
        format!("# {name}\n\n{passed} de {} superados, {points} puntos.\n", results.len());
    let listed = |title: &str, mark: fn(&Mark) -> bool| {
        let ids: Vec<_> = course
            .exercises
            .iter()
            .zip(results)
            .filter(|(_, result)| mark(&result.mark))
            .map(|(exercise, _)| exercise.id.as_str())
            .collect();
        if ids.is_empty() { String::new() } else { format!("\n{title}: {}.\n", ids.join(", ")) }
    };
    text += &listed("Superados", |mark| matches!(mark, Mark::Passed(_)));
    text += &listed("Sin empezar", |mark| *mark == Mark::Untouched);
    text += &listed("Faltan", |mark| *mark == Mark::Missing);
    for (exercise, result) in course.exercises.iter().zip(results) {
        if result.why.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n## {0}: {1}\n\n{2} de {3} puntos: {4}. Repítelo con `cargo curso probar {0}`.\n\n\
             ~~~~text\n{5}\n~~~~\n",
            exercise.id,
            exercise.title,
            result.mark.points(),
            exercise.minutes,
            result.mark.word(),
            result.why.trim_end()
        );
    }
    text
}

/// Un campo de CSV (RFC 4180): entre comillas si lleva algo que lo rompa. Una hoja de cálculo
/// tomaría por fórmula lo que empieza por `=`, `+`, `-` o `@`.
fn quoted(field: &str) -> String {
    let field = match field.chars().next() {
        Some('=' | '+' | '-' | '@') => format!("'{field}"),
        _ => field.to_owned(),
    };
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn la_tabla_lleva_marcas_puntos_y_totales() {
        let course = Course { folder: PathBuf::new(), exercises: Vec::new() };
        let marks = [Mark::Passed(20), Mark::Failed(5), Mark::Broken, Mark::Missing];
        let results = marks.map(|mark| Graded { mark, why: String::new() }).to_vec();
        assert_eq!(totals(&results), (1, 25));
        let text = to_csv(&course, &[("ana", results)]);
        let row = text.lines().nth(1).unwrap();
        assert_eq!(row, "ana,superado,falla,no termina,falta,20,5,0,0,1,25");
    }

    #[test]
    fn un_nombre_no_rompe_el_csv_ni_es_una_fórmula() {
        assert_eq!(quoted("ana"), "ana");
        assert_eq!(quoted("pérez, \"ana\""), "\"pérez, \"\"ana\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
