//! `clase`: los trabajos de muchas personas, con las pruebas de este curso y no con las suyas.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};

use crate::build::{Built, NotBuilt};
use crate::course::{Course, Exercise, read_bytes, write};
use crate::paint;
use crate::trial::{Trial, side_by_side};
use crate::workshop::{self, Variant};

/// Lo que puede durar cada ejercicio de cada persona. Las pruebas tienen su propio límite, más
/// corto: aquí llega lo que ni siquiera puede decir que se le acabó el tiempo.
const TIME: Duration = Duration::from_secs(30);

/// Lo que puede tardar en compilarse lo de cada persona, y después cada ejercicio que no llegó a
/// compilarse, por si a uno lo retrasó otro.
const BUILD: Duration = Duration::from_secs(120);
const BUILD_ONE: Duration = Duration::from_secs(30);

/// Los límites del proceso (getrlimit(2)): 4 GiB de memoria virtual, 30 s de procesador, archivos
/// de 8 MiB (16 384 bloques de 512 bytes) y ningún volcado. Después, `sh` se convierte en las pruebas.
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
    for work in &works {
        let marks = work.marks(course)?;
        let (passed, points) = totals(&marks);
        let signs: Vec<_> = marks.iter().map(|mark| mark.sign()).collect();
        paint::say(&format!(
            "{:widest$}  {}  {passed} de {}, {points} puntos",
            work.name,
            signs.join(" "),
            marks.len()
        ));
        rows.push((work.name.as_str(), marks));
    }
    paint::say(&legend(course));
    csv.map_or(Ok(()), |file| write(file, to_csv(course, &rows)))
}

/// Cuántos superó, y los puntos que suman todos.
fn totals(marks: &[Mark]) -> (usize, u32) {
    let passed = marks.iter().filter(|mark| matches!(mark, Mark::Passed(_))).count();
    (passed, marks.iter().map(|mark| mark.points()).sum())
}

fn to_csv(course: &Course, rows: &[(&str, Vec<Mark>)]) -> String {
    let ids = course.exercises.iter().map(|exercise| exercise.id.as_str());
    let columns: Vec<_> =
        ids.clone().map(str::to_owned).chain(ids.map(|id| format!("puntos_{id}"))).collect();
    let mut text = format!("carpeta,{},superados,puntos\n", columns.join(","));
    for (name, marks) in rows {
        let words = marks.iter().map(|mark| mark.word().to_owned());
        let cells: Vec<_> =
            words.chain(marks.iter().map(|mark| mark.points().to_string())).collect();
        let (passed, points) = totals(marks);
        let _ = writeln!(text, "{},{},{passed},{points}", quoted(name), cells.join(","));
    }
    text
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

    fn marks(&self, course: &Course) -> Result<Vec<Mark>, Trouble> {
        let handed = course.exercises.iter().map(|exercise| self.handed(exercise));
        let handed = handed.collect::<Result<Vec<_>, _>>()?;
        let built = build(course, &handed.iter().flatten().collect::<Vec<_>>())?;
        let home = workshop::scratch(course)?;
        let mark = |variant: &Option<Variant<'_>>| match variant {
            Some(variant) => Mark::of(&built, variant, &home),
            None => Ok(Mark::Missing),
        };
        side_by_side(&handed, mark).collect()
    }

    /// Lo que entregó de un ejercicio, si entregó algo.
    fn handed<'a>(&self, exercise: &'a Exercise) -> Result<Option<Variant<'a>>, Trouble> {
        let file = self.exercises.join(&exercise.id).join("ejercicio.rs");
        if !is_source(&file) {
            return Ok(None);
        }
        Ok(Some(Variant { exercise, name: "entrega".to_owned(), code: read_bytes(&file)? }))
    }
}

/// Si es un archivo de verdad, de un tamaño razonable: un enlace podría llevar a cualquier parte.
fn is_source(file: &Path) -> bool {
    const LARGEST: u64 = 1 << 20;
    fs::symlink_metadata(file).is_ok_and(|data| data.is_file() && data.len() <= LARGEST)
}

/// Compila lo que entregó una persona. Si no da tiempo, lo que falte, de uno en uno.
fn build(course: &Course, handed: &[&Variant<'_>]) -> Result<Built, Trouble> {
    let prepare = || workshop::prepare(course, "clase", handed);
    let mut built = prepare()?.arg("--tests").limit(BUILD).run()?;
    for variant in handed {
        let test = variant.test();
        if matches!(built.executable(&test), Err(NotBuilt::Late)) {
            built.add(prepare()?.tests([test.as_str()]).limit(BUILD_ONE).run()?);
        }
    }
    Ok(built)
}

/// Cómo quedó un ejercicio, y con cuántos puntos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Passed(u32),
    Failed(u32),
    Uncompiled,
    Broken,
    Missing,
}

