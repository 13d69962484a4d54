//! Los programas de otros que hacen falta, y qué decir si no están.

use std::env;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;

/// Dónde están.
pub(crate) struct Tools {
    pub(crate) redis: PathBuf,
    pub(crate) haproxy: PathBuf,
}

impl Tools {
    /// Los busca. Errores: faltan, con lo que hay que instalar.
    pub(crate) fn find() -> Result<Tools, Trouble> {
        match (find("redis-server"), find("haproxy")) {
            (Some(redis), Some(haproxy)) => Ok(Tools { redis, haproxy }),
            (None, Some(_)) => Err(missing("redis-server", "redis-server")),
            (Some(_), None) => Err(missing("HAProxy", "haproxy")),
            (None, None) => Err(missing("redis-server ni HAProxy", "redis-server haproxy")),
        }
    }
}

/// Los servidores suelen estar con los programas del sistema, fuera del PATH de un usuario.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders =
        env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| Path::is_file(file))
}

fn missing(what: &str, packages: &str) -> Trouble {
    let hint = format!("en Debian y Ubuntu, «sudo apt install {packages}»");
    Trouble::new(format!("no se puede arrancar sin {what}"), hint)
}
