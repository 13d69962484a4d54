//! Lo que se escribe en la línea de órdenes, con ayuda y errores en español.

use clap::{ArgAction, Parser};
use multiplexacion::cli;

const TEMPLATE: &str =
    "{about}\n\nUso: {usage}\n\nArgumentos y opciones:\n{positionals}\n{options}{after-help}";

/// Construye el libro del curso y lo abre en el navegador
#[derive(Parser, Debug)]
#[command(
    name = "libro",
    bin_name = "cargo libro",
    help_template = TEMPLATE,
    override_usage = "cargo libro [ORDEN] [--no-abrir] [--servir [--port N]]",
    disable_help_flag = true
)]
pub(crate) struct Arguments {
    /// `epub`: además, un EPUB. `imprimir`: abre el libro en una sola página, lista para imprimir
    /// o guardar en PDF
    #[arg(value_name = "ORDEN", value_parser = order)]
    pub(crate) order: Option<Order>,

    /// No abre el navegador
    #[arg(long = "no-abrir")]
    pub(crate) stay_closed: bool,

    /// Sirve el libro y lo rehace cada vez que guardas
    #[arg(long = "servir", conflicts_with = "order")]
    pub(crate) serve: bool,

    /// Puerto en el que se sirve; 0 deja que elija el núcleo
    #[arg(long, value_name = "N", value_parser = cli::port, requires = "serve")]
    #[arg(default_value = "3000")]
    pub(crate) port: u16,

    /// Muestra esta ayuda
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Qué se hace además de las páginas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Epub,
    /// La vista para imprimir.
    Print,
}

fn order(text: &str) -> Result<Order, String> {
    match text {
        "epub" => Ok(Order::Epub),
        "imprimir" => Ok(Order::Print),
        _ => Err("las órdenes son epub e imprimir".to_owned()),
    }
}
