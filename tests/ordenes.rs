//! Lo que hay que saber del intérprete de órdenes para leer el libro está en «Las órdenes del libro»:
//! cada programa, cada opción y cada signo que usan sus bloques, y los de los enunciados.
//!
//! Y lo que dice de cada uno es verdad: `book/ejemplos/python/ordenes.py` hace lo mismo de las dos
//! maneras, en la terminal y en Python, contra los servidores del curso, y las compara.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Failure, Program, tools};
use prose::Quoted;

/// Lo que puede tardar `ordenes.py`: unas sesenta órdenes, ninguna de más de dos segundos.
const LIMIT: Duration = Duration::from_secs(60);

/// Los programas que se usan y no tienen fila: de ellos habla ese otro capítulo.
const ELSEWHERE: [(&str, &str); 4] = [
    ("cargo", "book/src/preparacion.md"),
    ("docker", "book/src/preparacion.md"),
    ("git", "book/src/preparacion.md"),
    ("sudo", "book/src/preparacion.md"),
];

/// Palabras que no son un programa, sino del propio intérprete.
const WORDS: [&str; 4] = ["for", "in", "do", "done"];

/// Los programas que otro puede tener delante: `timeout 2 nc`.
const INSIDE: [&str; 2] = ["nc", "bash"];

/// Los signos del intérprete, y cómo se reconoce que una orden los usa.
const SIGNS: [&str; 23] = [
    "/dev/null",
    "/dev/tcp/",
    "{s}<>",
    "3<>",
    ">&3",
    "<&3",
    "3>&-",
    "<&$s",
    ">&$s",
    "2>&1",
    " | ",
    " || ",
    " && ",
    "; ",
    "$(",
    "$((",
    "$'",
    "$?",
    "${#",
    "${r:",
    "in {1..",
    "() {",
    " > ",
];

/// Lo que hacen las órdenes, también en Python.
const SCRIPT: &str = "book/ejemplos/python/ordenes.py";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Los capítulos y los enunciados.
fn texts() -> Vec<PathBuf> {
    let mut folders = vec![root().join("book/src"), root().join("book/src/mas_alla")];
    for rooms in ["lessons", "exercises"] {
        folders
            .extend(fs::read_dir(root().join(rooms)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let inside = folders
        .iter()
        .filter(|folder| folder.is_dir())
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut texts: Vec<PathBuf> = inside
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .filter(|path| !path.ends_with("LEEME.md") && !path.ends_with("pistas.md"))
        .collect();
    texts.sort();
    texts
}

fn commands() -> Vec<Quoted> {
    let quoted = |path: &PathBuf| prose::quoted(path, &fs::read_to_string(path).unwrap()).unwrap();
    let mut commands: Vec<Quoted> = texts().iter().flat_map(quoted).collect();
    commands.retain(|quoted| !quoted.in_a_sentence);
    assert!(commands.len() > 100, "solo se encontraron {} órdenes", commands.len());
    commands
}

/// Lo que usa una orden: sus programas, cada uno con cada opción, y sus signos.
fn used(command: &str) -> BTreeSet<String> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for sign in SIGNS {
        if command.contains(sign) {
            used.insert(sign.trim().to_owned());
        }
    }
    for part in simple_commands(&without_texts(command)) {
        let mut program = "";
        // Lo que sigue a `for` es el nombre de una variable.
        let part =
            part.strip_prefix("for ").and_then(|rest| rest.split_once(' ')).map_or(part, |it| it.1);
        for word in part.split_whitespace() {
            let option = word.starts_with('-') && word.len() > 1;
            let names = program.is_empty() && !word.contains('=') && !WORDS.contains(&word);
            if word == "--" || word.starts_with("target/") {
                break;
            } else if names || INSIDE.contains(&word) {
                program = word;
                used.insert(word.to_owned());
            } else if option && !program.is_empty() {
                let option = word.split('=').next().unwrap_or_default();
                used.insert(format!("{program} {option}"));
            }
        }
    }
    used.retain(|idiom| is_a_program(idiom) || SIGNS.iter().any(|sign| sign.trim() == idiom));
    used
}

/// Los nombres de los programas tienen dos letras o más; los de las variables y las funciones que
/// definen las órdenes, una.
fn is_a_program(idiom: &str) -> bool {
    let name = idiom.split(' ').next().unwrap_or_default();
    name.len() > 1 && name.chars().all(|letter| letter.is_ascii_alphabetic())
}

/// La orden, sin lo que va entre comillas.
fn without_texts(command: &str) -> String {
    let mut quote = None;
    let mut bare = String::new();
    for letter in command.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            Some(_) => {}
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                bare.push('x');
            }
            None => bare.push(letter),
        }
    }
    bare
}

