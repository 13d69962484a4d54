//! `ejecutar`: lo que se escribió, en marcha.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use ejercicios::runner::BY_HAND;
use multiplexacion::cli::{self, Trouble};

use super::check::cargo_failed;
use crate::build::{Build, NotBuilt};
use crate::course::{Course, Exercise};
use crate::paint;
use ventana::narrator::CALLS;

/// Lo arranca y, si se pide, cuenta sus pasos. Solo vuelve si no se puede.
pub(crate) fn run(
    course: &Course,
    exercise: &Exercise,
    port: u16,
    verbose: bool,
) -> Result<bool, Trouble> {
    let built = Build::exercises(&course.folder).tests([exercise.id.as_str()]).aloud().run()?;
    let executable = match built.executable(&exercise.id) {
        Ok(executable) => executable,
        Err(NotBuilt::Code(text)) => {
            cli::complain(text.trim_end());
            return Ok(false);
        }
        Err(why) => return Err(cargo_failed(&why)),
    };
    paint::say("Ctrl-C para terminar.");
    let mut command = if verbose { observed(executable)? } else { Command::new(executable) };
    command.arg(BY_HAND).env("CURSO_PUERTO", port.to_string()).current_dir(course.repository());
    // En el lugar de este proceso: las señales le llegan a él, y nadie queda atrás.
    Err(command.exec().into())
}

/// La misma orden, con strace al lado, que le cuenta a [`narrate`](super::narrate) lo que ve.
fn observed(executable: &Path) -> Result<Command, Trouble> {
    can_observe()?;
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

/// Si strace está, y puede mirar.
fn can_observe() -> Result<(), Trouble> {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(Trouble::new(
            "strace no puede mirar a otro programa en esta máquina",
            "en un contenedor, arráncalo con --cap-add=SYS_PTRACE; o quita -v",
        )),
        Err(_) => Err(Trouble::new(
            "para contar los pasos hace falta strace, que no está",
            "instálalo con «sudo apt-get install strace», o quita -v",
        )),
    }
}
