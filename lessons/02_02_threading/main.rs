//! Lección 02_02: un hilo por cliente con `ThreadingMixIn`.
//!
//! Un servidor de eco, en un hilo de fondo, crea un hilo para cada cliente que se conecta; tres
//! clientes de prueba le hablan a la vez, y cada uno recibe lo que envió. Los hilos del servidor
//! no se programan aquí: de crearlos, limitarlos y recogerlos se encarga
//! [`socketserver`](multiplexacion::socketserver).
//!
//! Se lee en este orden: [`echo`] (qué se hace con un cliente), [`server`] (cómo se monta el
//! servidor y cómo se detiene), [`clients`] (los clientes de prueba) y [`threads`] (cómo se crean
//! los demás hilos y quién dice cada línea).

mod clients;
mod echo;
mod server;
mod threads;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use multiplexacion::cli;

use server::Settings;

/// Servidor de eco con un hilo por cliente, y tres clientes que lo prueban a la vez
#[derive(Args, Debug)]
#[command(after_help = "Para hablarle tú: cargo run --bin aplic_02_02 -- --serve --port 8802\n\
                 En otra terminal: nc -N 127.0.0.1 8802")]
struct Arguments {
    /// Sirve hasta Ctrl-C, sin clientes de prueba
    #[arg(long)]
    serve: bool,

    /// Clientes de prueba
    #[arg(long, value_name = "N", value_parser = cli::count, conflicts_with = "serve")]
    #[arg(default_value = "3")]
    clients: usize,

    /// Puerto en el que escucha; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "0")]
    port: u16,

    /// Hilos a la vez; los demás clientes esperan en la cola del núcleo
    #[arg(long, value_name = "N", value_parser = cli::count, default_value = "1024")]
    max_threads: usize,

    /// Segundos sin noticias tras los que se echa a un cliente
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "60")]
    timeout: Duration,
}

fn main() -> ExitCode {
    cli::start("aplic_02_02", |common, arguments| {
        let Arguments { serve, clients, max_threads, timeout, port } = arguments;
        let clients = if serve { None } else { Some(clients) };
        server::run(&common.host, port, Settings { clients, max_threads, timeout })
    })
}
