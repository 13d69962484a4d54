//! Lo que hace un hijo antes de convertirse en otro programa.
//!
//! Son cosas que hay que hacer entre fork y exec, y hacerlas ahí exigiría `unsafe`. En su lugar, este
//! mismo programa se arranca otra vez, las hace y se convierte (execve(2)) en el que se quería: el
//! número de proceso es el mismo.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, id};

use multiplexacion::cli;
use multiplexacion::errors::reason;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getppid;

/// El primer argumento, cuando se arranca así.
const WORD: &str = "--atado";

/// Para arrancar `program` de modo que muera si muere este proceso.
pub(crate) fn command(program: &OsStr, arguments: &[OsString]) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(WORD).arg(id().to_string()).arg(program).args(arguments);
    Ok(command)
}

/// Si a este proceso lo arrancó así otro como él, se convierte en el que se quería. Solo vuelve si no
/// se puede, o si no era el caso (`None`).
pub(crate) fn become_another() -> Option<ExitCode> {
    let mut words = env::args_os().skip(1);
    words.next().filter(|word| word == WORD)?;
    let (parent, program) = (words.next()?, words.next()?);
    let error = prepare(&parent).err().unwrap_or_else(|| Command::new(&program).args(words).exec());
    cli::complain(&format!("no se puede ejecutar {}: {}", program.display(), reason(&error)));
    Some(ExitCode::FAILURE)
}

/// Pide al núcleo que lo mate si muere quien lo arrancó (PR_SET_PDEATHSIG, en prctl(2)), y deja de
/// apartar las señales que aquel aparta: la máscara se hereda, y sobrevive a execve(2).
fn prepare(parent: &OsStr) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    // Si murió antes de pedirlo, el núcleo ya no avisará.
    if getppid().to_string().as_str() != parent {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(SigSet::all().thread_unblock()?)
}
