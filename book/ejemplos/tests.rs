//! Las demostraciones dicen hoy lo que el libro enseña: sus sesiones se vuelven a ejecutar.
//!
//! `INSTA_UPDATE=always cargo test -p ejemplos` escribe las nuevas en su sitio; léelas con
//! `git diff` antes de darlas por buenas.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::fs;
use std::path::Path;

use harness::Failure;
use prose::{Varying, as_here, recorded, run};

/// Las sesiones con números que son de cada máquina. Los que se repiten en líneas iguales, tantas
/// veces como quiera el núcleo, son una sola línea.
const FIGURES_VARY: [&str; 2] = ["buferes", "siempre_listo"];

#[test]
fn cada_sesión_se_repite() -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(folder.join("sesiones"))? {
        let file = entry?.path();
        let name = file.file_stem().unwrap().to_string_lossy();
        let command = format!("cargo run --bin {name}");
        let exit = run(folder, &as_here(&command)?, "")?;
        assert_eq!(exit.code, Some(0), "{name}: {exit}");
        let now = format!("$ {command}\n{}", exit.stdout);
        if !FIGURES_VARY.contains(&&*name) {
            recorded(&file, &now, str::to_owned)?;
            continue;
        }
        recorded(&file, &now, without_figures)?;
        for session in [fs::read_to_string(&file)?, now] {
            adds_up(&name, &session);
        }
    }
    Ok(())
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
    if name == "buferes" {
        let accepted = last_figures(session, "acepta");
        let sum: u64 = accepted.iter().sum();
        assert!(*accepted.last().unwrap() < 1024 * 1024, "la última escritura fue entera");
        assert_eq!(last_figures(session, "No cabe más"), [sum]);
        assert_eq!(last_figures(session, "Estaban todos"), [sum]);
    } else {
        let turns = last_figures(session, "vueltas");
        // En silencio basta una vuelta, o dos si poll(2) vuelve un instante antes de los 200 ms.
        assert!(turns[0] <= 2 && turns[1] > 100, "{turns:?}");
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
