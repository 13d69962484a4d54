//! Lección 02_07: el chat en varios servidores. El cliente es el de 02_03.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use multiplexacion::chat::SERVER;
use multiplexacion::cli;
use varias_maquinas::{Options, serve};

/// Chat en varios servidores que comparten un intermediario; entra con aplic_02_03
#[derive(Args, Debug)]
#[command(
    override_usage = "aplic_02_07 --name servidor [OPCIONES]",
    after_help = "Uno solo:  cargo run -p varias_maquinas --bin aplic_02_07 -- --name servidor --port 8801\n\
                 Varios:    redis-server, y en cada servidor --broker redis://127.0.0.1:6379\n\
                 Se entra con: cargo run --bin aplic_02_03 -- --name ana --port 8801"
)]
struct Arguments {
    /// Qué es este programa: solo puede ser «servidor»
    #[arg(long, value_name = "NOMBRE", value_parser = role)]
    name: String,

    /// Puerto en el que escucha; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8801")]
    port: u16,

    /// Dónde está el redis que comparte con otros servidores; sin él, está solo
    #[arg(long, value_name = "redis://DIRECCIÓN")]
    broker: Option<String>,

    /// Dirección del balanceador: solo se entra por él, y dice de quién es cada conexión
    #[arg(long, value_name = "DIRECCIÓN", value_parser = address)]
    proxy: Option<IpAddr>,

    /// Segundos que los demás esperan a que dé señales de vida
    #[arg(long, value_name = "SEGUNDOS", value_parser = lease, default_value = "5")]
    lease: Duration,

    /// Segundos que se espera a que un cliente diga su nombre
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    login_timeout: Duration,
}

fn role(name: &str) -> Result<String, String> {
    match name {
        SERVER => Ok(name.to_owned()),
        _ => Err("aquí solo hay servidor; entra con aplic_02_03".to_owned()),
    }
}

/// Con menos, pasaría más tiempo latiendo que atendiendo.
fn lease(text: &str) -> Result<Duration, String> {
    let rule = "debe ser un número de segundos, de 0.1 a 3600";
    let lease = cli::seconds(text).map_err(|_| rule)?;
    let sensible = Duration::from_millis(100)..=Duration::from_secs(3600);
    if sensible.contains(&lease) { Ok(lease) } else { Err(rule.to_owned()) }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "debe ser una dirección, como 127.0.0.1".to_owned())
}

fn main() -> ExitCode {
    cli::start("aplic_02_07", |common, arguments: Arguments| {
        let Arguments { port, broker, proxy, lease, login_timeout, .. } = arguments;
        serve(&Options { host: common.host, port, broker, proxy, lease, login_timeout })
    })
}
