//! Los programas de otros: el cliente, que es de otra lección, y el balanceador.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use harness::{Failure, tools};

/// El programa de la lección 02_03, que es de otro paquete: se compila si hace falta.
pub(crate) fn client() -> Result<&'static Path, Failure> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_aplic_02_07")).parent()?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--package", "multiplexacion", "--bin", "aplic_02_03"])
            .args(folder.ends_with("release").then_some("--release"))
            .arg("--target-dir")
            .arg(folder.parent()?)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .status();
        built.is_ok_and(|status| status.success()).then(|| folder.join("aplic_02_03"))
    });
    built.as_deref().ok_or_else(|| Failure::new("No se pudo compilar aplic_02_03."))
}

/// Dónde está HAProxy: suele estar con los programas del sistema, fuera del PATH de un usuario.
pub(crate) fn haproxy() -> Result<Option<PathBuf>, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join("haproxy"))
        .find(|file| file.is_file());
    if found.is_none() {
        tools::missing("no está «haproxy»", "el chat por un balanceador")?;
    }
    Ok(found)
}
