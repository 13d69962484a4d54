//! Lección 02_03: un chat sobre `select`.
//!
//! Servidor y cliente en un solo programa: con `--name servidor` es el servidor; con cualquier
//! otro nombre, un cliente. Ninguno de los dos usa hilos. Cada uno tiene varias cosas que
//! atender a la vez (sockets, teclado, Ctrl-C), todas son descriptores, y `select` le dice
//! cuáles están listas.
//!
//! Se lee en este orden: [`messages`], que empieza por `send` y `receive`; [`event_loop`], el bucle;
//! [`guest`], un cliente tal como lo ve el servidor; [`history`], lo que se ha dicho; [`server`],
//! cómo se pone en marcha; [`client`]; y, si interesa, [`returning`], [`sets`], [`keyboard`],
//! [`terminal`] y [`editor`].

mod client;
mod editor;
mod event_loop;
mod guest;
mod history;
mod keyboard;
mod messages;
mod returning;
mod server;
mod sets;
mod terminal;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use multiplexacion::chat::{SERVER, check_name};
use multiplexacion::cli;

/// Chat sobre select: servidor con --name servidor, cliente con cualquier otro nombre
#[derive(Args, Debug)]
#[command(
    override_usage = "aplic_02_03 --name NOMBRE [OPCIONES]",
    after_help = "En una terminal: cargo run --bin aplic_02_03 -- --name servidor --port 8800\n\
                 En otra:         cargo run --bin aplic_02_03 -- --name ana --port 8800\n\
                 Se sale con Ctrl-D o con Ctrl-C."
)]
struct Arguments {
    /// Quién eres; con «servidor», este programa es el servidor
    #[arg(long, value_name = "NOMBRE", value_parser = role)]
    name: Role,

    /// Puerto del servidor; al servidor, 0 le deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8800")]
    port: u16,

    /// Segundos que el servidor espera a que un cliente diga su nombre
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    login_timeout: Duration,

    /// Si el cliente pierde la conexión, vuelve a entrar, tras una espera al azar que crece
    #[arg(long = "reconectar")]
    returns: bool,
}

/// Qué es este programa, según `--name`.
#[derive(Clone, Debug)]
enum Role {
    Server,
    Client(String),
}

/// Interpreta `--name`.
fn role(name: &str) -> Result<Role, String> {
    if name == SERVER {
        return Ok(Role::Server);
    }
    check_name(name)?;
    Ok(Role::Client(name.to_owned()))
}

fn main() -> ExitCode {
    cli::start("aplic_02_03", |common, Arguments { name, port, login_timeout, returns }| match name
    {
        Role::Server => server::serve(&common.host, port, login_timeout),
        Role::Client(name) => client::chat(&common.host, port, &name, returns),
    })
}
