//! `clase`: los trabajos de muchas personas, con las pruebas de este curso y no con las suyas.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};

use crate::build::{Built, NotBuilt};
use crate::course::{Course, Exercise, read, read_bytes, write};
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

/// Dónde se escribe lo que resulta, además de en la pantalla.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// La tabla, en CSV.
    pub(crate) csv: Option<PathBuf>,
    /// Una carpeta, con un informe por persona.
    pub(crate) reports: Option<PathBuf>,
}

/// Prueba lo que hay en cada carpeta, y escribe una tabla.
pub(crate) fn classroom(
    course: &Course,
    folders: &[PathBuf],
    records: &Records,
) -> Result<(), Trouble> {
    // `entregas/*` también encuentra archivos: no son de nadie.
    let (files, folders): (Vec<_>, Vec<_>) = folders.iter().partition(|path| path.is_file());
    for file in files {
        cli::complain(&format!("curso: «{}» no es una carpeta: no se califica.", file.display()));
    }
    if let Some(folder) = &records.reports {
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    }
    let works: Vec<_> = folders.into_iter().map(|folder| Work::find(folder)).collect();
    let widest = works.iter().map(|work| work.name.chars().count()).max().unwrap_or(0);
    let mut rows = Vec::new();
    for work in &works {
        let results = work.results(course)?;
        let (passed, points) = totals(&results);
        let signs: Vec<_> = results.iter().map(|result| result.mark.sign()).collect();
        paint::say(&format!(
            "{:widest$}  {}  {passed} de {}, {points} puntos",
            work.name,
            signs.join(" "),
            results.len()
        ));
        if let Some(folder) = &records.reports {
            let file = folder.join(format!("{}.md", work.name));
            write(&file, to_report(course, &work.name, &results))?;
        }
        rows.push((work.name.as_str(), results));
    }
    paint::say(&legend(course));
    if let Some(idle) = idle(&rows) {
        paint::say(&idle);
    }
    records.csv.as_deref().map_or(Ok(()), |file| write(file, to_csv(course, &rows)))
}

fn cannot_write(folder: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede crear «{}»: {}", folder.display(), cli::reason(error)),
        "indica otra carpeta con --informes",
    )
}

/// Cuántos superó, y los puntos que suman todos.
fn totals(results: &[Graded]) -> (usize, u32) {
    let passed = results.iter().filter(|result| matches!(result.mark, Mark::Passed(_))).count();
    (passed, results.iter().map(|result| result.mark.points()).sum())
}

/// Quiénes no entregaron nada, y quiénes no empezaron ninguno.
fn idle(rows: &[(&str, Vec<Graded>)]) -> Option<String> {
    let those = |what: fn(&Mark) -> bool| -> Vec<&str> {
        let all = |results: &[Graded]| results.iter().all(|result| what(&result.mark));
        rows.iter().filter(|(_, results)| all(results)).map(|(name, _)| *name).collect()
    };
    let absent = those(|mark| *mark == Mark::Missing);
    let mut unstarted = those(|mark| matches!(mark, Mark::Missing | Mark::Untouched));
    unstarted.retain(|name| !absent.contains(name));
    let line = |what: &str, names: &[&str]| {
        (!names.is_empty()).then(|| format!("\n{what}: {}.", names.join(", ")))
    };
    let lines = [line("Sin entregar", &absent), line("Sin empezar ninguno", &unstarted)];
    let text: String = lines.into_iter().flatten().collect();
    (!text.is_empty()).then_some(text)
}

fn to_csv(course: &Course, rows: &[(&str, Vec<Graded>)]) -> String {
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
fn to_report(course: &Course, name: &str, results: &[Graded]) -> String {
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
            "\n## {0}: {1}\n\n{2} de {3} puntos: {4}. Lo repite `cargo curso probar {0}`.\n\n\
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

/// Los trabajos de una persona.
struct Work {
    name: String,
    /// La carpeta con los ejercicios.
    exercises: PathBuf,
}

impl Work {
    /// Los de esa carpeta, aunque no esté: quien no entregó también tiene su línea.
    fn find(folder: &Path) -> Work {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let inside = whole.join("exercises");
        Work { name, exercises: if inside.is_dir() { inside } else { whole } }
    }

    fn results(&self, course: &Course) -> Result<Vec<Graded>, Trouble> {
        let handed = course.exercises.iter().map(|exercise| self.handed(exercise));
        let handed = handed.collect::<Result<Vec<_>, _>>()?;
        let touched: Vec<_> = handed.iter().filter_map(|it| it.as_ref().ok()).collect();
        let built = if touched.is_empty() { Built::default() } else { build(course, &touched)? };
        let home = workshop::scratch(course)?;
        let grade = |handed: &Result<Variant<'_>, Mark>| match handed {
            Ok(variant) => Graded::of(&built, variant, &home),
            Err(mark) => Ok(Graded { mark: *mark, why: String::new() }),
        };
        side_by_side(&handed, grade).collect()
    }

    /// Lo que entregó de un ejercicio, o la marca de lo que no hace falta probar, porque no está o
    /// está como al principio.
    fn handed<'a>(&self, exercise: &'a Exercise) -> Result<Result<Variant<'a>, Mark>, Trouble> {
        let file = self.exercises.join(&exercise.id).join("ejercicio.rs");
        if !is_source(&file) {
            return Ok(Err(Mark::Missing));
        }
        let code = read_bytes(&file)?;
        if fs::read(exercise.starter()).is_ok_and(|starter| starter == code) {
            return Ok(Err(Mark::Untouched));
        }
        Ok(Ok(Variant { exercise, name: "entrega".to_owned(), code }))
    }
}

