//! El ejercicio en marcha, para hablarle con `nc`: `cargo curso ejecutar ID`.

use std::env;
use std::io;
use std::net::{TcpListener, TcpStream};

use harness::Failure;
use multiplexacion::{cli, errors};

use crate::outcome::{Explain, Outcome};

/// La variable con la que `cargo curso ejecutar` dice el puerto.
const PORT: &str = "CURSO_PUERTO";

/// Lo que pone en marcha `cargo curso ejecutar`: define la función `ejecutar`, con
/// [`by_hand`](by_hand()).
///
/// ```no_run
/// ejercicios::by_hand!(|listener| {
///     listener.accept()?;
///     Ok(())
/// });
/// ```
#[macro_export]
macro_rules! by_hand {
    ($serve:expr) => {
        fn ejecutar() -> $crate::Outcome {
            $crate::by_hand($serve)
        }
    };
}

/// Escucha, lo anuncia y sirve con `serve` hasta que termine o alguien pulse Ctrl-C.
pub fn by_hand(serve: impl FnOnce(TcpListener) -> io::Result<()>) -> Outcome {
    let listener = at_port(TcpListener::bind, "escuchar en").hint("elige otro con --port")?;
    cli::announce(listener.local_addr()?)?;
    Ok(serve(listener)?)
}

/// Si el ejercicio es un cliente: conecta con quien escuche en ese puerto y conversa con `talk`.
pub fn by_hand_calling(talk: impl FnOnce(TcpStream) -> io::Result<()>) -> Outcome {
    let stream = at_port(TcpStream::connect, "conectar con")
        .hint("pon antes un servidor en marcha, y di su puerto con --port")?;
    Ok(talk(stream)?)
}

/// Lo que haga `open` con el puerto que se haya dicho; `what` cuenta qué era.
fn at_port<T>(
    open: impl FnOnce((&'static str, u16)) -> io::Result<T>,
    what: &str,
) -> Result<T, Failure> {
    let port = env::var(PORT).ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    open(("127.0.0.1", port)).map_err(|error| {
        let why = errors::reason(&error);
        Failure::new(format!("No se puede {what} el puerto {port}: {why}."))
    })
}
