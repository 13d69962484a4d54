//! El ejercicio en marcha, para hablarle con `nc`: `cargo curso ejecutar ID`.

use std::env;
use std::io::{self, Write};
use std::net::TcpListener;

use harness::Failure;

use crate::{Outcome, panics};

/// La variable con la que `cargo curso ejecutar` dice en qué puerto escuchar.
const PORT: &str = "CURSO_PUERTO";

/// Escucha, lo anuncia y sirve con `serve` hasta que termine o alguien pulse Ctrl-C.
///
/// Se llama desde una prueba que nadie pasa si no la pide:
///
/// ```no_run
/// #[test]
/// #[ignore = "para usarlo a mano: cargo curso ejecutar"]
/// fn ejecutar() -> ejercicios::Outcome {
///     ejercicios::by_hand(|listener| {
///         listener.accept()?;
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
/// No se puede escuchar, o `serve` falla.
pub fn by_hand(serve: impl FnOnce(TcpListener) -> io::Result<()>) -> Outcome {
    panics::speak_spanish();
    let port: u16 = env::var(PORT).ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        let why = multiplexacion::cli::reason(&error);
        Failure::new(format!("No se puede escuchar en el puerto {port}: {why}."))
            .hint("elige otro con --puerto")
    })?;
    let address = listener.local_addr()?;
    let mut out = io::stdout().lock();
    writeln!(out, "Escuchando en {address}")?;
    out.flush()?;
    drop(out);
    Ok(serve(listener)?)
}
