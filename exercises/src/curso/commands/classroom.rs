//! `clase`: los trabajos de muchas personas, con las pruebas de este curso y no con las suyas.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};

use crate::build::{Built, NotBuilt};
use crate::course::{Course, Exercise, write};
use crate::paint;
use crate::trial::Trial;
use crate::workshop::{self, Variant};

/// Lo que puede durar cada ejercicio de cada persona. Las pruebas tienen su propio límite, más
/// corto: aquí llega lo que ni siquiera puede decir que se le acabó el tiempo.
const TIME: Duration = Duration::from_secs(30);

/// Los límites del proceso (getrlimit(2)): 4 GiB de memoria virtual, 30 s de procesador, archivos
/// de 16 MiB y ningún volcado. Después, `sh` se convierte en las pruebas.
const LIMITED: &str = "ulimit -v 4194304; ulimit -t 30; ulimit -f 16384; ulimit -c 0; exec \"$@\"";

/// Prueba lo que hay en cada carpeta, y escribe una tabla.
pub(crate) fn classroom(
    course: &Course,
    folders: &[PathBuf],
    csv: Option<&Path>,
) -> Result<(), Trouble> {
    let works = folders.iter().map(|folder| Work::find(folder)).collect::<Result<Vec<_>, _>>()?;
    let widest = works.iter().map(|work| work.name.chars().count()).max().unwrap_or(0);
    let mut rows = Vec::new();
    for (index, work) in works.iter().enumerate() {
        let marks = work.marks(course, index)?;
        let passed = marks.iter().filter(|mark| **mark == Mark::Passed).count();
        let signs: Vec<_> = marks.iter().map(|mark| mark.sign()).collect();
        paint::say(&format!(
            "{:widest$}  {}  {passed} de {}",
            work.name,
            signs.join(" "),
            marks.len()
        ));
        rows.push((&work.name, marks, passed));
    }
    paint::say(&legend(course));
    let Some(file) = csv else { return Ok(()) };
    let mut text = String::from("carpeta");
    for exercise in &course.exercises {
        text.push(',');
        text.push_str(&exercise.id);
    }
    text.push_str(",superados\n");
    for (name, marks, passed) in rows {
        let marks: Vec<_> = marks.iter().map(|mark| mark.word()).collect();
        let _ = writeln!(text, "{},{},{passed}", quoted(name), marks.join(","));
    }
    write(file, text)
}

/// Los trabajos de una persona.
struct Work {
    name: String,
    /// La carpeta con los ejercicios.
    exercises: PathBuf,
}

impl Work {
    fn find(folder: &Path) -> Result<Work, Trouble> {
        let whole = folder.canonicalize().map_err(|error| {
            Trouble::new(
                format!("no se puede abrir «{}»: {}", folder.display(), cli::reason(&error)),
                "indica una carpeta por persona, con su copia del curso",
            )
        })?;
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let inside = whole.join("exercises");
        Ok(Work { name, exercises: if inside.is_dir() { inside } else { whole } })
    }

    fn marks(&self, course: &Course, index: usize) -> Result<Vec<Mark>, Trouble> {
        let code = |exercise: &Exercise| self.exercises.join(&exercise.id).join("ejercicio.rs");
        let handed = course.exercises.iter().filter(|exercise| code(exercise).is_file());
        let variants: Vec<_> = handed
            .map(|exercise| Variant { exercise, name: index.to_string(), code: code(exercise) })
            .collect();
        let built = workshop::build(course, "clase", &variants)?;
        let mut marks = Vec::new();
        for exercise in &course.exercises {
            let variant = variants.iter().find(|variant| variant.exercise.id == exercise.id);
            marks.push(variant.map_or(Ok(Mark::Missing), |it| Mark::of(&built, it, course))?);
        }
        Ok(marks)
    }
}

/// Cómo quedó un ejercicio.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Passed,
    Failed,
    Uncompiled,
    Broken,
    Missing,
}

impl Mark {
    fn of(built: &Built, variant: &Variant<'_>, course: &Course) -> Result<Mark, Trouble> {
        let executable = match built.executable(&variant.test()) {
            Ok(executable) => executable,
            Err(NotBuilt::Code(_)) => return Ok(Mark::Uncompiled),
            Err(NotBuilt::Cargo(text)) => return Err(super::check::cargo_failed(&text)),
        };
        let mut command = Command::new("sh");
        command.args(["-c", LIMITED, "sh"]).arg(executable).current_dir(course.repository());
        let trial = Trial::run_command(command, TIME)?;
        Ok(match trial.broken {
            Some(_) => Mark::Broken,
            None if trial.passed() => Mark::Passed,
            None => Mark::Failed,
        })
    }

    fn sign(self) -> String {
        match self {
            Mark::Passed => paint::mark(true),
            Mark::Failed => paint::mark(false),
            Mark::Uncompiled => paint::bad("c"),
            Mark::Broken => paint::bad("!"),
            Mark::Missing => paint::dim("-"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Mark::Passed => "superado",
            Mark::Failed => "falla",
            Mark::Uncompiled => "no compila",
            Mark::Broken => "no termina",
            Mark::Missing => "falta",
        }
    }
}

fn legend(course: &Course) -> String {
    let ids: Vec<_> = course.exercises.iter().map(|exercise| exercise.id.as_str()).collect();
    format!(
        "\nColumnas: {}.\n✓ superado · ✗ falla · c no compila · ! muere o no termina · - falta",
        ids.join(", ")
    )
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

    #[test]
    fn un_nombre_no_rompe_el_csv_ni_es_una_fórmula() {
        assert_eq!(quoted("ana"), "ana");
        assert_eq!(quoted("pérez, \"ana\""), "\"pérez, \"\"ana\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
