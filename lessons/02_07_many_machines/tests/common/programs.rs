//! Los programas de otros: el cliente, que es de otra lección, y el balanceador.

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use harness::{Failure, tools};

/// El programa de la lección 02_03, que es de otro paquete, y hay que pedirlo.
pub(crate) fn client() -> Result<PathBuf, Failure> {
    const NAME: &str = "aplic_02_03";
    static BUILT: LazyLock<Result<(), Failure>> =
        LazyLock::new(|| prose::build(&["--package", "multiplexacion", "--bin", NAME]));
    BUILT.clone()?;
    Ok(prose::program(NAME)?)
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
