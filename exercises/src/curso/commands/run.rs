//! `ejecutar`: lo que se escribió, en marcha.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

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
    let mut child = Command::new(executable)
        // Con un solo hilo de pruebas, el arnés escribe el nombre de la prueba delante de lo suyo.
        .args(["--ignored", "--exact", "ejecutar", "--nocapture", "--test-threads=2"])
        .env("CURSO_PUERTO", port.to_string())
        .current_dir(course.repository())
        .stdout(Stdio::piped())
        .spawn()?;
    for line in child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let line = line?;
        if !is_from_the_test_runner(&line) {
            paint::say(&line);
        }
    }
    Ok(child.wait()?.success())
}

/// Lo que dice por su cuenta el arnés de pruebas de Rust, que aquí no viene a cuento.
fn is_from_the_test_runner(line: &str) -> bool {
    line.is_empty() || line.starts_with("running ") || line.starts_with("test ")
}