/// Si es un archivo de verdad, de un tamaño razonable: un enlace podría llevar a cualquier parte.
fn is_source(file: &Path) -> bool {
    const LARGEST: u64 = 1 << 20;
    fs::symlink_metadata(file).is_ok_and(|data| data.is_file() && data.len() <= LARGEST)
}

/// Compila lo que entregó una persona. Si no da tiempo, lo que falte, de uno en uno.
fn build(course: &Course, touched: &[&Variant<'_>]) -> Result<Built, Trouble> {
    let prepare = || workshop::prepare(course, "clase", touched);
    let mut built = prepare()?.arg("--tests").limit(BUILD).run()?;
    for variant in touched {
        let test = variant.test();
        if matches!(built.executable(&test), Err(NotBuilt::Late)) {
            built.add(prepare()?.tests([test.as_str()]).limit(BUILD_ONE).run()?);
        }
    }
    Ok(built)
}

/// Lo que resultó de un ejercicio.
#[derive(Clone, Debug)]
struct Graded {
    mark: Mark,
    /// Por qué no está superado, si se probó.
    why: String,
}

impl Graded {
    fn of(built: &Built, variant: &Variant<'_>, home: &Path) -> Result<Graded, Trouble> {
        let executable = match built.executable(&variant.test()) {
            Ok(executable) => executable,
            Err(why @ (NotBuilt::Code(_) | NotBuilt::Late)) => {
                return Ok(Graded::because(Mark::Uncompiled, variant, why.text()));
            }
            Err(why) => return Err(super::check::cargo_failed(&why)),
        };
        let mut command = Command::new("sh");
        command.args(["-c", LIMITED, "sh"]).arg(executable);
        // Ni la carpeta personal ni la del curso: lo que se escriba sin querer va a una de usar y tirar.
        command.current_dir(home).env("HOME", home).env("TMPDIR", home);
        let trial = Trial::run_command(command, TIME)?;
        let trial = trial.in_order_of(&read(&variant.exercise.tests())?);
        let points = trial.points(variant.exercise.minutes);
        Ok(match (&trial.broken, trial.failures().next()) {
            (Some(broken), _) => Graded::because(Mark::Broken, variant, broken),
            (None, Some((test, report))) => {
                let total = trial.tests.len();
                let passed = total - trial.failures().count();
                let why =
                    format!("Pasa {passed} de {total} pruebas.\n\n✗ {}\n\n{report}", test.name);
                Graded::because(Mark::Failed(points), variant, &why)
            }
            (None, None) if trial.passed() => {
                Graded { mark: Mark::Passed(points), why: String::new() }
            }
            (None, None) => Graded::because(Mark::Broken, variant, "No se ejecutó ninguna prueba."),
        })
    }

    /// `why`, con los archivos que tiene quien lo entregó y sin colores.
    fn because(mark: Mark, variant: &Variant<'_>, why: &str) -> Graded {
        let theirs = format!("exercises/{}/", variant.exercise.id);
        let why = paint::plain(why).replace(&format!("{}/", variant.test()), &theirs);
        Graded { mark, why }
    }
}

/// Cómo quedó un ejercicio, y con cuántos puntos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Passed(u32),
    Failed(u32),
    Uncompiled,
    Broken,
    Untouched,
    Missing,
}

impl Mark {
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
            Mark::Untouched => paint::dim("·"),
            Mark::Missing => paint::dim("-"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Mark::Passed(_) => "superado",
            Mark::Failed(_) => "falla",
            Mark::Uncompiled => "no compila",
            Mark::Broken => "no termina",
            Mark::Untouched => "sin empezar",
            Mark::Missing => "falta",
        }
    }
}

fn legend(course: &Course) -> String {
    let ids: Vec<_> = course.exercises.iter().map(|exercise| exercise.id.as_str()).collect();
    format!(
        "\nColumnas: {}.\n✓ superado   ✗ falla   c no compila, o no a tiempo   ! muere o no termina   · sin empezar   - falta",
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
        let marks = [Mark::Passed(20), Mark::Failed(5), Mark::Broken, Mark::Missing];
        let results = marks.map(|mark| Graded { mark, why: String::new() }).to_vec();
        assert_eq!(totals(&results), (1, 25));
        let text = to_csv(&course, &[("ana", results)]);
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
