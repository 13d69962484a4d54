//! `entregar`: una copia del curso sin soluciones.
//!
//! Si git guarda el curso, se reparte lo que git guarda, como esté ahora en la carpeta. Lo demás que
//! haya en ella es de quien enseña, y ninguna lista sabe cómo lo llamó. Un ejercicio que git aún no
//! conoce y unas notas con otro nombre no se distinguen: más vale pedir un `git add` que repartir las
//! notas.
//!
//! Sin git (el curso se descargó en un .zip) se reparte lo que hay. En los dos casos, sin lo que
//! [`is_handed_out`] no deja pasar.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors;

use crate::course::{self, Course, STARTER, read, write};
use crate::git;
use crate::given;
use crate::paint;

/// El capítulo de quien enseña, que trae las respuestas de la defensa.
const TEACHERS_CHAPTER: &str = "docentes.md";

/// Lo que se genera al trabajar o al calificar, o solo sirve a quien mantiene el curso.
const NOT_COPIED: [&str; 21] = [
    ".git",
    ".github",
    ".ci",
    "target",
    "salida",
    "laboratorio",
    "examples",
    "node_modules",
    "__pycache__",
    ".copias",
    given::ORIGINALS,
    "soluciones",
    TEACHERS_CHAPTER,
    "entregas",
    "copias",
    "hostiles",
    "informes",
    "clase.txt",
    "puntos.json",
    "results.json",
    "pruebas.xml",
];

/// Cómo empieza el nombre de lo que no se da a quien aprende, en la carpeta de un ejercicio: con
/// `solucion` también empieza lo que deja git al lado, como `solucion.rs.rej`.
const KEPT_BACK: [&str; 4] = ["solucion", "errores", "aciertos", "equivalentes.md"];

/// Cómo acaba el nombre de unas notas, o de lo que dejan git, un editor o una prueba. Del curso no hay
/// nada que acabe así.
const LEFTOVERS: [&str; 11] = [
    ".csv",
    ".ods",
    ".xlsx",
    ".nuevo",
    ".rej",
    ".orig",
    ".bak",
    ".swp",
    "~",
    ".snap.new",
    ".pending-snap",
];

/// En la carpeta del curso y en la de los ejercicios, desde donde se dan las órdenes, también: planes,
/// resultados, trazas, entregas descargadas y quien las compara.
const LEFTOVERS_AT_HAND: [&str; 8] =
    [".txt", ".json", ".jsonl", ".xml", ".strace", ".zip", ".jar", ".jplag"];

/// Los nombres que se citan, como mucho, de lo que no se copió.
const NAMED: usize = 8;

/// El flujo de GitHub Actions que pone puntos a lo que se entrega.
const GRADING: &str = include_str!("../plantilla/calificar.yml");

/// Copia el repositorio en `folder`.
pub(crate) fn handout(course: &Course, folder: &Path) -> Result<(), Trouble> {
    let from = course.repository();
    let kept = kept_by_git(from)?;
    if let Some(kept) = &kept {
        git_keeps_them(course, kept)?;
    }
    make(folder, from)?;
    copy(from, folder, kept.as_deref()).map_err(|error| {
        Trouble::new(
            format!("no se pudo copiar todo: {}", errors::reason(&error)),
            "borra la copia a medias, revisa los permisos y el sitio en el disco, y repítelo",
        )
    })?;
    for exercise in &course.exercises {
        let copied = folder.join("exercises").join(&exercise.id);
        for name in ["ejercicio.rs", STARTER] {
            write(&copied.join(name), exercise.starter()?)?;
        }
        keep_originals(&folder.join("exercises"), &exercise.id)?;
    }
    let manifest = folder.join("Cargo.toml");
    write(&manifest, without_solutions(&read(&manifest)?))?;
    let lock = folder.join("Cargo.lock");
    write(&lock, without_package(&read(&lock)?, "soluciones"))?;
    let workflows = folder.join(".github/workflows");
    fs::create_dir_all(&workflows)?;
    write(&workflows.join("calificar.yml"), GRADING)?;
    paint::say(&format!("Copiado en {}, sin soluciones.", folder.display()));
    if kept.is_some() {
        mention(&left_out(from));
    }
    Ok(())
}

