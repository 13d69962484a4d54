//! Lo que se escribe en la línea de órdenes, con ayuda y errores en español.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use multiplexacion::cli;

use crate::engines::Engine;

const TEMPLATE: &str =
    "{about}\n\nUso: {usage}\n\nÓrdenes:\n{subcommands}\n\nOpciones:\n{options}{after-help}";
const ORDER_TEMPLATE: &str = "{about}\n\nUso: {usage}\n\nOpciones:\n{options}{after-help}";
const FILES_TEMPLATE: &str =
    "{about}\n\nUso: {usage}\n\nArgumentos y opciones:\n{positionals}\n{options}{after-help}";

/// Mide en esta máquina lo que los apuntes afirman de hilos, select y epoll
#[derive(Parser, Debug)]
#[command(
    name = "lab",
    bin_name = "cargo lab",
    help_template = TEMPLATE,
    override_usage = "cargo lab [ORDEN] [OPCIONES]",
    after_help = "Sin ORDEN, el experimento corriente: unos tres minutos. Ctrl-C lo para y deja \
                  lo medido.\nPara fiarse de las cifras: cierra lo demás y enchufa el equipo.",
    disable_help_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = false
)]
struct Arguments {
    #[command(subcommand)]
    order: Option<Order>,

    #[command(flatten)]
    choices: Choices,

    /// Muestra esta ayuda
    #[arg(short, long, action = ArgAction::Help, global = true)]
    help: Option<bool>,
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Choices {
    /// Solo estos motores, separados por comas: hilos, select, poll, epoll, flanco, uring
    #[arg(long = "motores", value_name = "LISTA", value_delimiter = ',', global = true)]
    pub(crate) engines: Vec<Engine>,

    /// Con estas conexiones, separadas por comas, como 10,1000
    #[arg(long = "conexiones", value_name = "LISTA", value_delimiter = ',')]
    #[arg(value_parser = cli::count, global = true)]
    pub(crate) connections: Vec<usize>,

    /// Veces que se repite cada medida (si no se dice, las de cada orden)
    #[arg(long = "rondas", value_name = "N", value_parser = cli::count, global = true)]
    pub(crate) rounds: Option<usize>,

    /// Guarda los datos en ARCHIVO, en JSON
    #[arg(long, value_name = "ARCHIVO", global = true)]
    pub(crate) json: Option<PathBuf>,

    /// Escribe la página en ARCHIVO (por omisión, en la carpeta laboratorio)
    #[arg(long = "informe", value_name = "ARCHIVO", global = true)]
    pub(crate) page: Option<PathBuf>,

    /// No abre la página en el navegador
    #[arg(long = "no-abrir", global = true)]
    pub(crate) unopened: bool,

    /// Estropea un motor a propósito: recorre a todos sus clientes en cada vuelta
    #[arg(long = "estorbo", value_name = "MOTOR", hide = true, global = true)]
    pub(crate) hindered: Option<Engine>,

    /// Ratos de milisegundos: bastan para saber que todo llega
    #[arg(long = "breve", hide = true, global = true)]
    pub(crate) brief: bool,
}

#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Order {
    /// Medio minuto: lo justo para ver las diferencias grandes
    #[command(name = "rapido", help_template = ORDER_TEMPLATE)]
    #[command(override_usage = "cargo lab rapido [OPCIONES]")]
    Quick,

    /// Veinte minutos: más motores, más conexiones, más rato y más veces
    #[command(name = "completo", help_template = ORDER_TEMPLATE)]
    #[command(override_usage = "cargo lab completo [OPCIONES]")]
    Thorough,

    /// Dice en qué difieren dos experimentos guardados, más allá del ruido
    #[command(name = "comparar", help_template = FILES_TEMPLATE)]
    #[command(override_usage = "cargo lab comparar A.json B.json")]
    Compare {
        /// El primero, guardado con --json
        #[arg(value_name = "A.json")]
        one: PathBuf,
        /// El segundo
        #[arg(value_name = "B.json")]
        other: PathBuf,
    },

    /// La web de la lección 02_04, al lado de otros servidores
    #[command(name = "web", help_template = ORDER_TEMPLATE)]
    #[command(override_usage = "cargo lab web [OPCIONES]")]
    Web,

    /// El chat de la lección 02_03, al lado de redis
    #[command(name = "chat", help_template = ORDER_TEMPLATE)]
    #[command(override_usage = "cargo lab chat [OPCIONES]")]
    Chat,

    /// Rehace lo que el capítulo muestra, a partir de sus datos
    #[command(name = "libro", hide = true, help_template = ORDER_TEMPLATE)]
    #[command(override_usage = "cargo lab libro [--medir]")]
    Book {
        /// Antes, mide de nuevo en esta máquina: unos diez minutos
        #[arg(long = "medir")]
        measuring: bool,
    },

    /// Sirve con un motor: el propio laboratorio se llama así a sí mismo
    #[command(name = "servidor", hide = true, help_template = FILES_TEMPLATE)]
    #[command(override_usage = "cargo lab servidor MOTOR")]
    Serve {
        /// Con qué
        #[arg(value_name = "MOTOR")]
        engine: Engine,
    },

    /// El suelo de la web: un bucle que solo cuenta peticiones y contesta
    #[command(name = "suelo", hide = true, help_template = ORDER_TEMPLATE)]
    #[command(override_usage = "cargo lab suelo")]
    Floor,
}

/// Entiende lo que se pide: qué, y con qué elecciones. Sin orden, el experimento corriente. Si se pidió
/// ayuda o no se entiende, ya está dicho, y queda el código de salida.
pub(crate) fn read(
    words: impl IntoIterator<Item = OsString>,
) -> Result<(Option<Order>, Choices), ExitCode> {
    let Arguments { order, choices, .. } = cli::parse(words)?;
    match useless(order.as_ref(), &choices) {
        Some(option) => {
            cli::complain(&format!("lab: «{option}» no sirve con esa orden. Prueba con --help."));
            Err(ExitCode::from(2))
        }
        None => Ok((order, choices)),
    }
}

/// Una opción que la orden no miraría: mejor decirlo que medir otra cosa.
fn useless(order: Option<&Order>, choices: &Choices) -> Option<&'static str> {
    let measures = !matches!(order, Some(Order::Compare { .. } | Order::Book { .. }));
    let compares_engines = matches!(order, None | Some(Order::Quick | Order::Thorough));
    [
        ("--motores", choices.engines.is_empty() || compares_engines),
        ("--conexiones", choices.connections.is_empty() || compares_engines),
        ("--rondas", choices.rounds.is_none() || measures),
        ("--json", choices.json.is_none() || measures),
        ("--informe", choices.page.is_none() || measures),
        ("--no-abrir", !choices.unopened || measures),
    ]
    .into_iter()
    .find_map(|(option, fine)| (!fine).then_some(option))
}
