//! El taller: un paquete de usar y tirar en `target/`, con las pruebas de cada ejercicio frente a
//! las versiones que se quiera de su código. Todo se compila con una sola llamada a cargo.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;

use crate::build::Build;
use crate::course::{Course, Exercise, write};

/// Lo que hace falta para montar el paquete; sus dependencias están donde diga `{exercises}`.
const MANIFEST: &str = r#"# Lo escribe «cargo curso»; se puede borrar.
[package]
name = "taller"
edition = "2024"
publish = false
autotests = false

[workspace]

[features]
soluciones = []

[lib]
path = "lib.rs"
test = false
doctest = false

[dependencies]
ejercicios = { path = "{exercises}" }
harness = { path = "{exercises}/../tests/harness" }
httpdate = "1.0"
multiplexacion = { path = "{exercises}/.." }
nix = { version = "0.32", features = ["event", "fs", "poll", "process", "signal", "time"] }
socket2 = { version = "0.6", features = ["all"] }
tempfile = "3.27"

# Nadie lo depura, y enlazar cien pruebas sin símbolos cuesta la mitad. Cada una se compila de una vez:
# en varias partes gastaría más procesador, y ya se compilan varias a la vez.
[profile.dev]
debug = false
incremental = false
codegen-units = 1

[lints.rust]
warnings = { level = "allow", priority = -1 }
unsafe_code = "forbid"
"#;

/// Una versión del código de un ejercicio.
pub(crate) struct Variant<'a> {
    pub(crate) exercise: &'a Exercise,
    /// `inicio`, `solucion`, o el nombre de un error.
    pub(crate) name: String,
    /// Lo que hace de `ejercicio.rs`. Quien lo escribió pudo no hacerlo en UTF-8: que lo diga rustc.
    pub(crate) code: Vec<u8>,
}

impl Variant<'_> {
    /// El nombre de su prueba en el paquete.
    pub(crate) fn test(&self) -> String {
        format!("{}--{}", self.exercise.id, self.name)
    }
}

/// Monta el paquete `name`; falta decir qué se compila.
pub(crate) fn prepare(
    course: &Course,
    name: &str,
    variants: &[&Variant<'_>],
) -> Result<Build, Trouble> {
    let target = target(course);
    let folder = target.join("taller").join(name);
    fs::create_dir_all(&folder)?;
    let exercises = course.folder.to_string_lossy();
    let mut manifest = MANIFEST.replace("{exercises}", &exercises);
    for variant in variants {
        let test = variant.test();
        lay_out(variant, &folder.join(&test))?;
        let _ = write!(
            manifest,
            "\n[[test]]\nname = {test:?}\npath = \"{test}/pruebas.rs\"\nharness = false\n"
        );
    }
    renew(&folder.join("Cargo.toml"), manifest.as_bytes())?;
    renew(&folder.join("lib.rs"), b"")?;
    // Las mismas versiones de todo que en el curso, y nada que descargar.
    let _ = fs::copy(course.repository().join("Cargo.lock"), folder.join("Cargo.lock"));
    let build = Build::of(&folder).arg("--target-dir").arg(target.join("taller/target"));
    Ok(build)
}

/// Copia la carpeta del ejercicio con `variant` en el lugar de `ejercicio.rs`.
fn lay_out(variant: &Variant<'_>, folder: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(&variant.exercise.folder)?.flatten() {
        if entry.file_type()?.is_file() && entry.file_name() != "ejercicio.rs" {
            renew(&folder.join(entry.file_name()), &fs::read(entry.path())?)?;
        }
    }
    renew(&folder.join("ejercicio.rs"), &variant.code)
}

/// Escribe `text` en `file` si no estaba ya: cargo mira la fecha, y no compila lo que no cambió.
fn renew(file: &Path, text: &[u8]) -> Result<(), Trouble> {
    if fs::read(file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    write(file, text)
}

/// La carpeta del paquete `name`.
pub(crate) fn folder(course: &Course, name: &str) -> PathBuf {
    target(course).join("taller").join(name)
}

/// Una carpeta vacía en el taller.
pub(crate) fn empty(course: &Course, name: &str) -> Result<PathBuf, Trouble> {
    let folder = folder(course, name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn target(course: &Course) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| course.repository().join("target"), PathBuf::from)
}
