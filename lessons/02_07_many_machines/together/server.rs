//! El programa de los servidores: `aplic_02_07`, al lado de este.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use multiplexacion::cli::Trouble;

const NAME: &str = "aplic_02_07";

/// Dónde está. Si a este lo arrancó `cargo run`, que solo compila lo que se le pide, lo compila antes:
/// podría faltar, o ser de antes del último cambio. Errores: no está, o no compila.
pub(crate) fn program() -> Result<PathBuf, Trouble> {
    let file = env::current_exe()?.with_file_name(NAME);
    if let Some(cargo) = env::var_os("CARGO").filter(|cargo| !cargo.is_empty()) {
        build(Command::new(cargo), &file).map_err(|_| {
            let hint = format!("mira qué dice cargo build -p varias_maquinas --bin {NAME}");
            Trouble::new(format!("no se pudo compilar {NAME}"), hint)
        })?;
    }
    if file.is_file() {
        return Ok(file);
    }
    let hint = format!("compílalo antes: cargo build -p varias_maquinas --bin {NAME}");
    Err(Trouble::new(format!("junto a este programa no está {NAME}"), hint))
}

/// Con el mismo perfil y en la misma carpeta que este.
fn build(mut cargo: Command, file: &std::path::Path) -> io::Result<()> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    cargo.args(["build", "--quiet", "--manifest-path", manifest, "--bin", NAME]);
    let folder = file.parent().ok_or(io::ErrorKind::NotFound)?;
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target) = folder.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let status = cargo.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}
