//! Lo que se escribe en la línea de órdenes, con ayuda y errores en español.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use multiplexacion::cli;

use crate::engines::Engine;
use crate::{chat, web};

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

/// Lo que se elige de un experimento.
#[derive(Args, Clone, Debug, Default)]
pub struct Choices {
    /// Solo estos motores, separados por comas: hilos, select, poll, epoll, flanco, uring
    #[arg(long, value_name = "LISTA", value_delimiter = ',', global = true)]
    pub motores: Vec<Engine>,

    /// Con estas conexiones, separadas por comas, como 10,1000
    #[arg(long, value_name = "LISTA", value_delimiter = ',', value_parser = cli::count, global = true)]
    pub conexiones: Vec<usize>,

    /// Guarda los datos en ARCHIVO, en JSON
    #[arg(long, value_name = "ARCHIVO", global = true)]
    pub json: Option<PathBuf>,

    /// Escribe la página en ARCHIVO (por omisión, en la carpeta laboratorio)
    #[arg(long, value_name = "ARCHIVO", global = true)]
    pub informe: Option<PathBuf>,

    /// No abre la página en el navegador
    #[arg(long, global = true)]
    pub no_abrir: bool,
}

/// Lo que se puede pedir.
#[derive(Subcommand, Clone, Debug)]
pub enum Order {
    /// Medio minuto: lo justo para ver las diferencias grandes
    #[command(help_template = ORDER_TEMPLATE, override_usage = "cargo lab rapido [OPCIONES]")]
    Rapido,

    /// Veinte minutos: más motores, más conexiones, más rato y más veces
    #[command(help_template = ORDER_TEMPLATE, override_usage = "cargo lab completo [OPCIONES]")]
    Completo,

    /// Dice en qué difieren dos experimentos guardados, más allá del ruido
    #[command(help_template = FILES_TEMPLATE, override_usage = "cargo lab comparar A.json B.json")]
    Comparar {
        /// El primero, guardado con --json
        #[arg(value_name = "A.json")]
        uno: PathBuf,
        /// El segundo
        #[arg(value_name = "B.json")]
        otro: PathBuf,
    },

    /// La web de la lección 02_04, al lado de otros servidores
    #[command(help_template = ORDER_TEMPLATE, override_usage = "cargo lab web [--rondas N] [OPCIONES]")]
    Web {
        /// Veces que se repite cada medida (por omisión, 15)
        #[arg(long, value_name = "N", value_parser = cli::count)]
        #[arg(default_value_t = web::ROUNDS, hide_default_value = true)]
        rondas: usize,
    },

    /// El chat de la lección 02_03, al lado de redis
    #[command(help_template = ORDER_TEMPLATE, override_usage = "cargo lab chat [--rondas N] [OPCIONES]")]
    Chat {
        /// Veces que se repite cada medida (por omisión, 5)
        #[arg(long, value_name = "N", value_parser = cli::count)]
        #[arg(default_value_t = chat::ROUNDS, hide_default_value = true)]
        rondas: usize,
    },

    /// Rehace lo que el capítulo muestra, a partir de sus datos
    #[command(hide = true, help_template = ORDER_TEMPLATE, override_usage = "cargo lab libro [--medir]")]
    Libro {
        /// Antes, mide de nuevo en esta máquina: unos diez minutos
        #[arg(long)]
        medir: bool,
    },

    /// Sirve con un motor: el propio laboratorio se llama así a sí mismo
    #[command(hide = true, help_template = FILES_TEMPLATE, override_usage = "cargo lab servidor MOTOR")]
    Servidor {
        /// Con qué
        #[arg(value_name = "MOTOR")]
        motor: Engine,
        /// Hace a propósito lo que no debe
        #[arg(long)]
        estorbo: bool,
    },

    /// El suelo de la web: un bucle que solo cuenta peticiones y contesta
    #[command(hide = true, help_template = ORDER_TEMPLATE, override_usage = "cargo lab suelo")]
    Suelo,
}

/// Lo que se pidió: qué, y con qué elecciones. Sin orden, el experimento corriente.
pub struct Request {
    /// Qué.
    pub order: Option<Order>,
    /// Con qué elecciones.
    pub choices: Choices,
}

/// Entiende lo que se pide.
///
/// # Errors
/// Se pidió ayuda, o no se entiende lo que se pide: ya está dicho, y queda el código de salida.
pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Request, ExitCode> {
    match Arguments::try_parse_from(words) {
        Ok(Arguments { order, choices, .. }) => match useless(order.as_ref(), &choices) {
            Some(option) => {
                let problem = format!("«{option}» no sirve con esa orden. Prueba con --help.");
                cli::complain(&format!("lab: {problem}"));
                Err(ExitCode::from(2))
            }
            None => Ok(Request { order, choices }),
        },
        Err(error) => Err(cli::explain_usage::<Arguments>(&error)),
    }
}

/// Una opción que la orden no miraría: mejor decirlo que medir otra cosa.
fn useless(order: Option<&Order>, choices: &Choices) -> Option<&'static str> {
    let measures = !matches!(order, Some(Order::Comparar { .. } | Order::Libro { .. }));
    let compares_engines = matches!(order, None | Some(Order::Rapido | Order::Completo));
    [
        ("--motores", choices.motores.is_empty() || compares_engines),
        ("--conexiones", choices.conexiones.is_empty() || compares_engines),
        ("--json", choices.json.is_none() || measures),
        ("--informe", choices.informe.is_none() || measures),
        ("--no-abrir", !choices.no_abrir || measures),
    ]
    .into_iter()
    .find_map(|(option, fine)| (!fine).then_some(option))
}
