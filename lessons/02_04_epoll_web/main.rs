//! Lección 02_04: un servidor web sobre `epoll`.
//!
//! Responde a cualquier navegador con una línea fija de texto. `select` recorre en cada
//! vuelta todos los descriptores que vigila; con `epoll` se registran una vez y es el núcleo
//! quien lleva la cuenta y entrega solo los que tienen algo que contar.
//!
//! Se lee en este orden: [`event_loop`], el bucle; [`client`], la conversación con un navegador;
//! [`server`], cómo se construye; y, si interesa, [`deadlines`] (quién se está retrasando) y
//! [`workers`] (varios bucles a la vez).

mod client;
mod deadlines;
mod event_loop;
mod server;
mod workers;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use multiplexacion::cli;

use client::Patience;
use server::Settings;

/// Servidor web sobre epoll: responde a cualquier navegador con una línea de texto
#[derive(Args, Debug)]
#[command(after_help = "Ábrelo en un navegador, o pruébalo con: curl -i http://127.0.0.1:8080/")]
struct Arguments {
    /// Puerto en el que escucha; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8080")]
    port: u16,

    /// Bucles de eventos, cada uno en su hilo y con su epoll
    #[arg(long, value_name = "N", value_parser = cli::count, default_value = "1")]
    workers: usize,

    /// Segundos para enviar la cabecera de una petición
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    head_timeout: Duration,

    /// Segundos que una conexión puede pasar sin actividad
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "60")]
    idle_timeout: Duration,

    /// Segundos para terminar, tras Ctrl-C, lo que se estaba enviando
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "5")]
    drain_timeout: Duration,
}

fn main() -> ExitCode {
    cli::start("aplic_02_04", |common, arguments: Arguments| {
        let settings = Settings {
            share_port: arguments.workers > 1,
            patience: Patience { head: arguments.head_timeout, idle: arguments.idle_timeout },
            drain: arguments.drain_timeout,
        };
        workers::serve(&common.host, arguments.port, arguments.workers, settings)
    })
}
