//! Los programas que se miden además del propio laboratorio: los de las lecciones, los pares y lo
//! que haya instalado.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use multiplexacion::cli::{Trouble, complain};

/// La carpeta del curso, en la que se compiló este programa.
pub(crate) const COURSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub(crate) const LESSON: &str = env!("CARGO_MANIFEST_DIR");

/// Compila el programa de una lección, si hace falta, y dice dónde está.
pub(crate) fn lesson(name: &str) -> Result<PathBuf, Trouble> {
    program("multiplexacion", name)
}

/// Lo mismo, con el servidor de 02_07, que es de otro paquete.
pub(crate) fn many_machines() -> Result<PathBuf, Trouble> {
    program("varias_maquinas", "aplic_02_07")
}

fn program(package: &str, name: &str) -> Result<PathBuf, Trouble> {
    complain(&format!("Compilando {name}, si hace falta…"));
    build(&Path::new(COURSE).join("Cargo.toml"), &["--package", package, "--bin", name]).map_err(
        |_| {
            Trouble::new(
                format!("no se pudo compilar {name}"),
                format!("mira qué dice cargo build --package {package} --bin {name}"),
            )
        },
    )?;
    Ok(folder()?.join(name))
}

/// Compila el eco sobre io_uring de «Más allá», si se puede.
pub(crate) fn uring() -> Option<PathBuf> {
    complain("Compilando el eco sobre io_uring, si hace falta…");
    let manifest = Path::new(COURSE).join("Cargo.toml");
    if build(&manifest, &["--package", "mas_alla", "--bin", "eco_uring"]).is_err() {
        complain("No se pudo compilar: se mide sin él.");
        return None;
    }
    Some(folder().ok()?.join("eco_uring"))
}

/// Compila los pares, si se puede: traen otras bibliotecas, y por eso viven aparte.
pub(crate) fn peers() -> Option<PathBuf> {
    complain("Compilando los pares (hyper y may_minihttp), si hace falta…");
    let manifest = Path::new(LESSON).join("pares/Cargo.toml");
    if build(&manifest, &[]).is_err() {
        complain("No se pudieron compilar: se mide sin ellos.");
        return None;
    }
    folder().ok()
}

/// Con el mismo perfil y en la misma carpeta en que se compiló este programa.
fn build(manifest: &Path, what: &[&str]) -> io::Result<()> {
    let folder = folder()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--manifest-path"]).arg(manifest).args(what);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

/// La carpeta en que está este programa: `target/release`, o la de las pruebas.
fn folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().ok_or(io::ErrorKind::NotFound)?;
    // Las pruebas se ejecutan desde `target/debug/deps`.
    Ok(if folder.ends_with("deps") { folder.with_file_name("") } else { folder.to_owned() })
}
