//! Las tablas de «Qué se promete, y quién lo prueba» nombran pruebas que existen.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::fs;
use std::path::Path;

/// Las filas de las tablas, sin las dos primeras líneas de cada una.
fn rows(chapter: &str) -> Vec<&str> {
    let tables = chapter.split("| se promete | aunque… | prueba, en `tests/` |\n").skip(1);
    tables.flat_map(|rest| rest.lines().skip(1).take_while(|line| line.starts_with('|'))).collect()
}

#[test]
fn cada_garantía_del_capítulo_tiene_su_prueba() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = fs::read_to_string(folder.join("capitulo.md")).unwrap();
    let rows = rows(&chapter);
    assert!(rows.len() > 30, "no se encuentran las tablas");
    let mut missing = Vec::new();
    for row in rows {
        let test = row.rsplit('|').nth(1).unwrap().trim();
        let Some((file, name)) = test.strip_prefix('`').and_then(|test| test.split_once("`: "))
        else {
            panic!("no nombra una prueba: {row}")
        };
        let name = name.replace(' ', "_");
        let code = fs::read_to_string(folder.join("tests").join(file)).unwrap_or_default();
        if !code.contains(&format!("#[test]\nfn {name}(")) {
            missing.push(format!("{file}: {name}"));
        }
    }
    assert!(
        missing.is_empty(),
        "el capítulo nombra pruebas que no existen:\n{}",
        missing.join("\n")
    );
}
