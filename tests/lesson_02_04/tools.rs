//! Programas que una máquina puede no tener.

use std::env;
use std::io::{self, Write};

use harness::Failure;

/// Si se puede usar `tool`. Si no, lo dice en el error estándar: una prueba que no prueba nada
/// no debe pasar en silencio.
///
/// En la integración continua (variable `CI`) no hay excusa: es un fallo.
pub(crate) fn available(tool: &str, untested: &str) -> Result<bool, Failure> {
    let folders = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&folders).any(|folder| folder.join(tool).is_file()) {
        return Ok(true);
    }
    skip(&format!("no está «{tool}»"), untested).map(|()| false)
}

/// Deja constancia de lo que queda sin probar, y por qué.
pub(crate) fn skip(reason: &str, untested: &str) -> Result<(), Failure> {
    let notice = format!("AVISO: sin probar {untested}: {reason}.");
    if env::var_os("CI").is_some() {
        return Err(Failure::new(notice));
    }
    // Directo al descriptor: `eprintln!` lo captura el arnés de pruebas, y solo lo enseña si la
    // prueba falla.
    let _ = writeln!(io::stderr(), "\n{notice}");
    Ok(())
}