fn simple_commands(command: &str) -> Vec<&str> {
    command.split(['|', ';', '&', '(', ')', '{', '}', '<', '>']).map(str::trim).collect()
}

/// Las filas de las tablas de «Las órdenes del libro»: sus celdas.
fn rows() -> Vec<Vec<String>> {
    let chapter = fs::read_to_string(root().join("book/src/ordenes.md")).unwrap();
    let cells = |line: &str| {
        let line = line.trim_matches('|').replace("\\|", "\u{0}");
        line.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
    };
    let rows: Vec<Vec<String>> =
        chapter.lines().filter(|line| line.starts_with("| ")).map(cells).collect();
    assert!(rows.len() > 50, "solo se encontraron {} filas", rows.len());
    rows
}

/// Lo que va entre comillas de código en una celda.
fn code_in(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn cada_orden_del_libro_tiene_su_fila() {
    let rows = rows();
    let explained: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| code_in(&row[0]))
        .flat_map(|code| used(&format!("{code} ")))
        .collect();
    let mut missing = BTreeMap::new();
    for quoted in commands().iter().filter(|quoted| !quoted.command.contains("{{#")) {
        for idiom in used(&quoted.command) {
            let program = idiom.split(' ').next().unwrap_or_default();
            let elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == program);
            if !elsewhere && !explained.contains(&idiom) {
                missing.entry(idiom).or_insert(format!("{}: {}", quoted.place, quoted.command));
            }
        }
    }
    assert!(missing.is_empty(), "sin su fila en book/src/ordenes.md: {missing:#?}");
}

#[test]
fn lo_que_se_cuenta_en_otro_sitio_está_allí() {
    for (program, chapter) in ELSEWHERE {
        let text = fs::read_to_string(root().join(chapter)).unwrap();
        assert!(text.contains(program), "{chapter} no habla de «{program}»");
    }
}

#[test]
fn cada_línea_de_python_está_en_el_programa_que_se_prueba() {
    let script = fs::read_to_string(root().join(SCRIPT)).unwrap();
    for row in rows().iter().filter(|row| !row[2].contains("programa.py")) {
        for code in code_in(&row[2]) {
            assert!(
                script.contains(code),
                "{SCRIPT} no hace «{code}», que está junto a {}",
                row[0]
            );
        }
    }
}

#[test]
fn en_python_se_hace_lo_mismo() -> Result<(), Failure> {
    for tool in ["python3", "bash", "nc", "curl", "ss", "pgrep"] {
        if !tools::available(tool, "las órdenes del libro, en Python")? {
            return Ok(());
        }
    }
    let echo =
        Program::new(prose::program("aplic_02_02")?).args(["--serve", "--port", "0"]).start()?;
    let web = Program::new(prose::program("aplic_02_04")?).args(["--port", "0"]).start()?;
    let python = Program::new("env")
        .without_inherited_descriptors()
        .env("no_proxy", "*")
        .args(["--default-signal", "LC_ALL=C.UTF-8", "python3", SCRIPT])
        .args([echo.address().port().to_string(), web.address().port().to_string()])
        .arg(web.pid().to_string());
    let exit = python.run_to_end("", LIMIT)?;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), "todas hacen lo mismo\n"), "{exit}");
    Ok(())
}
