//! Las demostraciones dicen hoy lo que el libro enseña: sus sesiones se vuelven a ejecutar.
//!
//! `INSTA_UPDATE=always cargo test -p ejemplos` escribe las nuevas en su sitio; léelas con
//! `git diff` antes de darlas por buenas.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use harness::Failure;
use prose::{Varying, as_here, recorded, run};

/// Las sesiones con números que son de cada máquina. Los que se repiten en líneas iguales, tantas
/// veces como quiera el núcleo, son una sola línea.
const FIGURES_VARY: [&str; 4] = ["buferes", "reinicio", "siempre_listo", "un_tercio"];

/// Lo que no es una demostración; con el paciente se habla en la autopsia.
const NOT_SHOWN: [&str; 4] = ["lib", "paciente", "preguntas", "tests"];

#[test]
fn cada_sesión_se_repite() -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (programs, sessions) = (names(folder), names(&folder.join("sesiones")));
    for name in programs.union(&sessions).filter(|name| !NOT_SHOWN.contains(&name.as_str())) {
        let file = folder.join(format!("sesiones/{name}.txt"));
        let command = format!("cargo run --bin {name}");
        let exit = run(folder, &as_here(&command)?, "")?;
        assert_eq!(exit.code, Some(0), "{name}: {exit}");
        let now = format!("$ {command}\n{}", exit.stdout);
        if !FIGURES_VARY.contains(&name.as_str()) {
            recorded(&file, &now, str::to_owned)?;
            continue;
        }
        recorded(&file, &now, without_figures)?;
        for session in [fs::read_to_string(&file)?, now] {
            adds_up(name, &session);
        }
    }
    Ok(())
}

#[test]
fn lo_que_sale_en_cada_pregunta_es_la_opción_señalada() -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut asked = 0;
    for (chapter, text) in chapters(&folder.join("../..")) {
        for question in text.split("<div class=\"pregunta salida\" ").skip(1) {
            let question = question.split("</div>").next().unwrap_or_default();
            let id = question.split('"').nth(1).unwrap_or_default();
            let place = format!("{chapter}, pregunta «{id}»");
            let listing = question.split("ejemplos/preguntas.rs:").nth(1).unwrap_or_else(|| {
                panic!("{place}: su listado no está en book/ejemplos/preguntas.rs")
            });
            let name = listing.split('}').next().unwrap_or_default();
            let command = format!("cargo run --bin preguntas {name}");
            let exit = run(folder, &as_here(&command)?, "")?;
            assert_eq!(exit.code, Some(0), "{place}: {exit}");
            assert_eq!(words(&exit.stdout), words(right_option(question)), "{place}");
            asked += 1;
        }
    }
    assert!(asked > 0, "no se encuentra ninguna pregunta");
    Ok(())
}

/// Los capítulos del libro y de las lecciones: su nombre y su texto.
fn chapters(root: &Path) -> Vec<(String, String)> {
    let mut folders = vec![root.join("book/src"), root.join("lessons")];
    let mut chapters = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                chapters.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    chapters
}

/// El código de la opción señalada con `[x]`: entre comillas, o en un bloque.
fn right_option(question: &str) -> &str {
    let option = question.split("- [x] ").nth(1).unwrap_or_default();
    let block = option.split("```text").nth(1).and_then(|block| block.split("```").next());
    let is_inline = option.lines().next().is_some_and(|line| line.contains('`'));
    let inline = option.split('`').nth(1).unwrap_or_default();
    if is_inline { inline } else { block.unwrap_or_default() }
}

/// Como compara `theme/questions.js`: un espacio, una coma o un salto de línea de más no cuentan.
fn words(text: &str) -> Vec<String> {
    let separated = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
    separated.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Los archivos de una carpeta, sin su extensión.
fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files =
        files.filter(|path| path.extension().is_some_and(|end| end == "rs" || end == "txt"));
    files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// Cada número, como `N`, y las líneas que así quedan iguales, una vez.
fn without_figures(text: &str) -> String {
    let plain = Varying::new(&[("[0-9]+", "N")]).erased(text);
    let mut lines: Vec<&str> = plain.lines().collect();
    lines.dedup();
    lines.join("\n")
}

/// Los números son de cada máquina, pero no cualesquiera.
fn adds_up(name: &str, session: &str) {
    match name {
        "buferes" => {
            let accepted = last_figures(session, "acepta");
            let sum: u64 = accepted.iter().sum();
            assert!(*accepted.last().unwrap() < 1024 * 1024, "la última escritura fue entera");
            assert_eq!(last_figures(session, "No cabe más"), [sum]);
            assert_eq!(last_figures(session, "Estaban todos"), [sum]);
        }
        "reinicio" => {
            let (read, lost) = (last_figures(session, "Beto lee"), last_figures(session, "perdió"));
            assert_eq!(read[0], 4, "lo que ya había llegado se lee entero");
            assert!(read[1] > 0 && lost[0] > 0, "{read:?} {lost:?}");
            assert_eq!(last_figures(session, "aceptó"), [read[1] + lost[0]]);
        }
        "un_tercio" => {
            let write = last_figures(session, "write vuelve");
            let poll = last_figures(session, "poll dice");
            // Con un tercio libre quedan dos, más o menos: cada byte ocupa más de un byte.
            assert!(poll[0] < 75 && poll[0] < write[0], "write: {write:?}, poll: {poll:?}");
        }
        _ => {
            let turns = last_figures(session, "vueltas");
            // En silencio basta una vuelta, o dos si poll(2) vuelve un instante antes de los 200 ms.
            assert!(turns[0] <= 2 && turns[1] > 100, "{turns:?}");
        }
    }
}

/// Los números de cada línea que contiene `mark`: el último de cada una.
fn last_figures(text: &str, mark: &str) -> Vec<u64> {
    let figures = |line: &str| {
        let words = line.split(|letter: char| !letter.is_ascii_digit());
        words.filter_map(|word| word.parse().ok()).next_back()
    };
    text.lines().filter(|line| line.contains(mark)).filter_map(figures).collect()
}
