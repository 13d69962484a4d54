//! Qué más se ejecuta al compilar una carpeta que quizá no es de quien la revisa.

use std::fs;
use std::path::Path;

use multiplexacion::cli;

use crate::course::Course;

/// Lo dice, si hay algo.
pub(super) fn warn(course: &Course) {
    let also = also_run(course.repository());
    if !also.is_empty() {
        cli::complain(&format!(
            "curso: compilar esta carpeta ejecuta también, con tu usuario y sin aislar, {}. Si no es \
             tuya, califícala desde tu copia: cargo curso clase CARPETA",
            also.join(", ")
        ));
    }
}

/// Lo que cargo ejecuta u obedece al compilar, y el curso no trae.
fn also_run(repository: &Path) -> Vec<String> {
    let config = |name: &str| {
        let text = fs::read_to_string(repository.join(name)).unwrap_or_default();
        let mut section = String::new();
        text.lines().map(str::trim).any(|line| {
            if line.starts_with('[') {
                line.clone_into(&mut section);
            }
            section != "[alias]" && !line.is_empty() && !line.starts_with('#')
        })
    };
    let configs = [".cargo/config.toml", ".cargo/config"].into_iter().filter(|name| config(name));
    let toolchains = ["rust-toolchain", "rust-toolchain.toml"].into_iter();
    let toolchains = toolchains.filter(|name| repository.join(name).exists());
    let mut also: Vec<_> = configs.chain(toolchains).map(str::to_owned).collect();
    scripts(repository, "", &mut also);
    also.sort();
    also
}

/// Los programas que cargo ejecuta antes de compilar un paquete: su `build.rs`, o el que diga.
fn scripts(folder: &Path, inner: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inner.is_empty() { name.clone() } else { format!("{inner}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !["target", ".git", "node_modules"].contains(&&*name) => {
                scripts(&entry.path(), &path, found);
            }
            Ok(_) if name == "build.rs" && folder.join("Cargo.toml").exists() => found.push(path),
            Ok(_) if name == "Cargo.toml" && names_a_script(&entry.path()) => found.push(path),
            _ => {}
        }
    }
}

fn names_a_script(manifest: &Path) -> bool {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("build "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;

    #[test]
    fn lo_que_se_ejecuta_además_de_los_ejercicios_se_dice() {
        let folder = tempfile::TempDir::new().unwrap();
        let place = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            write(&file, text).unwrap();
        };
        place(".cargo/config.toml", "# Los alias.\n[alias]\ncurso = \"run\"\n");
        assert!(also_run(folder.path()).is_empty());
        place(".cargo/config.toml", "[alias]\ncurso = \"run\"\n[build]\nrustc-wrapper = \"./x\"\n");
        place("exercises/build.rs", "fn main() {}\n");
        place("exercises/Cargo.toml", "[package]\nbuild = \"otro.rs\"\n");
        place("exercises/src/build.rs", "//! Un módulo.\n");
        place("target/x/build.rs", "fn main() {}\n");
        assert_eq!(
            also_run(folder.path()),
            [".cargo/config.toml", "exercises/Cargo.toml", "exercises/build.rs"]
        );
    }
}