/// Crea `folder`, que ha de estar vacía y fuera de `course`.
fn make(folder: &Path, course: &Path) -> Result<(), Trouble> {
    if folder.exists() && fs::read_dir(folder)?.next().is_some() {
        return Err(Trouble::new(
            format!("«{}» no está vacía", folder.display()),
            "indica una carpeta que no exista",
        ));
    }
    fs::create_dir_all(folder)?;
    if folder.canonicalize()?.starts_with(course.canonicalize()?) {
        fs::remove_dir(folder)?;
        return Err(Trouble::new(
            "la copia no puede estar dentro del propio curso",
            "indica una carpeta de fuera, como ../entrega",
        ));
    }
    Ok(())
}

/// Los archivos que git guarda en `repository`; nada, si no guarda el curso.
fn kept_by_git(repository: &Path) -> Result<Option<Vec<PathBuf>>, Trouble> {
    match git::ask(repository, &["ls-files", "-z"]).map(|said| names(&said)) {
        // El .zip del curso, descomprimido dentro del repositorio de otra cosa, no está en él.
        Some(files) => {
            Ok(Some(files).filter(|it| it.iter().any(|it| it == Path::new("Cargo.toml"))))
        }
        // Sin su respuesta, lo de quien enseña solo se conoce por el nombre.
        None if repository.join(".git").exists() => Err(Trouble::new(
            "git no dice qué guarda en la carpeta del curso",
            "mira en ella qué responde «git status», arréglalo y repite la orden",
        )),
        None => Ok(None),
    }
}

