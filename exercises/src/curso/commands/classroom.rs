//! `clase`: los trabajos de muchas personas, con las pruebas de este curso y no con las suyas.

mod mark;
mod records;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mark::{Graded, Mark, totals};
use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors;
use records::{to_csv, to_report};

use crate::build::{Built, NotBuilt};
use crate::course::{Course, Exercise, read_bytes, write};
use crate::paint;
use crate::trial::{SIDE_BY_SIDE, side_by_side};
use crate::workshop::{self, Variant};

/// Lo que puede tardar en compilarse lo de cada persona, y después cada ejercicio que no llegó a
/// compilarse, por si a uno lo retrasó otro.
const BUILD: Duration = Duration::from_secs(120);
const BUILD_ONE: Duration = Duration::from_secs(30);

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
    let mut works: Vec<_> = folders.into_iter().map(|folder| Work::find(folder)).collect();
    tell_apart(&mut works);
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
        format!("no se puede crear «{}»: {}", folder.display(), errors::reason(error)),
        "indica otra carpeta con --informes",
    )
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

/// Los trabajos de una persona.
struct Work {
    name: String,
    /// El nombre de la carpeta en la que está la suya: la de su grupo, quizá.
    group: String,
    /// La carpeta con los ejercicios.
    exercises: PathBuf,
}

impl Work {
    /// Los de esa carpeta, aunque no esté: quien no entregó también tiene su línea.
    fn find(folder: &Path) -> Work {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let named = |it: Option<&OsStr>| it.unwrap_or_default().to_string_lossy().into_owned();
        let name = named(whole.file_name());
        let group = named(whole.parent().and_then(Path::file_name));
        let inside = whole.join("exercises");
        Work { name, group, exercises: if inside.is_dir() { inside } else { whole } }
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
        side_by_side(&handed, SIDE_BY_SIDE, grade).collect()
    }

    /// Lo que entregó de un ejercicio, o la marca de lo que no hace falta probar, porque no está o
    /// está como al principio.
    fn handed<'a>(&self, exercise: &'a Exercise) -> Result<Result<Variant<'a>, Mark>, Trouble> {
        let file = self.exercises.join(&exercise.id).join("ejercicio.rs");
        if !is_source(&file) {
            return Ok(Err(Mark::Missing));
        }
        let code = read_bytes(&file)?;
        if exercise.starter()?.as_bytes() == code {
            return Ok(Err(Mark::Untouched));
        }
        Ok(Ok(Variant { exercise, name: "entrega".to_owned(), code }))
    }
}

/// Dos personas de dos grupos pueden llamarse igual, y cada una tiene su informe: a sus nombres se
/// les añade el de su grupo.
fn tell_apart(works: &mut [Work]) {
    let names: Vec<_> = works.iter().map(|work| work.name.clone()).collect();
    for work in works {
        if names.iter().filter(|name| **name == work.name).count() > 1 {
            work.name = format!("{}-{}", work.group, work.name);
        }
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

fn legend(course: &Course) -> String {
    let ids: Vec<_> = course.exercises.iter().map(|exercise| exercise.id.as_str()).collect();
    format!(
        "\nColumnas: {}.\n✓ superado   ✗ falla   c no compila, o no a tiempo   ! muere o no termina   · sin empezar   - falta",
        ids.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        write(&exercise.join("inicio.rs"), "// más\n").unwrap();
        let latin1 = b"// m\xE1s\n";
        write(&exercise.join("ejercicio.rs"), latin1).unwrap();
        let course = Course::at(folder.path().to_owned()).unwrap();
        let work = Work::find(folder.path());
        assert_eq!(work.handed(&course.exercises[0]).unwrap().unwrap().code, latin1);
    }

    #[test]
    fn quienes_se_llaman_igual_se_distinguen_por_su_grupo() {
        let mut works =
            ["mañana/ana", "tarde/ana", "tarde/beto"].map(|path| Work::find(Path::new(path)));
        tell_apart(&mut works);
        assert_eq!(works.map(|work| work.name), ["mañana-ana", "tarde-ana", "beto"]);
    }
}
