//! Qué entregó cada cual.
//!
//! De una carpeta se toma el `ejercicio.rs` de cada ejercicio, y nada más. Los enlaces no se siguen:
//! llevarían al trabajo de otra persona, o a los archivos de quien califica.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use multiplexacion::cli::Trouble;
use multiplexacion::errors;

use super::plain::{beginning, file_name, harmless};
use super::plan::{Entry, Plan};
use super::wall::Wall;
use crate::course::Exercise;

/// Lo más grande que puede ser un `ejercicio.rs`, en bytes.
const LARGEST: u64 = 1 << 20;

/// Hasta qué profundidad se busca, y cuántas carpetas se miran como mucho.
const DEEPEST: usize = 3;
const MOST_FOLDERS: usize = 5_000;

/// Carpetas en las que no se busca.
const NOT_SEARCHED: [&str; 4] = ["target", ".git", "node_modules", "__MACOSX"];

/// La entrega de una persona.
#[derive(Debug)]
pub(super) struct Hand {
    /// Cómo se la nombra: su carpeta.
    pub(super) name: String,
    /// El nombre de la carpeta en la que está la suya: la de su grupo, quizá.
    group: String,
    folder: PathBuf,
    /// La carpeta con los ejercicios, si hay alguno.
    exercises: Option<PathBuf>,
}

/// Lo que hay de un ejercicio.
#[derive(Debug)]
pub(super) enum Handed<'a> {
    Work(Work<'a>),
    /// Está como al principio.
    Untouched,
    Missing,
    /// Es mayor que [`LARGEST`].
    Huge,
    /// Está, y no se deja leer: por qué.
    Unreadable(String),
}

/// Un ejercicio que alguien escribió.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) exercise: &'a Exercise,
    /// Quien lo escribió pudo no hacerlo en UTF-8: que lo diga rustc.
    pub(super) code: Vec<u8>,
}

/// De cuándo es una entrega.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// En ISO 8601.
    pub(super) date: String,
    pub(super) commit: String,
}

impl Hand {
    /// La de esa carpeta, aunque no esté: quien no entregó también tiene su línea.
    pub(super) fn find(folder: &Path, plan: &Plan<'_>) -> Hand {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let named = |it: Option<&OsStr>| printable(&it.unwrap_or_default().to_string_lossy());
        let name = named(whole.file_name());
        let group = named(whole.parent().and_then(Path::file_name));
        let exercises = search(&whole, plan);
        Hand { name, group, folder: whole, exercises }
    }

