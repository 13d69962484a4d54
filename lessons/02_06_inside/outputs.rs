//! Los archivos que se dejan: la página, la grabación sola, o los dos.

use std::path::PathBuf;

use multiplexacion::cli::Trouble;
use multiplexacion::errors::reason;
use serde::Deserialize;
use serde_json::Value;
use ventana::page;
use ventana::recording::{self, Record};
use ventana::tape::Tape;

use crate::arguments::Arguments;
use crate::draft::{self, Draft};
use crate::saying::tell;

/// Los que se piden, ya preparados.
#[derive(Debug)]
pub(crate) struct Outputs(Vec<Output>);

#[derive(Debug)]
struct Output {
    path: PathBuf,
    draft: Draft,
    written: fn(&[Value]) -> String,
}

impl Outputs {
    /// Los prepara. Errores: alguno no se va a poder escribir.
    pub(crate) fn prepare(arguments: &Arguments) -> Result<Outputs, Trouble> {
        let Arguments { page, json, .. } = arguments;
        if page.is_some() && page == json {
            let what = "--grabar y --json no pueden ser el mismo archivo";
            return Err(Trouble::new(what, "da otro nombre a uno de los dos"));
        }
        let html: fn(&[Value]) -> String = |told| page::html(told.iter().cloned());
        let asked =
            page.iter().map(|path| (path, html)).chain(json.iter().map(|path| (path, lines as _)));
        let prepared = asked.map(|(path, written)| {
            Ok(Output { path: path.clone(), draft: Draft::prepare(path)?, written })
        });
        prepared.collect::<Result<_, _>>().map(Outputs)
    }

    /// Los escribe. Errores: alguno no se pudo; lo grabado queda en otro sitio, si hay dónde.
    pub(crate) fn write(self, tape: &Tape) -> Result<(), Trouble> {
        if self.0.is_empty() {
            return Ok(());
        }
        let told = tape.told();
        let outcomes: Vec<_> = self.0.into_iter().map(|output| output.write(&told)).collect();
        outcomes.into_iter().collect()
    }
}

impl Output {
    fn write(self, told: &[Value]) -> Result<(), Trouble> {
        let Output { path, draft, written } = self;
        let Err(error) = draft.write(&written(told)) else {
            tell(&format!("grabado en {}", path.display()));
            return Ok(());
        };
        let what = format!("no se puede escribir «{}»: {}", path.display(), reason(&error));
        Err(match draft::rescue(&lines(told)) {
            Ok(place) => {
                let place = place.display();
                Trouble::new(
                    what,
                    format!("lo grabado está en {place}: ábrelo con «cargo ver {place}»"),
                )
            }
            Err(_) => Trouble::new(what, "haz sitio en el disco, y graba otra vez"),
        })
    }
}

/// La grabación sola, en JSON Lines: sin las frases, que se vuelven a contar al abrirla.
fn lines(told: &[Value]) -> String {
    let records = told.iter().filter_map(|told| Record::deserialize(told).ok());
    let mut bytes = Vec::new();
    // En la memoria siempre cabe.
    let _ = recording::write(&mut bytes, &records.collect::<Vec<_>>());
    String::from_utf8(bytes).unwrap_or_default()
}