impl Mark {
    fn of(built: &Built, variant: &Variant<'_>, home: &Path) -> Result<Mark, Trouble> {
        let executable = match built.executable(&variant.test()) {
            Ok(executable) => executable,
            Err(NotBuilt::Code(_) | NotBuilt::Late) => return Ok(Mark::Uncompiled),
            Err(why) => return Err(super::check::cargo_failed(&why)),
        };
        let mut command = Command::new("sh");
        command.args(["-c", LIMITED, "sh"]).arg(executable);
        // Ni la carpeta personal ni la del curso: lo que se escriba sin querer va a una de usar y tirar.
        command.current_dir(home).env("HOME", home).env("TMPDIR", home);
        let trial = Trial::run_command(command, TIME)?;
        let points = trial.points(variant.exercise.minutes);
        Ok(match trial.broken {
            Some(_) => Mark::Broken,
            None if trial.passed() => Mark::Passed(points),
            None => Mark::Failed(points),
        })
    }

    fn points(self) -> u32 {
        match self {
            Mark::Passed(points) | Mark::Failed(points) => points,
            _ => 0,
        }
    }

    fn sign(self) -> String {
        match self {
            Mark::Passed(_) => paint::mark(true),
            Mark::Failed(_) => paint::mark(false),
            Mark::Uncompiled => paint::bad("c"),
            Mark::Broken => paint::bad("!"),
            Mark::Missing => paint::dim("-"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Mark::Passed(_) => "superado",
            Mark::Failed(_) => "falla",
            Mark::Uncompiled => "no compila",
            Mark::Broken => "no termina",
            Mark::Missing => "falta",
        }
    }
}

fn legend(course: &Course) -> String {
    let ids: Vec<_> = course.exercises.iter().map(|exercise| exercise.id.as_str()).collect();
    format!(
        "\nColumnas: {}.\n✓ superado · ✗ falla · c no compila, o no a tiempo · ! muere o no termina · - falta",
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
    fn la_tabla_lleva_marcas_puntos_y_totales() {
        let course = Course { folder: PathBuf::new(), exercises: Vec::new() };
        let marks = vec![Mark::Passed(20), Mark::Failed(5), Mark::Broken, Mark::Missing];
        assert_eq!(totals(&marks), (1, 25));
        let text = to_csv(&course, &[("ana", marks)]);
        let row = text.lines().nth(1).unwrap();
        assert_eq!(row, "ana,superado,falla,no termina,falta,20,5,0,0,1,25");
    }

    #[test]
    fn lo_que_se_prueba_tiene_límites() {
        let asked = "ulimit -v; ulimit -t; ulimit -f; ulimit -c";
        let output = Command::new("sh").args(["-c", LIMITED, "sh", "sh", "-c", asked]).output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["4194304", "30", "16384", "0"]);
    }

    #[test]
    fn un_enlace_no_es_una_entrega() {
        let folder = tempfile::TempDir::new().unwrap();
        let (real, link) = (folder.path().join("real.rs"), folder.path().join("enlace.rs"));
        write(&real, "// hola\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(is_source(&real));
        assert!(!is_source(&link));
        assert!(!is_source(&folder.path().join("nada.rs")));
    }

    #[test]
    fn también_se_prueba_lo_que_no_está_en_utf8() {
        let folder = tempfile::TempDir::new().unwrap();
        let exercise = folder.path().join("02_02_1_eco");
        std::fs::create_dir(&exercise).unwrap();
        write(&exercise.join("enunciado.md"), "# Eco\n\nLección 02_02 · unos 20 minutos\n")
            .unwrap();
        let latin1 = b"// m\xE1s\n";
        write(&exercise.join("ejercicio.rs"), latin1).unwrap();
        let course = Course::at(folder.path().to_owned()).unwrap();
        let work = Work { name: "ana".to_owned(), exercises: folder.path().to_owned() };
        assert_eq!(work.handed(&course.exercises[0]).unwrap().unwrap().code, latin1);
    }

    #[test]
    fn un_nombre_no_rompe_el_csv_ni_es_una_fórmula() {
        assert_eq!(quoted("ana"), "ana");
        assert_eq!(quoted("pérez, \"ana\""), "\"pérez, \"\"ana\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