    /// Lo que hay de un ejercicio.
    pub(super) fn of<'a>(&self, entry: &Entry<'a>) -> Result<Handed<'a>, Trouble> {
        let exercise = entry.exercise;
        let Some(folder) = self.exercises.as_ref().map(|it| it.join(&exercise.id)) else {
            return Ok(Handed::Missing);
        };
        let file = folder.join("ejercicio.rs");
        // Ni la carpeta ni el archivo pueden ser enlaces.
        let (true, Ok(data)) = (is_folder(&folder), fs::symlink_metadata(&file)) else {
            return Ok(Handed::Missing);
        };
        if !data.is_file() {
            return Ok(Handed::Missing);
        }
        if data.len() > LARGEST {
            return Ok(Handed::Huge);
        }
        // Que una no se deje leer no detiene a las demás.
        let code = match fs::read(&file) {
            Ok(code) => code,
            Err(error) => return Ok(Handed::Unreadable(errors::reason(&error))),
        };
        if plain(exercise.starter()?.as_bytes()) == plain(&code) {
            return Ok(Handed::Untouched);
        }
        Ok(Handed::Work(Work { exercise, code }))
    }

    /// De cuándo es: de su último commit, si es un repositorio de git, o de su archivo más reciente.
    pub(super) fn moment<'w>(
        &self,
        plan: &Plan<'_>,
        wall: impl FnOnce() -> Result<&'w Wall, Trouble>,
    ) -> Moment {
        self.last_commit(wall).unwrap_or_else(|| {
            let files = self
                .exercises
                .iter()
                .flat_map(|folder| plan.ids().map(move |id| folder.join(id).join("ejercicio.rs")));
            let times = files.filter_map(|file| fs::symlink_metadata(file).ok()?.modified().ok());
            Moment { date: times.max().map(written).unwrap_or_default(), commit: String::new() }
        })
    }

    /// Git también se ejecuta tras el muro: la configuración de un repositorio puede dar órdenes.
    fn last_commit<'w>(&self, wall: impl FnOnce() -> Result<&'w Wall, Trouble>) -> Option<Moment> {
        let above = self.exercises.as_deref().and_then(Path::parent);
        let places = [Some(self.folder.as_path()), above, self.exercises.as_deref()];
        let git =
            places.into_iter().flatten().map(|it| it.join(".git")).find(|it| is_folder(it))?;
        let wall = wall().ok()?;
        let seen = wall.seen(&git, "/git");
        let mut words = ["git", "-c", "core.fsmonitor=false"].map(Into::into).to_vec();
        words.extend(["--no-pager".into(), "--git-dir".into(), seen.into_os_string()]);
        words.extend(["log", "-1", "--no-show-signature", "--format=%H %cI"].map(Into::into));
        let said = wall.hear(&[(git, "/git")], &words, &Arc::default()).ok()?;
        let (commit, date) = said.output.trim().split_once(' ')?;
        let date = DateTime::parse_from_rfc3339(date).ok()?;
        let known = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        known.then(|| Moment {
            date: date.with_timezone(&Utc).format(ISO).to_string(),
            commit: commit.to_owned(),
        })
    }
}

const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";

fn written(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).format(ISO).to_string()
}

/// La carpeta que tiene ejercicios, la menos profunda: un .zip se descomprime a veces una más abajo.
fn search(folder: &Path, plan: &Plan<'_>) -> Option<PathBuf> {
    let mut pending = VecDeque::from([(folder.to_owned(), 0)]);
    let mut best: Option<(PathBuf, usize, usize)> = None;
    let mut seen = 0;
    while let Some((folder, depth)) = pending.pop_front() {
        seen += 1;
        if seen > MOST_FOLDERS || best.as_ref().is_some_and(|(_, found, _)| *found < depth) {
            break;
        }
        let here = plan.ids().filter(|id| is_folder(&folder.join(id))).count();
        if here > best.as_ref().map_or(0, |(_, _, most)| *most) {
            best = Some((folder.clone(), depth, here));
        }
        if depth == DEEPEST || !is_folder(&folder) {
            continue;
        }
        let mut inside: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter(|it| !NOT_SEARCHED.contains(&&*it.file_name().to_string_lossy()))
            .map(|it| it.path())
            .collect();
        inside.sort();
        pending.extend(inside.into_iter().map(|folder| (folder, depth + 1)));
    }
    best.map(|(folder, _, _)| folder)
}

/// Si es una carpeta de verdad, y no un enlace a una.
fn is_folder(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|data| data.is_dir())
}

/// Sin lo que añaden algunos editores: la marca de UTF-8 del principio y los finales de Windows.
pub(super) fn plain(code: &[u8]) -> Vec<u8> {
    let code = code.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(code);
    let mut text: Vec<u8> = code.iter().copied().filter(|byte| *byte != b'\r').collect();
    text.truncate(text.trim_ascii_end().len());
    text
}

/// Un nombre que cabe en una línea, sin nada que cambie cómo se lee lo demás.
pub(super) fn printable(name: &str) -> String {
    const LONGEST: usize = 80;
    let safe = harmless(name).replace(['\n', '\t'], "\u{FFFD}");
    if safe.trim().is_empty() {
        "sin nombre".to_owned()
    } else {
        safe.chars().take(LONGEST).collect()
    }
}

