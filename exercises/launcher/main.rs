//! `cargo curso`: compila la herramienta si hace falta, con algo que se mueve mientras tanto, y la
//! arranca en su lugar.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime};

use launcher::{Moving, UpToDate, WHOLE_COURSE};

fn main() -> ExitCode {
    match launch() {
        Ok(never) => match never {},
        Err(trouble) => {
            complain(&format!("curso: {trouble}"));
            ExitCode::FAILURE
        }
    }
}

/// Solo vuelve si algo falla: si no, este proceso pasa a ser la herramienta.
fn launch() -> Result<std::convert::Infallible, String> {
    let exercises = exercises();
    let repository = exercises.parent().unwrap_or(&exercises).to_owned();
    let tool = env::current_exe().map_err(|error| unusable(&error))?.with_file_name("curso");
    let program = UpToDate::of(tool.clone(), repository);
    if !program.check() {
        let started = SystemTime::now();
        build(&exercises, !tool.exists())?;
        // Si no se puede apuntar, la próxima vez se le vuelve a preguntar a cargo, y nada más.
        let _ = program.note(started);
    }
    let error = Command::new(&tool)
        .args(env::args_os().skip(1))
        .env("CARGO_MANIFEST_DIR", &exercises)
        .exec();
    Err(unusable(&error))
}

/// La carpeta de los ejercicios: este paquete está dentro.
fn exercises() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_owned)
}

fn build(exercises: &Path, first: bool) -> Result<(), String> {
    if first {
        complain("Preparando «cargo curso»: la primera vez se compila, alrededor de medio minuto.");
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut cargo = Command::new(cargo)
        .args(["build", "--quiet", "--bin", "curso"])
        .args(WHOLE_COURSE)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(exercises)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            format!("no se puede ejecutar cargo: {error}. Qué probar: instala Rust con rustup (https://rustup.rs).")
        })?;
    let moving = Moving::after(Duration::ZERO);
    for message in cargo.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        if let (Ok(message), Some(moving)) = (message, &moving) {
            moving.saw(&message);
        }
    }
    drop(moving);
    let status = cargo.wait().map_err(|error| unusable(&error))?;
    if status.success() { Ok(()) } else { Err(NOT_BUILT.to_owned()) }
}

const NOT_BUILT: &str = "cargo no pudo compilar la herramienta. Qué probar: lee lo que dice arriba; \
                         si falta descargar algo, revisa tu conexión.";

fn unusable(error: &io::Error) -> String {
    format!("no se puede arrancar la herramienta: {error}. Qué probar: «cargo clean», y repetirlo.")
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
