//! Cómo quedó cada ejercicio de una entrega, y por qué.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use multiplexacion::cli::Trouble;

use crate::build::{Built, NotBuilt};
use crate::commands::check;
use crate::paint;
use crate::trial::Trial;
use crate::workshop::Variant;

/// Lo que puede durar cada ejercicio de cada persona. Las pruebas tienen su propio límite, más
/// corto: aquí llega lo que ni siquiera puede decir que se le acabó el tiempo.
const TIME: Duration = Duration::from_secs(30);

/// Los límites del proceso (getrlimit(2)): 4 GiB de memoria virtual, 30 s de procesador, archivos
/// de 8 MiB (16 384 bloques de 512 bytes) y ningún volcado. Después, `sh` se convierte en las pruebas.
const LIMITED: &str = "ulimit -v 4194304; ulimit -t 30; ulimit -f 16384; ulimit -c 0; exec \"$@\"";

/// Lo que resultó de un ejercicio.
#[derive(Clone, Debug)]
pub(super) struct Graded {
    pub(super) mark: Mark,
    /// Por qué no está superado, si se probó.
    pub(super) why: String,
}

impl Graded {
    pub(super) fn of(built: &Built, variant: &Variant<'_>, home: &Path) -> Result<Graded, Trouble> {
        let executable = match built.executable(&variant.test()) {
            Ok(executable) => executable,
            Err(why @ (NotBuilt::Code(_) | NotBuilt::Late)) => {
                return Ok(Graded::because(Mark::Uncompiled, variant, why.text()));
            }
            Err(why) => return Err(check::cargo_failed(&why)),
        };
        let mut command = Command::new("sh");
        command.args(["-c", LIMITED, "sh"]).arg(executable);
        // Ni la carpeta personal ni la del curso: lo que se escriba sin querer va a una de usar y tirar.
        command.current_dir(home).env("HOME", home).env("TMPDIR", home);
        let trial = Trial::run_command(command, TIME)?;
        let points = trial.points(variant.exercise.minutes);
        Ok(match (&trial.broken, trial.failures().next()) {
            (Some(broken), _) => Graded::because(Mark::Broken, variant, broken),
            (None, Some((test, report))) => {
                let total = trial.tests.len();
                let passed = total - trial.failures().count();
                let why =
                    format!("Pasa {passed} de {total} pruebas.\n\n✗ {}\n\n{report}", test.name);
                Graded::because(Mark::Failed(points), variant, &why)
            }
            (None, None) if trial.passed() => {
                Graded { mark: Mark::Passed(points), why: String::new() }
            }
            (None, None) => Graded::because(Mark::Broken, variant, "No se ejecutó ninguna prueba."),
        })
    }

    /// `why`, con los archivos que tiene quien lo entregó y sin colores.
    fn because(mark: Mark, variant: &Variant<'_>, why: &str) -> Graded {
        let theirs = format!("exercises/{}/", variant.exercise.id);
        let why = paint::plain(why).replace(&format!("{}/", variant.test()), &theirs);
        Graded { mark, why }
    }
}

/// Cómo quedó un ejercicio, y con cuántos puntos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Passed(u32),
    Failed(u32),
    Uncompiled,
    Broken,
    Untouched,
    Missing,
}

impl Mark {
    pub(super) fn points(self) -> u32 {
        match self {
            Mark::Passed(points) | Mark::Failed(points) => points,
            _ => 0,
        }
    }

    pub(super) fn sign(self) -> String {
        match self {
            Mark::Passed(_) => paint::mark(true),
            Mark::Failed(_) => paint::mark(false),
            Mark::Uncompiled => paint::bad("c"),
            Mark::Broken => paint::bad("!"),
            Mark::Untouched => paint::dim("·"),
            Mark::Missing => paint::dim("-"),
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Mark::Passed(_) => "superado",
            Mark::Failed(_) => "falla",
            Mark::Uncompiled => "no compila",
            Mark::Broken => "no termina",
            Mark::Untouched => "sin empezar",
            Mark::Missing => "falta",
        }
    }
}

/// Cuántos superó, y los puntos que suman todos.
pub(super) fn totals(results: &[Graded]) -> (usize, u32) {
    let passed = results.iter().filter(|result| matches!(result.mark, Mark::Passed(_))).count();
    (passed, results.iter().map(|result| result.mark.points()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_se_prueba_tiene_límites() {
        let asked = "ulimit -v; ulimit -t; ulimit -f; ulimit -c";
        let output = Command::new("sh").args(["-c", LIMITED, "sh", "sh", "-c", asked]).output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["4194304", "30", "16384", "0"]);
    }
}