/// Dos personas de dos grupos pueden llamarse igual, y cada una tiene su línea y su informe: a sus
/// nombres se les añade el de su grupo; y si no basta, un número.
pub(super) fn tell_apart(hands: &mut [Hand]) {
    let names: Vec<_> = hands.iter().map(|hand| hand.name.clone()).collect();
    for hand in hands.iter_mut() {
        if names.iter().filter(|name| **name == hand.name).count() > 1 {
            hand.name = format!("{}-{}", hand.group, hand.name);
        }
    }
    // Se comparan los nombres de sus informes: que nadie escriba encima del de otra persona.
    let mut taken = BTreeSet::new();
    for hand in hands {
        // El número ha de caber también en el nombre de su informe.
        let alone = beginning(&hand.name, 180).to_owned();
        let mut number = 2;
        while !taken.insert(file_name(&hand.name)) {
            hand.name = format!("{alone}-{number}");
            number += 1;
        }
    }
}

/// La huella de lo entregado y de con qué se califica: si es la misma, el resultado también.
pub(super) fn print(plan: &Plan<'_>, handed: &[Handed<'_>]) -> String {
    let mut hasher = DefaultHasher::new();
    for (entry, handed) in plan.entries.iter().zip(handed) {
        let exercise = entry.exercise;
        (&exercise.id, entry.worth, entry.extra).hash(&mut hasher);
        let mut files: Vec<_> = fs::read_dir(&exercise.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|it| it.path())
            .filter(|file| file.is_file() && !file.ends_with("ejercicio.rs"))
            .collect();
        files.sort();
        for file in files {
            fs::read(file).unwrap_or_default().hash(&mut hasher);
        }
        match handed {
            Handed::Work(work) => work.code.hash(&mut hasher),
            Handed::Untouched => 1.hash(&mut hasher),
            Handed::Missing => 2.hash(&mut hasher),
            Handed::Huge => 3.hash(&mut hasher),
            Handed::Unreadable(_) => 4.hash(&mut hasher),
        }
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::{Course, write};
    use std::os::unix::fs::symlink;

    /// Un curso de un ejercicio, y una carpeta para las entregas.
    fn course() -> (tempfile::TempDir, Course) {
        let house = tempfile::TempDir::new().unwrap();
        let folder = house.path().join("curso/02_02_1_eco");
        fs::create_dir_all(&folder).unwrap();
        write(&folder.join("enunciado.md"), "# Eco\n\nLección 02_02 · unos 20 minutos\n").unwrap();
        write(&folder.join("inicio.rs"), "//! Más\nfn a() {}\n").unwrap();
        let course = Course::at(house.path().join("curso")).unwrap();
        (house, course)
    }

    /// Lo que hay en `inner`, con ese código.
    fn handed_in(inner: &str, code: &[u8]) -> String {
        let (house, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let folder = house.path().join("entregas/ana").join(inner);
        fs::create_dir_all(&folder).unwrap();
        write(&folder.join("ejercicio.rs"), code).unwrap();
        let hand = Hand::find(&house.path().join("entregas/ana"), &plan);
        match hand.of(&plan.entries[0]).unwrap() {
            Handed::Work(work) => format!("{} bytes", work.code.len()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn se_encuentra_también_una_carpeta_más_abajo() {
        for inner in
            ["exercises", "", "sockets-main/exercises", "a/b/exercises", "__MACOSX/../x/exercises"]
        {
            let folder = format!("{inner}/02_02_1_eco");
            assert_eq!(
                handed_in(folder.trim_start_matches('/'), b"// hola\n"),
                "8 bytes",
                "{inner}"
            );
        }
        assert_eq!(handed_in("a/b/c/d/02_02_1_eco", b"// hola\n"), "Missing");
        assert_eq!(handed_in("target/02_02_1_eco", b"// hola\n"), "Missing");
    }

    #[test]
    fn lo_que_solo_cambió_el_editor_está_sin_empezar() {
        let same: [&[u8]; 4] = [
            "//! Más\nfn a() {}\n".as_bytes(),
            "//! Más\r\nfn a() {}\r\n".as_bytes(),
            "\u{FEFF}//! Más\r\nfn a() {}\r\n".as_bytes(),
            "//! Más\nfn a() {}".as_bytes(),
        ];
        for code in same {
            assert_eq!(handed_in("exercises/02_02_1_eco", code), "Untouched");
        }
        // En la codificación de antes, ya no es lo mismo.
        assert_eq!(handed_in("exercises/02_02_1_eco", b"//! M\xE1s\nfn a() {}\n"), "18 bytes");
    }

    #[test]
    fn un_enlace_no_es_una_entrega_ni_lo_que_no_cabe() {
        let (house, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let real = house.path().join("entregas/ana/exercises/02_02_1_eco");
        fs::create_dir_all(&real).unwrap();
        write(&real.join("ejercicio.rs"), "// hola\n").unwrap();
        let entries = |name: &str| {
            let hand = Hand::find(&house.path().join("entregas").join(name), &plan);
            matches!(hand.of(&plan.entries[0]).unwrap(), Handed::Missing)
        };
        for (name, link, target) in [
            ("archivo", "exercises/02_02_1_eco/ejercicio.rs", real.join("ejercicio.rs")),
            ("carpeta", "exercises/02_02_1_eco", real.clone()),
            ("todas", "exercises", real.parent().unwrap().to_owned()),
        ] {
            let link = house.path().join("entregas").join(name).join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(target, link).unwrap();
            assert!(entries(name), "{name}");
        }
        assert!(!entries("ana") && entries("nadie"));
        fs::File::create(real.join("ejercicio.rs")).unwrap().set_len(LARGEST + 1).unwrap();
        let hand = Hand::find(&house.path().join("entregas/ana"), &plan);
        assert!(matches!(hand.of(&plan.entries[0]).unwrap(), Handed::Huge));
    }

    #[test]
    fn cada_nombre_es_distinto_y_cabe_en_una_línea() {
        let (_house, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let find = |path: &str| Hand::find(Path::new(path), &plan);
        let mut hands =
            ["mañana/ana", "tarde/ana", "tarde/beto", "otra/tarde/beto", "x/a\nb\u{202E}c"]
                .map(find);
        tell_apart(&mut hands);
        let names = hands.map(|hand| hand.name);
        assert_eq!(
            names,
            ["mañana-ana", "tarde-ana", "tarde-beto", "tarde-beto-2", "a\u{FFFD}b\u{FFFD}c"]
        );
    }

    #[test]
    fn nadie_escribe_encima_del_informe_de_otra_persona() {
        let (_house, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let long = "𝄞".repeat(70);
        let longer = format!("{long}x");
        let mut hands = ["a_b", "a\\b", ".c", "_.c", &long, &longer]
            .map(|name| Hand::find(&Path::new("/grupo").join(name), &plan));
        tell_apart(&mut hands);
        let reports: BTreeSet<_> = hands.iter().map(|hand| file_name(&hand.name)).collect();
        assert_eq!(reports.len(), hands.len(), "{reports:?}");
    }

    #[test]
    fn la_huella_cambia_con_lo_entregado_y_con_las_pruebas() {
        let (_house, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let work = |code: &[u8]| {
            [Handed::Work(Work { exercise: &course.exercises[0], code: code.to_vec() })]
        };
        let first = print(&plan, &work(b"uno"));
        assert_eq!(first, print(&plan, &work(b"uno")));
        assert_ne!(first, print(&plan, &work(b"dos")));
        write(&course.exercises[0].folder.join("pruebas.rs"), "// otras\n").unwrap();
        assert_ne!(first, print(&plan, &work(b"uno")));
    }
}
