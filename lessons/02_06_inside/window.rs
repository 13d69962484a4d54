//! Lo que se mira: la cinta y, si se quiere, la página que la enseña.

use std::sync::Arc;

use multiplexacion::cli::Trouble;
use multiplexacion::errors::reason;
use ventana::narrator::Narrator;
use ventana::recording::Record;
use ventana::signals::Signals;
use ventana::tape::Tape;
use ventana::{live, page};

use crate::arguments::Arguments;
use crate::browser;
use crate::saying::tell;

/// Una grabación y su página.
#[derive(Debug)]
pub(crate) struct Window {
    tape: Arc<Tape>,
    narrator: Narrator,
    command: String,
    shown: bool,
    opened: bool,
    /// Dónde está la página, si se enseña.
    url: Option<String>,
}

impl Window {
    /// La que se pide.
    pub(crate) fn new(arguments: &Arguments) -> Window {
        Window {
            tape: Arc::default(),
            narrator: Narrator::default(),
            command: arguments.command_line(),
            shown: arguments.shows_page(),
            opened: !arguments.stay_closed,
            url: None,
        }
    }

    /// Lo grabado.
    pub(crate) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Un registro más.
    pub(crate) fn push(&mut self, record: &Record) {
        self.tape.push(record, &page::tell(&mut self.narrator, record));
    }

    /// No habrá más. Si la ejecución fue demasiado larga, dice qué falta de ella.
    pub(crate) fn end(&self) {
        self.tape.end();
        let lost = self.tape.lost();
        if lost > 0 {
            tell(&format!("la ejecución es larga: de en medio faltan {lost} llamadas"));
        }
    }

    /// Enseña la página, si se quiere, y dice dónde está y qué hará Ctrl-C.
    pub(crate) fn show(&mut self, interrupt: &str) -> Result<(), Trouble> {
        if !self.shown {
            return Ok(());
        }
        let address = live::serve(Arc::clone(&self.tape), &self.command).map_err(|error| {
            let what = format!("no se puede enseñar la página: {}", reason(&error));
            Trouble::new(what, "cierra algún programa, o graba sin página con --grabar")
        })?;
        let url = self.url.insert(format!("http://{address}/"));
        tell(&format!("la ventana está en {url} · {interrupt}"));
        if self.opened {
            browser::open(url);
        }
        Ok(())
    }

    /// Deja la página, si se enseña, hasta que alguien pida terminar.
    pub(crate) fn stay(&self, why: &str, signals: &Signals) -> Result<(), Trouble> {
        let Some(url) = &self.url else { return Ok(()) };
        if !why.is_empty() {
            tell(&format!("{why} en {url} · Ctrl-C para cerrarla"));
        }
        signals.wait()?;
        Ok(())
    }
}
