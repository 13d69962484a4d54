//! Lo que una máquina puede no tener: programas, IPv6.
//!
//! Una prueba a la que le falta algo lo dice, y no pasa en silencio.

use std::env;
use std::io::{self, Write};
use std::net::{Ipv6Addr, TcpListener};
use std::path::PathBuf;

use crate::failure::Failure;

/// Dónde está el programa con ese nombre: en el `PATH` o con los del sistema, que suelen quedar fuera
/// del `PATH` de un usuario (nginx, HAProxy).
pub fn found(tool: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = env::split_paths(&path).chain(system).map(|folder| folder.join(tool));
    places.find(|place| place.is_file())
}

/// Si está el programa con ese nombre.
pub fn installed(tool: &str) -> bool {
    found(tool).is_some()
}

/// Si se puede usar `tool`. Si no, [deja constancia](missing) de que queda `untested` sin probar.
pub fn available(tool: &str, untested: &str) -> Result<bool, Failure> {
    if installed(tool) { Ok(true) } else { missing(&format!("no está «{tool}»"), untested) }
}

/// Deja constancia de que aquí falta algo que se puede instalar: no se puede probar.
///
/// En la integración continua (variable `CI`), que instala lo que hace falta, es un fallo.
pub fn missing(reason: &str, untested: &str) -> Result<bool, Failure> {
    if env::var_os("CI").is_some() {
        return Err(Failure::new(notice(reason, untested)));
    }
    skip(reason, untested).map(|()| false)
}

/// Si esta máquina tiene IPv6. Si no, deja constancia de que queda `untested` sin probar.
pub fn ipv6(untested: &str) -> Result<bool, Failure> {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        return Ok(true);
    }
    skip("esta máquina no tiene IPv6", untested).map(|()| false)
}

/// Deja constancia de lo que esta máquina no permite probar, y por qué.
pub fn skip(reason: &str, untested: &str) -> Result<(), Failure> {
    // Directo al descriptor: lo que imprime `eprintln!` solo se enseña si la prueba falla.
    writeln!(io::stderr(), "\n{}", notice(reason, untested))?;
    Ok(())
}

fn notice(reason: &str, untested: &str) -> String {
    format!("AVISO: sin probar {untested}: {reason}.")
}
