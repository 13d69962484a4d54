//! Los programas de otros: el cliente, que es de otra lección, y el balanceador.

use std::path::PathBuf;
use std::sync::LazyLock;

use harness::{Failure, tools};

/// El programa de la lección 02_03, que es de otro paquete, y hay que pedirlo.
pub(crate) fn client() -> Result<PathBuf, Failure> {
    const NAME: &str = "aplic_02_03";
    static BUILT: LazyLock<Result<(), Failure>> =
        LazyLock::new(|| prose::build(&["build", "--package", "multiplexacion", "--bin", NAME]));
    BUILT.clone()?;
    Ok(prose::program(NAME)?)
}

/// Dónde está HAProxy.
pub(crate) fn haproxy() -> Result<Option<PathBuf>, Failure> {
    let found = tools::found("haproxy");
    if found.is_none() {
        tools::missing("no está «haproxy»", "el chat por un balanceador")?;
    }
    Ok(found)
}
