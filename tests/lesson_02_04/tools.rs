//! Programas que una máquina puede no tener.

use std::env;
use std::io::{self, Write};

use harness::Failure;

/// Si se puede usar `tool`. Si no, lo dice en la salida de errores: una prueba que no prueba nada
/// no debe pasar en silencio.
///
/// En la integración continua (variable `CI`), que instala lo que hace falta, es un fallo.
pub(crate) fn available(tool: &str, untested: &str) -> Result<bool, Failure> {
    let folders = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&folders).any(|folder| folder.join(tool).is_file()) {
        return Ok(true);
    }
    let reason = format!("no está «{tool}»");
    if env::var_os("CI").is_some() {
        return Err(Failure::new(notice(&reason, untested)));
    }
    skip(&reason, untested).map(|()| false)
}

/// Deja constancia de lo que esta máquina no permite probar, y por qué.
pub(crate) fn skip(reason: &str, untested: &str) -> Result<(), Failure> {
    // Directo al descriptor: lo que imprime `eprintln!` solo se enseña si la prueba falla.
    writeln!(io::stderr(), "\n{}", notice(reason, untested))?;
    Ok(())
}

fn notice(reason: &str, untested: &str) -> String {
    format!("AVISO: sin probar {untested}: {reason}.")
}
