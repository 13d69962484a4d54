//! El ejercicio en marcha, para hablarle con `nc`: `cargo curso ejecutar ID`.

use std::env;
use std::io;
use std::net::{TcpListener, TcpStream};

use harness::Failure;
use multiplexacion::cli::{self, Trouble};

use crate::outcome::Outcome;

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
    let listener = at_port(port(), TcpListener::bind, Trouble::listening)?;
    cli::announce(listener.local_addr()?)?;
    Ok(serve(listener)?)
}

/// Si el ejercicio es un cliente: conecta con quien escuche en ese puerto y conversa con `talk`.
pub fn by_hand_calling(talk: impl FnOnce(TcpStream) -> io::Result<()>) -> Outcome {
    let stream = at_port(port(), TcpStream::connect, Trouble::connecting)?;
    Ok(talk(stream)?)
}

/// El que haya dicho `cargo curso ejecutar`; cero, si no lo ha dicho: lo elige el núcleo.
fn port() -> u16 {
    env::var(PORT).ok().and_then(|port| port.parse().ok()).unwrap_or(0)
}

/// Lo que haga `open` con ese puerto de esta máquina; si no puede, lo que diga `trouble`.
fn at_port<T>(
    port: u16,
    open: impl FnOnce((&'static str, u16)) -> io::Result<T>,
    trouble: impl FnOnce(&str, u16, &io::Error) -> Trouble,
) -> Result<T, Failure> {
    const HOST: &str = "127.0.0.1";
    open((HOST, port)).map_err(|error| Failure::new(trouble(HOST, port, &error).to_string()))
}

#[cfg(test)]
mod tests {
    use harness::Port;

    use super::*;

    #[test]
    fn un_puerto_ocupado_se_explica_en_una_línea_como_en_las_lecciones() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = taken.local_addr().unwrap().port();
        let failure = at_port(number, TcpListener::bind, Trouble::listening).unwrap_err();
        let text = failure.to_string();
        assert!(
            text.starts_with(&format!("otro programa ya escucha en 127.0.0.1:{number}.")),
            "{text}"
        );
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        let free = Port::reserve().unwrap().address().port();
        let failure = at_port(free, TcpStream::connect, Trouble::connecting).unwrap_err();
        assert!(failure.to_string().starts_with("nadie escucha en"), "{failure}");
    }
}
