//! Abrir la página en el navegador de quien mira.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use crate::saying::tell;

/// La opción con la que este programa se llama a sí mismo para abrir el navegador.
pub(crate) const OPTION: &str = "--navegador";

/// Abre `url`. Sin navegador (un contenedor, otra máquina), dice que la abras tú.
///
/// Lo hace otro proceso, en su propio grupo: si no, Ctrl-C también cerraría el navegador, cuando es
/// esta orden quien lo arranca.
pub(crate) fn open(url: &str) {
    if !matches!(apart(url), Ok(true)) {
        tell(&format!("no se encuentra un navegador; abre tú {url}"));
    }
}

fn apart(url: &str) -> io::Result<bool> {
    let mut command = Command::new(env::current_exe()?);
    command.args([OPTION, url]).stdin(Stdio::null()).process_group(0);
    Ok(command.status()?.success())
}

/// Lo que hace ese otro proceso.
pub(crate) fn open_here(url: &str) -> ExitCode {
    match opener::open_browser(url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
