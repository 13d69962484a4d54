//! `ver`: lo que se escribió, en marcha y visto por dentro, en el navegador.

use std::path::{self, Path};
use std::process::Command;

use multiplexacion::cli::Trouble;

use super::run::{become_it, built};
use crate::build::cargo;
use crate::course::{Course, Exercise};

/// Lo arranca con `cargo ver`, con sus `options`. Solo vuelve si no se puede.
pub(crate) fn inside(
    course: &Course,
    exercise: &Exercise,
    port: u16,
    options: &Options<'_>,
) -> Result<bool, Trouble> {
    let Some(executable) = built(course, exercise)? else { return Ok(false) };
    let mut command = Command::new(cargo());
    command.args(["run", "--quiet", "--package", "ventana", "--bin", "ver", "--"]);
    if let Some(page) = options.page {
        // Se arranca desde la carpeta del curso, que puede ser otra.
        command.arg("--grabar").arg(path::absolute(page)?);
    }
    if options.stay_closed {
        command.arg("--no-abrir");
    }
    command.arg("--").arg(executable);
    become_it(command, course, port)
}

/// Lo que se le dice a `cargo ver`.
pub(crate) struct Options<'a> {
    /// La página que se deja, si se pide.
    pub(crate) page: Option<&'a Path>,
    /// Si el navegador se queda como está.
    pub(crate) stay_closed: bool,
}
