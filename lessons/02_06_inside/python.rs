//! Desde qué línea llama un programa de Python. De un intérprete, strace solo ve funciones de C: es el
//! propio Python quien lo dice, con un archivo que ejecuta al arrancar, `sitecustomize.py`.

mod interpreter;
mod marks;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

pub(crate) use marks::{Marks, carries};

/// Lo que ejecuta Python al arrancar.
const HOOK: &str = include_str!("python/sitecustomize.py");

/// Una carpeta con el archivo, mientras dura.
#[derive(Debug)]
pub(crate) struct Hook(TempDir);

impl Hook {
    /// Para `command`, cuyo programa es `program`, si es un Python que lo ejecutará. Si la carpeta no
    /// se puede crear, se graba igual, sin líneas.
    pub(crate) fn of(program: &Path, command: &[OsString]) -> Option<Hook> {
        interpreter::obeys(program, command).then(|| Hook::new().ok())?
    }

    fn new() -> io::Result<Hook> {
        let folder = TempDir::with_prefix("ventana_")?;
        fs::write(folder.path().join("sitecustomize.py"), HOOK)?;
        Ok(Hook(folder))
    }

    /// El valor de PYTHONPATH: la carpeta, delante de lo que hubiera.
    pub(crate) fn search_path(&self) -> OsString {
        let mut value = self.0.path().as_os_str().to_owned();
        if let Some(before) = env::var_os("PYTHONPATH").filter(|before| !before.is_empty()) {
            value.push(OsStr::new(":"));
            value.push(before);
        }
        value
    }
}