/// Los nombres que git separa con ceros.
fn names(said: &str) -> Vec<PathBuf> {
    said.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

/// La copia de un ejercicio que git no guarda no compilaría: `Cargo.toml` ya lo nombra.
fn git_keeps_them(course: &Course, kept: &[PathBuf]) -> Result<(), Trouble> {
    let folder = |id: &str| Path::new("exercises").join(id);
    let mut ids = course.exercises.iter().map(|exercise| exercise.id.as_str());
    match ids.find(|id| !kept.contains(&folder(id).join("enunciado.md"))) {
        None => Ok(()),
        Some(id) => Err(Trouble::new(
            format!("git no guarda todavía exercises/{id}, y solo se reparte lo que guarda"),
            format!("«git add exercises/{id}», y repite la orden"),
        )),
    }
}

/// Lo que git ni guarda ni ignora, si por su nombre podría ser del curso.
fn left_out(repository: &Path) -> Vec<PathBuf> {
    let words = ["ls-files", "-z", "--others", "--exclude-standard", "--directory"];
    let mut files = names(&git::ask(repository, &words).unwrap_or_default());
    files.retain(|file| is_handed_out(file));
    files
}

/// Dice qué no se copió porque git no lo guarda: quizá falte un `git add`.
fn mention(left_out: &[PathBuf]) {
    if left_out.is_empty() {
        return;
    }
    let named: Vec<_> =
        left_out.iter().take(NAMED).map(|file| file.display().to_string()).collect();
    let others = match left_out.len() - named.len() {
        0 => String::new(),
        others => format!(" y {others} más"),
    };
    cli::complain(&format!(
        "curso: no se copió lo que git no guarda: {}{others}. Si algo es del curso, añádelo con «git \
         add», borra la copia y repite la orden",
        named.join(", ")
    ));
}

/// El `Cargo.toml` del espacio de trabajo, que ya no tiene el paquete de las soluciones.
fn without_solutions(manifest: &str) -> String {
    let paragraphs = manifest.split("\n\n").filter(|it| !it.contains("package.soluciones]"));
    let kept: Vec<_> = paragraphs.collect();
    kept.join("\n\n")
        .replace(", \"exercises/soluciones\"", "")
        .replace(" (sus soluciones sí se comprueban)", "")
}

/// El `Cargo.lock` sin un paquete: si no, la primera compilación lo cambiaría, y `git` lo contaría.
fn without_package(lock: &str, name: &str) -> String {
    const MARK: &str = "[[package]]\n";
    let theirs = format!("name = \"{name}\"\n");
    let (heading, packages) = lock.split_once(MARK).unwrap_or((lock, ""));
    let kept = packages.split(MARK).filter(|package| !package.starts_with(&theirs));
    kept.fold(heading.to_owned(), |text, package| text + MARK + package)
}

/// Copia en `to` los archivos `kept` de `from`, o todos si no se dice cuáles.
fn copy(from: &Path, to: &Path, kept: Option<&[PathBuf]>) -> io::Result<()> {
    let mut files = Vec::new();
    match kept {
        Some(kept) => kept.iter().try_for_each(|file| gather(from, file, &mut files))?,
        None => inside(from, Path::new(""), &mut files)?,
    }
    for file in files {
        let (source, target) = (from.join(&file), to.join(&file));
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        if target.extension().is_some_and(|ending| ending == "md") {
            fs::write(&target, without_the_teachers(&fs::read_to_string(&source)?))?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Añade a `files` lo que se reparte de `name`: un archivo, o lo que hay en una carpeta. De un enlace,
/// aquello a lo que apunta: la copia ha de valer por sí sola.
fn gather(root: &Path, name: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let path = root.join(name);
    // Otro repositorio es el trabajo de alguien, y no parte del curso.
    if !is_handed_out(name) || path.join(".git").exists() {
        return Ok(());
    }
    if path.is_dir() {
        return inside(root, name, files);
    }
    // Lo que git guarda puede estar borrado aquí.
    if path.exists() {
        files.push(name.to_owned());
    }
    Ok(())
}

fn inside(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        gather(root, &folder.join(entry?.file_name()), files)?;
    }
    Ok(())
}

/// Si un archivo, o una carpeta, es de lo que se da a quien aprende. Su nombre, desde el repositorio.
fn is_handed_out(file: &Path) -> bool {
    let names: Vec<_> = file.iter().map(|name| name.to_string_lossy()).collect();
    let kept_back = names.windows(2).any(|pair| {
        course::split(&pair[0]).is_some() && KEPT_BACK.iter().any(|kept| pair[1].starts_with(kept))
    });
    let not_copied = names.iter().any(|name| NOT_COPIED.contains(&&**name));
    !not_copied && !kept_back && !is_leftover(file)
}

/// Si, por su nombre, es algo que se dejó en la carpeta del curso al trabajar en ella.
fn is_leftover(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let folder = file.parent().unwrap_or(file);
    let at_hand = folder == Path::new("") || folder == Path::new("exercises");
    name.starts_with(".progreso") || ends(&LEFTOVERS) || at_hand && ends(&LEFTOVERS_AT_HAND)
}

/// Guarda los archivos dados de un ejercicio como se entregan, para saber si alguien los cambia.
fn keep_originals(exercises: &Path, id: &str) -> io::Result<()> {
    let kept = exercises.join(given::ORIGINALS).join(id);
    fs::create_dir_all(&kept)?;
    for entry in fs::read_dir(exercises.join(id))?.flatten() {
        if given::is_given(&entry.file_name().to_string_lossy()) {
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Un texto sin las notas para quien enseña, que van plegadas, ni las líneas que llevan a su
/// capítulo.
fn without_the_teachers(text: &str) -> String {
    const NOTES: &str = "<details class=\"docente\">\n";
    const END: &str = "</details>\n\n";
    let mut pieces = text.split(NOTES);
    let first = pieces.next().unwrap_or_default().to_owned();
    // Un trozo en el que no acaban no son notas: habla de ellas.
    let whole = pieces.fold(first, |kept, piece| match piece.split_once(END) {
        Some((_, rest)) => kept + rest,
        None => kept + NOTES + piece,
    });
    whole.split_inclusive('\n').filter(|line| !line.contains(TEACHERS_CHAPTER)).collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// Un curso de un ejercicio, en `folder/curso`, con lo que deja quien enseña.
    fn course_with_leftovers(folder: &Path) -> Course {
        let place = |name: &str| {
            let file = folder.join("curso").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            write(&file, "lo que sea\n").unwrap();
        };
        COURSE.iter().chain(&LEFT).copied().for_each(place);
        let statement = "# Eco\n\nLección 02_02 · unos 20 minutos\n";
        let exercises = folder.join("curso/exercises");
        write(&exercises.join("02_02_1_eco/enunciado.md"), statement).unwrap();
        Course::at(exercises).unwrap()
    }

    const COURSE: [&str; 9] = [
        "Cargo.lock",
        "Cargo.toml",
        ".gitignore",
        "book/src/publicado/direccion.txt",
        "exercises/02_02_1_eco/enunciado.md",
        "exercises/02_02_1_eco/given.rs",
        "exercises/02_02_1_eco/pruebas.rs",
        "exercises/02_02_1_eco/solucion.rs",
        "exercises/02_02_1_eco/web/hola mundo.txt",
    ];

    const LEFT: [&str; 14] = [
        "moodle.csv",
        "canvas.csv",
        "results.json",
        "parcial.txt",
        "notas.csv.nuevo",
        "notas-grupo-b.csv",
        "copias/ana/ejercicio.rs",
        "entregas.zip",
        "book/notas.csv",
        "exercises/.progreso.candado",
        "exercises/final.txt",
        "exercises/02_02_1_eco/solucion.rs.rej",
        "exercises/02_02_1_eco/solucion_vieja.rs",
        "exercises/02_02_1_eco/pruebas.rs.orig",
    ];

    fn assert_only_the_course_is_in(copy: &Path) {
        for name in LEFT {
            assert!(!copy.join(name).exists(), "{name}");
        }
        for name in COURSE.iter().filter(|name| !name.ends_with("solucion.rs")) {
            assert!(copy.join(name).exists(), "{name}");
        }
        assert!(!copy.join("exercises/02_02_1_eco/solucion.rs").exists());
    }

    #[test]
    fn el_manifiesto_que_se_reparte_no_nombra_lo_que_no_se_da() {
        const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let handed = without_solutions(&fs::read_to_string(MANIFEST).unwrap());
        assert!(!handed.contains("soluciones"), "{handed}");
        assert!(handed.contains("[profile.dev.package.nix]"));
    }

    #[test]
    fn sin_git_no_se_reparte_lo_que_dejó_quien_enseña() {
        let house = TempDir::new().unwrap();
        let course = course_with_leftovers(house.path());
        let copy = house.path().join("entrega");
        handout(&course, &copy).unwrap();
        assert_only_the_course_is_in(&copy);
    }

    #[test]
    fn con_git_se_reparte_lo_que_guarda_y_nada_más() {
        let house = TempDir::new().unwrap();
        let course = course_with_leftovers(house.path());
        let folder = course.repository();
        git::make(folder, &["init", "-q"]).unwrap();
        // Ni siquiera lo que se guardó por descuido: unas notas no se reparten.
        git::make(folder, &[&["add", "moodle.csv"][..], &COURSE].concat()).unwrap();
        for unknown in ["exercises/02_02_1_eco/de_ana.rs", "apuntes/defensa.md", "beto/a.rs"] {
            fs::create_dir_all(folder.join(unknown).parent().unwrap()).unwrap();
            write(&folder.join(unknown), "de quien enseña\n").unwrap();
        }
        write(&folder.join("exercises/02_02_1_eco/given.rs"), "sin guardar aún\n").unwrap();
        let copy = house.path().join("entrega");
        handout(&course, &copy).unwrap();
        assert_only_the_course_is_in(&copy);
        for unknown in ["exercises/02_02_1_eco/de_ana.rs", "apuntes", "beto"] {
            assert!(!copy.join(unknown).exists(), "{unknown}");
        }
        let given = read(&copy.join("exercises/02_02_1_eco/given.rs")).unwrap();
        assert_eq!(given, "sin guardar aún\n");
        let named = ["apuntes/", "beto/", "exercises/02_02_1_eco/de_ana.rs"].map(PathBuf::from);
        assert_eq!(left_out(folder), named);
        // Lo que git guarda puede no estar en la carpeta.
        fs::remove_file(folder.join("exercises/02_02_1_eco/web/hola mundo.txt")).unwrap();
        handout(&course, &house.path().join("otra")).unwrap();
    }

    #[test]
    fn un_ejercicio_que_git_no_guarda_no_se_reparte_a_medias() {
        let house = TempDir::new().unwrap();
        let course = course_with_leftovers(house.path());
        git::make(course.repository(), &["init", "-q"]).unwrap();
        git::make(course.repository(), &["add", "Cargo.toml", "Cargo.lock"]).unwrap();
        let copy = house.path().join("entrega");
        let trouble = handout(&course, &copy).unwrap_err().to_string();
        assert!(trouble.contains("«git add exercises/02_02_1_eco»"), "{trouble}");
        assert!(!copy.exists());
    }

    #[test]
    fn si_git_no_responde_no_se_reparte_a_ciegas() {
        let house = TempDir::new().unwrap();
        let course = course_with_leftovers(house.path());
        write(&course.repository().join(".git"), "gitdir: ninguna parte\n").unwrap();
        let copy = house.path().join("entrega");
        let trouble = handout(&course, &copy).unwrap_err().to_string();
        assert!(trouble.contains("«git status»"), "{trouble}");
        assert!(!copy.exists());
    }

    #[test]
    fn en_el_repositorio_de_otra_cosa_se_reparte_como_sin_git() {
        let house = TempDir::new().unwrap();
        let course = course_with_leftovers(house.path());
        git::make(house.path(), &["init", "-q"]).unwrap();
        let copy = house.path().join("entrega");
        handout(&course, &copy).unwrap();
        assert_only_the_course_is_in(&copy);
    }

    #[test]
    fn lo_que_git_no_guarda_no_se_reparte() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (folder, file) in [("", ".gitignore"), ("exercises", "exercises/.gitignore")] {
            let ignored = read(&root.join(file)).unwrap();
            for line in ignored.lines().filter(|line| !line.starts_with('#')) {
                let name = line.trim_matches('/').replace('*', "algo");
                assert!(!is_handed_out(&Path::new(folder).join(name)), "{file}: {line}");
            }
        }
    }

    #[test]
    fn nada_del_curso_se_llama_como_lo_que_se_deja_en_él() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for file in kept_by_git(root).unwrap().unwrap_or_default() {
            assert!(!is_leftover(&file), "no se repartiría {}", file.display());
        }
    }

    #[test]
    fn de_un_capítulo_salen_las_notas_y_del_índice_su_línea() {
        let notes = "<details class=\"docente\">\n<summary>Para docentes</summary>\n\nDi esto.\n\n</details>\n\n";
        let chapter =
            format!("# Uno\n\n{notes}## Dos\n\n<details>\n\nPlegado.\n\n</details>\n\nFin.\n");
        assert_eq!(without_the_teachers(&chapter), chapter.replace(notes, ""));
        assert_eq!(
            without_the_teachers("[Para docentes](docentes.md)\n[Glosario](g.md)\n"),
            "[Glosario](g.md)\n"
        );
    }

    #[test]
    fn del_cargo_lock_sale_un_paquete_y_nada_más() {
        let lock = |names: &[&str]| {
            let packages: Vec<_> = names
                .iter()
                .map(|name| format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\n"))
                .collect();
            format!("version = 4\n\n{}", packages.join("\n"))
        };
        let whole = lock(&["a", "soluciones", "soluciones-no"]);
        assert_eq!(without_package(&whole, "soluciones"), lock(&["a", "soluciones-no"]));
    }
}
