//! El chat entero en esta máquina: un intermediario, varios servidores y un balanceador delante.
//!
//! Arranca `redis-server`, los `aplic_02_07` que se pidan y HAProxy, todos en 127.0.0.1 y en puertos
//! que da el núcleo; cuenta quién está dónde; arranca otro si alguno muere, y al terminar no deja
//! nada. Quien quiera romper algo tiene los números de proceso: `kill -KILL`, `kill -STOP`.

mod house;
mod keyboard;
mod leash;
mod process;
mod server;
mod tools;

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::listener;
use multiplexacion::stop::Stop;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::house::House;
use crate::keyboard::{Keyboard, Order};
use crate::tools::Tools;

/// Varios servidores de chat, su intermediario y su balanceador, en esta máquina
#[derive(Args, Debug)]
#[command(
    override_usage = "juntos [OPCIONES]",
    after_help = "En una terminal: cargo run -p varias_maquinas --bin juntos -- --servidores 3\n\
                 En otra:         cargo run --bin aplic_02_03 -- --name ana --port 8800 --reconectar\n\
                 Mientras está en marcha, «drenar 2» sustituye el servidor 2; «salir» o Ctrl-C \
                 terminan con todo."
)]
struct Arguments {
    /// Cuántos servidores
    #[arg(long = "servidores", value_name = "CUÁNTOS", value_parser = few, default_value = "3")]
    servers: usize,

    /// Puerto del balanceador, por el que se entra; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8800")]
    port: u16,
}

fn few(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=16) => Ok(number),
        _ => Err("debe ser un número de 1 a 16".to_owned()),
    }
}

fn main() -> ExitCode {
    leash::become_another()
        .unwrap_or_else(|| cli::start("juntos", |common, arguments| run(&common, &arguments)))
}

fn run(common: &Common, &Arguments { servers, port }: &Arguments) -> Result<(), Trouble> {
    let tools = Tools::find()?;
    let server = server::program()?;
    // HAProxy también lo diría, pero en inglés. El socket se cierra aquí mismo.
    let entrance = listener::resolve(&common.host, port)
        .and_then(|address| listener::listen(address).map(|_| address))
        .map_err(|error| Trouble::listening(&common.host, port, &error))?;
    // Antes de crear hilos: la máscara de señales la heredan.
    let stop = Stop::on_signals()?;
    let deaths = SigSet::from(Signal::SIGCHLD);
    deaths.thread_block().map_err(std::io::Error::from)?;
    let deaths = SignalFd::with_flags(&deaths, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(std::io::Error::from)?;
    let mut house = House::open(tools, server, entrance, servers)?;
    cli::announce(house.entrance())?;
    let _ = cli::say(&house.table());
    let _ = cli::say(&format!(
        "Entra con: cargo run --bin aplic_02_03 -- --name ana --port {} --reconectar\n\
         Escribe «drenar 2» para sustituir el servidor 2, y «salir» o Ctrl-C para terminar.",
        house.entrance().port()
    ));
    let outcome = watch(&mut house, &stop, &deaths);
    house.close();
    outcome
}

/// Espera a que alguien muera, a lo que se escriba y a que se pida terminar.
fn watch(house: &mut House, stop: &Stop, deaths: &SignalFd) -> Result<(), Trouble> {
    let mut keyboard = Keyboard::default();
    loop {
        house.look_around();
        let until = house.next().map(|next| next.saturating_duration_since(Instant::now()));
        let timeout = until.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX)
        });
        let mut watched = vec![
            PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            PollFd::new(deaths.as_fd(), PollFlags::POLLIN),
        ];
        let input = std::io::stdin();
        if keyboard.is_open() {
            watched.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
        let ready: Vec<_> = watched.iter().map(|one| one.any().unwrap_or(false)).collect();
        if ready[0] {
            return Ok(());
        }
        while deaths.read_signal().is_ok_and(|signal| signal.is_some()) {}
        if ready.get(2) == Some(&true) {
            for order in keyboard.read() {
                match order {
                    Order::Leave => return Ok(()),
                    Order::Drain(number) => house.drain(number),
                }
            }
        }
    }
}
