//! Una prueba, en su proceso: la hace y se lo cuenta al encargado.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{self, ExitCode};
use std::sync::OnceLock;

use harness::Failure;
use nix::unistd::dup2_stdin;

use super::record::{Ending, Verdict, seal};
use super::{Test, complain};
use crate::outcome::Outcome;
use crate::{panics, secrecy};

/// Lo que una prueba cuenta a su encargado.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// Se va a dejar mirar por dentro: ya no puede pasar.
    WillNotPass,
    /// Este es su veredicto.
    Verdict(Verdict),
}

/// Quien espera el veredicto, en un proceso que arrancó un encargado.
static BOSS: OnceLock<Line> = OnceLock::new();

/// Un socket con quien pregunta, y la clave con la que se le habla.
#[derive(Debug)]
pub(super) struct Line {
    stream: UnixStream,
    pub(super) key: String,
}

impl Line {
    /// El socket que hay en la entrada estándar, y la clave, que es su primera línea. La entrada
    /// queda vacía, y lo que se arranque después no tiene el socket.
    pub(super) fn on_stdin() -> io::Result<Line> {
        use std::os::fd::AsFd;
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        dup2_stdin(std::fs::File::open("/dev/null")?)?;
        let mut key = String::new();
        BufReader::new(&stream).read_line(&mut key)?;
        Ok(Line { stream, key: key.trim_end().to_owned() })
    }

    pub(super) fn say(&self, said: &impl serde::Serialize) -> io::Result<()> {
        (&self.stream).write_all(seal(&self.key, said)?.as_bytes())
    }
}

/// Hace la prueba que se llama así.
pub(super) fn run(tests: &[Test], name: &str) -> ExitCode {
    let Some(test) = tests.iter().find(|test| test.name == name) else {
        return complain(&format!("No hay ninguna prueba «{name}»."));
    };
    // Antes que nada: quien pudiera mirar ya no verá llegar la clave.
    secrecy::keep();
    // Solo una vez: quien lo llame desde dentro de una prueba no da el veredicto por ella.
    let line = Line::on_stdin().ok();
    let boss = line.and_then(|line| BOSS.set(line).ok()).and_then(|()| BOSS.get());
    let Some(boss) = boss else {
        return complain("Esto lo arranca quien pasa las pruebas, y nadie más.");
    };
    secrecy::warn_before_lifting(give_up_passing);
    panics::speak_spanish();
    let verdict = verdict(test, outcome(test));
    // Si el encargado ya no está, no hay a quién contárselo.
    let _ = boss.say(&Said::Verdict(verdict));
    // Sin esperar a los hilos que el código dejara en marcha.
    process::exit(0)
}

/// Avisa al encargado de que esta prueba ya no puede pasar. Devuelve si hay encargado.
fn give_up_passing() -> bool {
    // Si no se le puede avisar, mejor que no llegue nada: sin veredicto, tampoco pasa.
    BOSS.get().is_some_and(|boss| boss.say(&Said::WillNotPass).is_ok())
}

fn outcome(test: &Test) -> Outcome {
    panics::contain(test.run).unwrap_or_else(|panic| Err(Failure::new(panic.explanation)))?;
    panics::none_went_unseen()
}

fn verdict(test: &Test, outcome: Outcome) -> Verdict {
    match outcome {
        Ok(()) => Verdict::new(test.name, Ending::Passed),
        Err(failure) => Verdict {
            report: Some(failure.to_string()),
            port: failure.replayed_at().map(|address| address.port()),
            replay: failure.replay(),
            ..Verdict::new(test.name, Ending::Failed)
        },
    }
}
