//! Lo poco que se le pide a git.

use std::path::Path;
use std::process::{Command, Output};

/// Lo que responde en `folder`; nada, si no está, o si eso no es un repositorio.
pub(crate) fn ask(folder: &Path, words: &[&str]) -> Option<String> {
    let output = output(folder, words).ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Hace algo en `folder`.
///
/// # Errors
/// No lo hizo: lo que dijo.
pub(crate) fn make(folder: &Path, words: &[&str]) -> Result<(), String> {
    let output = output(folder, words).map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// La última versión del curso que se trajo y de la que parte lo de aquí, si se sabe cuál es.
pub(crate) fn base(folder: &Path) -> Option<String> {
    let commit = ask(folder, &["merge-base", "HEAD", "@{upstream}"])?;
    Some(commit.trim().chars().take(12).collect())
}

/// Los archivos que cambian entre `commit` y `other`, o lo que hay ahora en la carpeta si es `None`;
/// sus nombres parten de `folder`.
pub(crate) fn changed(folder: &Path, commit: &str, other: Option<&str>) -> Vec<String> {
    let mut words = vec!["diff", "--name-only", "--relative", "-z", commit];
    words.extend(other);
    words.extend(["--", "."]);
    let names = ask(folder, &words).unwrap_or_default();
    names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn output(folder: &Path, words: &[&str]) -> std::io::Result<Output> {
    Command::new("git").arg("-C").arg(folder).args(words).output()
}
