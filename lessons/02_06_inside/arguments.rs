//! Lo que se escribe en la línea de órdenes, con ayuda y errores en español.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser};

const TEMPLATE: &str =
    "{about}\n\nUso: {usage}\n\nArgumentos y opciones:\n{positionals}\n{options}{after-help}";

/// Mira cualquier servidor por dentro, paso a paso, en el navegador
#[derive(Parser, Debug)]
#[command(
    name = "ver",
    bin_name = "cargo ver",
    help_template = TEMPLATE,
    override_usage = "cargo ver [OPCIONES] -- ORDEN…\n       cargo ver [OPCIONES] ARCHIVO",
    after_help = "\nPor ejemplo: cargo ver -- python3 servidor.py\n\n\
                  Con Ctrl-C termina el servidor, y la página sigue ahí para recorrerla; con otro \
                  Ctrl-C,\ntermina todo. Con --grabar o --json no hay página: se graba y se \
                  termina; si además la\nquieres, pide --en-vivo. Necesita strace, salvo para \
                  abrir un ARCHIVO.",
    disable_help_flag = true
)]
pub(crate) struct Arguments {
    /// Lo que hay que abrir: una grabación (.jsonl), una página de --grabar (.html) o lo que una
    /// lección escribió con --trace
    #[arg(value_name = "ARCHIVO", conflicts_with = "command")]
    files: Vec<PathBuf>,

    /// Lo que arranca el servidor, en el lenguaje que sea
    #[arg(value_name = "ORDEN", last = true)]
    pub(crate) command: Vec<OsString>,

    /// Deja en ARCHIVO una página completa, que se abre sin red: para entregarla o proyectarla
    #[arg(long = "grabar", value_name = "ARCHIVO.html")]
    pub(crate) page: Option<PathBuf>,

    /// Deja en ARCHIVO la grabación sola, en JSON Lines
    #[arg(long, value_name = "ARCHIVO.jsonl")]
    pub(crate) json: Option<PathBuf>,

    /// Muestra la página también con --grabar o --json
    #[arg(long = "en-vivo")]
    live: bool,

    /// Dice dónde está la página, y no abre el navegador
    #[arg(long = "no-abrir")]
    pub(crate) stay_closed: bool,

    /// No busca en qué línea del código se hace cada llamada: el servidor va menos despacio
    #[arg(long = "sin-codigo", conflicts_with = "files")]
    pub(crate) without_code: bool,

    /// Solo abre esa dirección en el navegador: así se llama este programa a sí mismo
    #[arg(long = "navegador", value_name = "DIRECCIÓN", hide = true)]
    #[arg(conflicts_with_all = ["files", "command"])]
    pub(crate) browse: Option<String>,

    /// Muestra esta ayuda
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Lo que se mira.
#[derive(Debug)]
pub(crate) enum Subject<'a> {
    /// Lo que se grabó otro día.
    File(&'a Path),
    /// Un programa que se arranca.
    Command(&'a [OsString]),
}

impl Arguments {
    /// Lo que se mira. Errores: por qué no se sabe.
    pub(crate) fn subject(&self) -> Result<Subject<'_>, String> {
        match self.files.as_slice() {
            [] if self.command.is_empty() => {
                Err("falta qué mirar: una orden, tras --, o un archivo".to_owned())
            }
            [] => Ok(Subject::Command(&self.command)),
            [file] => Ok(Subject::File(file)),
            words => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                Err(format!("una orden va tras --: cargo ver -- {}", words.join(" ")))
            }
        }
    }

    /// La orden, como se escribió.
    pub(crate) fn command_line(&self) -> String {
        let words: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// Si se muestra la página: siempre, salvo que lo que se quiera sea un archivo.
    pub(crate) fn shows_page(&self) -> bool {
        self.live || self.outputs().next().is_none()
    }

    /// Los archivos que hay que escribir.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.page.iter().chain(&self.json).map(PathBuf::as_path)
    }
}
