//! `ejecutar`: lo que se escribió, en marcha.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ejercicios::runner::BY_HAND;
use multiplexacion::cli::{self, Trouble};
use ventana::tracer;

use super::check::cargo_failed;
use super::narrate::CALLS;
use crate::build::{Build, NotBuilt};
use crate::course::{Course, Exercise};
use crate::paint;

/// Lo arranca y, si se pide, cuenta sus pasos. Solo vuelve si no se puede.
pub(crate) fn run(
    course: &Course,
    exercise: &Exercise,
    port: u16,
    verbose: bool,
) -> Result<bool, Trouble> {
    let Some(executable) = built(course, exercise)? else { return Ok(false) };
    paint::say("Ctrl-C para terminar.");
    let command = if verbose { observed(&executable)? } else { Command::new(executable) };
    become_it(command, course, port)
}

/// Lo compila, y dice dónde quedó; si no compila, por qué no.
pub(super) fn built(course: &Course, exercise: &Exercise) -> Result<Option<PathBuf>, Trouble> {
    let built = Build::exercises(&course.folder).tests([exercise.id.as_str()]).aloud().run()?;
    match built.executable(&exercise.id) {
        Ok(executable) => Ok(Some(executable.to_owned())),
        Err(NotBuilt::Code(text)) => {
            cli::complain(text.trim_end());
            Ok(None)
        }
        Err(why) => Err(cargo_failed(&why)),
    }
}

/// Pone en marcha el ejercicio con `command`, en el lugar de este proceso: las señales le llegan a
/// él, y nadie queda atrás. Solo vuelve si no se puede.
pub(super) fn become_it(mut command: Command, course: &Course, port: u16) -> Result<bool, Trouble> {
    command.arg(BY_HAND).env("CURSO_PUERTO", port.to_string()).current_dir(course.repository());
    Err(command.exec().into())
}

/// La misma orden, con strace al lado, que le cuenta a [`narrate`](super::narrate) lo que ve.
fn observed(executable: &Path) -> Result<Command, Trouble> {
    tracer::can_observe("quita -v")?;
    let own = env::current_exe()?;
    let narrator = own.to_string_lossy().replace('\'', "'\\''");
    let mut command = Command::new("strace");
    // Con -D, quien observa es el nieto: este proceso será el servidor, y las señales, para él.
    command.args([
        "-D",
        "-f",
        "-yy",
        "-ttt",
        "-T",
        "-qq",
        "-s",
        "64",
        "-e",
        "signal=none",
        "-e",
        CALLS,
    ]);
    command.arg("-o").arg(format!("|'{narrator}' relatar")).arg(executable);
    Ok(command)
}
