//! Abrir la página en el navegador, si hay dónde.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};

/// Los programas que saben abrir una página, por orden: Linux, WSL.
const OPENERS: [&str; 2] = ["xdg-open", "wslview"];

/// La abre si alguien está mirando la terminal y hay un escritorio. Si no se puede, no importa:
/// su dirección ya está dicha.
pub(crate) fn open(page: &Path) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"];
    if !io::stdout().is_terminal() || desktop.iter().all(|name| std::env::var_os(name).is_none()) {
        return;
    }
    for opener in OPENERS {
        let mut command = Command::new(opener);
        command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}
