//! La lección 02_03 vista desde fuera: el programa de verdad, sus sockets, su terminal.
//!
//! Cada prueba `t3_NN_…` cita el defecto de las recetas clásicas que el programa no debe tener.

mod all_stages;
mod back_pressure;
mod chat;
mod client;
mod closing;
mod descriptors;
mod frames;
mod host;
mod inside;
mod life;
mod login;
mod order;
mod returning;
mod screen;
mod slow_readers;
mod suspended;
mod terminal;
mod usage;

use std::net::SocketAddr;
use std::time::Duration;

use harness::{Failure, Program, Running};

type Outcome = Result<(), Failure>;

const LESSON: &str = env!("CARGO_BIN_EXE_aplic_02_03");

/// Cuánto se espera lo que tiene que ocurrir: de sobra, también en una máquina ocupada.
const LIMIT: Duration = harness::DEFAULT_LIMIT;

/// Cuánto se observa a quien no tiene nada que hacer.
const NOTHING_TO_DO: Duration = Duration::from_millis(300);

/// Espera a que el programa haya atendido lo que le llegó y vuelva a dormir.
///
/// Por loopback, lo enviado suele estar ya en el otro socket cuando `send(2)` vuelve, y quien
/// tiene algo que leer no consta como dormido. Con la máquina ocupada, el núcleo puede dejarlo
/// para luego: sirve para separar dos pasos, no para dar el primero por hecho.
fn settles(program: &Running) -> Outcome {
    program.sleeps_through(Duration::from_millis(15))
}

fn lesson() -> Program {
    Program::new(LESSON)
}

/// El servidor, en un puerto que elige el núcleo.
fn server() -> Program {
    lesson().args(["--name", "servidor", "--port", "0"])
}

/// El cliente `name` del servidor que escucha en `address`.
fn client(name: &str, address: SocketAddr) -> Program {
    lesson().args(client_arguments(name, address))
}

fn client_arguments(name: &str, address: SocketAddr) -> Vec<String> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    ["--name", name, "--host", &host, "--port", &port].map(str::to_owned).into()
}
