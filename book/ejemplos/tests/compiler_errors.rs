//! Los errores del compilador que enseña «Rust para quien viene de Python», provocados otra vez.
//!
//! `errores/e0382.rs` no compila, y `e0382.txt` es lo que responde rustc; `e0382_bien.rs` es la
//! salida, y compila. `INSTA_UPDATE=always cargo test -p ejemplos` escribe los `.txt` con el rustc de
//! hoy, y en `rustc.txt` de cuál son.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Failure, tools};
use prose::{Varying, recorded};
use tempfile::TempDir;

/// Lo que cabe en un listado del libro sin desplazarse.
const COLUMNS: usize = 90;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("errores")
}

/// Los nombres de los programas equivocados: `e0382`, `e0499`…
fn slips() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let programs = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let mut names: Vec<String> =
        programs.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.ends_with("_bien"));
    names.sort();
    names
}

/// Compila uno, como biblioteca y sin dejar nada; devuelve lo que dijo rustc.
fn compile(name: &str) -> (bool, String) {
    let scratch = TempDir::new().unwrap();
    let output = Command::new("rustc")
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata"])
        .args(["--color", "never", "--out-dir"])
        .arg(scratch.path())
        .arg(format!("{name}.rs"))
        .current_dir(folder())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // Dónde está la biblioteca estándar es de cada máquina y de cada versión.
    let plain = Varying::new(&[("--> .*/library/(.*):[0-9]+:[0-9]+", "--> …/library/$1")]);
    (output.status.success(), wrapped(&plain.erased(&said)))
}

/// Cada línea que no cabe, partida entre dos palabras, como en una terminal estrecha. Lo que sigue
/// queda a la derecha de la raya, si la había.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    for mut line in text.lines().map(str::to_owned) {
        let margin = line
            .find('|')
            .filter(|&at| line[..at].trim().parse::<u32>().is_ok() || line[..at].trim().is_empty());
        while line.chars().count() > COLUMNS {
            let fits = line.char_indices().nth(COLUMNS).map_or(line.len(), |(at, _)| at);
            let Some(cut) = line[..=fits].rfind(' ') else { break };
            let rest = line.split_off(cut);
            writeln!(lines, "{line}").unwrap();
            let indent =
                margin.map_or("   ".to_owned(), |at| format!("{}|       ", " ".repeat(at)));
            line = format!("{indent} {}", rest.trim_start());
        }
        writeln!(lines, "{line}").unwrap();
    }
    lines
}

/// `1.95`: lo que cambia los mensajes de una versión a otra.
fn version() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let number = said.split(' ').nth(1).unwrap();
    number.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Lo que no cambia de una versión a otra: el código del error, y el lugar al que señala.
fn code_and_place(text: &str) -> String {
    let code = text.split(':').next().unwrap_or_default();
    let place = text.lines().map(str::trim).find(|line| line.starts_with("--> "));
    format!("{code} {}", place.unwrap_or_default())
}

#[test]
fn cada_error_es_el_que_dice_el_libro() -> Result<(), Failure> {
    let names = slips();
    assert!(names.len() >= 5, "{names:?}");
    let written_by = folder().join("rustc.txt");
    let update = env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always");
    if update {
        fs::write(&written_by, version())?;
    }
    let same_version = fs::read_to_string(&written_by).unwrap_or_default() == version();
    if !same_version {
        let recorded_by = fs::read_to_string(&written_by)?;
        let reason = format!("son de rustc {recorded_by}, y aquí está el {}", version());
        tools::skip(&reason, "los mensajes del compilador, palabra por palabra")?;
    }
    for name in names {
        let (compiles, said) = compile(&name);
        assert!(!compiles, "{name}.rs compila");
        let code = format!("error[{}]", name[.."e0382".len()].to_uppercase());
        assert_eq!(said.matches("error[").count(), 1, "{name}: {said}");
        assert!(said.starts_with(&code), "{name}: {said}");
        let file = folder().join(format!("{name}.txt"));
        if same_version {
            recorded(&file, &said, str::to_owned)?;
        } else {
            recorded(&file, &said, code_and_place)?;
        }
    }
    Ok(())
}

#[test]
fn cada_salida_compila_sin_un_aviso() {
    for name in slips() {
        assert_eq!(compile(&format!("{name}_bien")), (true, String::new()), "{name}_bien.rs");
    }
}
