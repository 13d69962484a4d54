//! `ejecutar`: lo que se escribió, en marcha.

use std::os::unix::process::CommandExt;
use std::process::Command;

use ejercicios::runner::BY_HAND;
use multiplexacion::cli::{self, Trouble};

use super::check::cargo_failed;
use crate::build::{Build, NotBuilt};
use crate::course::{Course, Exercise};
use crate::paint;

/// Lo arranca y espera a que termine. Devuelve si terminó bien.
pub(crate) fn run(course: &Course, exercise: &Exercise, port: u16) -> Result<bool, Trouble> {
    let built = Build::of(&course.folder).tests([exercise.id.as_str()]).aloud().run()?;
    let executable = match built.executable(&exercise.id) {
        Ok(executable) => executable,
        Err(NotBuilt::Code(text)) => {
            cli::complain(text.trim_end());
            return Ok(false);
        }
        Err(why) => return Err(cargo_failed(&why)),
    };
    paint::say("Ctrl-C para terminar.");
    let mut command = Command::new(executable);
    command.arg(BY_HAND).env("CURSO_PUERTO", port.to_string()).current_dir(course.repository());
    // En el lugar de este proceso: las señales le llegan a él, y nadie queda atrás.
    Err(command.exec().into())
}
