//! Los programas de otros que hacen falta, y qué decir si no están.

use std::path::PathBuf;

use harness::tools::found;
use multiplexacion::cli::Trouble;

/// Dónde están.
pub(crate) struct Tools {
    pub(crate) redis: PathBuf,
    pub(crate) haproxy: PathBuf,
}

impl Tools {
    /// Los busca. Errores: faltan, con lo que hay que instalar.
    pub(crate) fn find() -> Result<Tools, Trouble> {
        match (found("redis-server"), found("haproxy")) {
            (Some(redis), Some(haproxy)) => Ok(Tools { redis, haproxy }),
            (None, Some(_)) => Err(missing("redis-server", "redis-server")),
            (Some(_), None) => Err(missing("HAProxy", "haproxy")),
            (None, None) => Err(missing("redis-server ni HAProxy", "redis-server haproxy")),
        }
    }
}

fn missing(what: &str, packages: &str) -> Trouble {
    let hint = format!("en Debian y Ubuntu, «sudo apt-get install {packages}»");
    Trouble::new(format!("no se puede arrancar sin {what}"), hint)
}
