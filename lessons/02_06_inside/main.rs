//! `cargo ver`: mira cualquier servidor por dentro, en vivo, o abre lo que se grabó otro día.
//!
//! | módulo | qué hay |
//! |---|---|
//! | `arguments` | lo que se escribe en la línea de órdenes |
//! | `window`, `browser` | lo que se mira, la página que lo enseña y el navegador que la abre |
//! | `saying` | lo que esta orden dice de sí misma |
//! | `outputs`, `draft` | los archivos que se dejan, sin dejarlos nunca a medias |

mod arguments;
mod browser;
mod draft;
mod outputs;
mod saying;
mod window;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use multiplexacion::cli::{self, Trouble};
use nix::sys::signal::Signal;
use ventana::open;
use ventana::recorder::{self, Ended, Options};
use ventana::signals::Signals;

use arguments::{Arguments, Subject};
use outputs::Outputs;
use saying::tell;
use window::Window;

fn main() -> ExitCode {
    let arguments: Arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if let Some(url) = &arguments.browse {
        return browser::open_here(url);
    }
    let subject = match arguments.subject() {
        Ok(subject) => subject,
        Err(problem) => {
            tell(&format!("{problem}. Prueba con --help."));
            return ExitCode::from(2);
        }
    };
    obey(&arguments, &subject).unwrap_or_else(|trouble| {
        tell(&trouble);
        ExitCode::FAILURE
    })
}

fn obey(arguments: &Arguments, subject: &Subject<'_>) -> Result<ExitCode, Trouble> {
    let outputs = Outputs::prepare(arguments)?;
    // Antes que cualquier hilo: los nuevos heredan la máscara de señales.
    let signals = Signals::aside()?;
    let mut window = Window::new(arguments);
    match subject {
        Subject::File(file) => reopen(file, &mut window, outputs, &signals),
        Subject::Command(command) => {
            let options = Options { places: !arguments.without_code };
            watch(command, &options, &mut window, outputs, &signals)
        }
    }
}

/// Abre lo que se grabó otro día.
fn reopen(
    file: &Path,
    window: &mut Window,
    outputs: Outputs,
    signals: &Signals,
) -> Result<ExitCode, Trouble> {
    let opened = open::open(file)?;
    if let Some(warning) = opened.warning {
        tell(&warning);
    }
    opened.records.iter().for_each(|record| window.push(record));
    window.end();
    outputs.write(window.tape())?;
    window.show("Ctrl-C para cerrarla")?;
    window.stay("", signals)?;
    Ok(ExitCode::SUCCESS)
}

/// Graba lo que hace una orden y, si se pide, lo enseña mientras ocurre.
fn watch(
    command: &[OsString],
    options: &Options,
    window: &mut Window,
    outputs: Outputs,
    signals: &Signals,
) -> Result<ExitCode, Trouble> {
    let mut shown = None;
    let ended = recorder::record(command, options, |record| {
        window.push(record);
        // En cuanto hay algo que ver, y no antes: una orden equivocada no abre nada.
        shown.get_or_insert_with(|| window.show(WHILE_WATCHING));
    });
    window.end();
    // Lo grabado se guarda aunque algo fallara después; y la página, si la hay, sigue aunque los
    // archivos no se puedan escribir.
    let kept = if shown.is_some() { outputs.write(window.tape()) } else { Ok(()) };
    let stays = ended.as_ref().is_ok_and(stays);
    let outcomes = [ended.and_then(|ended| check(&ended)), shown.unwrap_or(Ok(())), kept];
    let troubles: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    for trouble in &troubles {
        tell(trouble);
    }
    if stays {
        window.stay("el programa terminó; la página sigue", signals)?;
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const WHILE_WATCHING: &str = "Ctrl-C termina el servidor, y la página sigue hasta otro Ctrl-C";

/// Si la página se queda al terminar: sí, salvo que se pidiera terminar con todo.
fn stays(ended: &Ended) -> bool {
    ended.asked.is_none_or(|signal| signal == Signal::SIGINT)
}

/// Lo que se graba ha de ser un servidor.
fn check(ended: &Ended) -> Result<(), Trouble> {
    if ended.listened {
        return Ok(());
    }
    Err(Trouble::new(
        "el programa terminó sin escuchar en ningún puerto",
        "la ventana mira servidores: dale la orden que arranca el tuyo, tras --",
    ))
}
