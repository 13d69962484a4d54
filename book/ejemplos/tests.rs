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
const NOT_SHOWN: [&str; 3] = ["lib", "paciente", "tests"];

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
            // Con un tercio libre quedan dos; algo más, porque cada byte ocupa más de un byte.
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
