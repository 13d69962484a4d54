//! Quién atiende a cada cliente y qué pasa cuando no puede.

use std::error::Error;
use std::fmt;
use std::io;

use super::panics::contain;
use super::request::Request;

/// Atiende a un cliente. Nace con él, en el hilo que lo atiende, y muere con él.
///
/// Es `BaseRequestHandler` de Python, con sus tres pasos. Quien solo necesite
/// [`handle`](RequestHandler::handle) puede dar una clausura: toda `FnMut(&Request) ->
/// io::Result<()>` es un manejador.
pub trait RequestHandler {
    /// Prepara lo que haga falta antes de [`handle`](RequestHandler::handle).
    ///
    /// # Errors
    /// Si falla, no se llama ni a `handle` ni a `finish`: el cliente se cierra.
    fn setup(&mut self, request: &Request) -> io::Result<()> {
        let _ = request;
        Ok(())
    }

    /// Conversa con el cliente hasta terminar. Al volver, la biblioteca cierra la conexión.
    ///
    /// # Errors
    /// Los que acaban con este cliente; el servidor se los cuenta a
    /// [`handle_error`](super::TcpServer::handle_error) y sigue.
    fn handle(&mut self, request: &Request) -> io::Result<()>;

    /// Recoge lo que dejó [`setup`](RequestHandler::setup). Se llama siempre que `setup` fue
    /// bien, también si `handle` falló o entró en pánico.
    ///
    /// # Errors
    /// Como los de `handle`; si los dos fallan, se cuenta el de `handle`.
    fn finish(&mut self, request: &Request) -> io::Result<()> {
        let _ = request;
        Ok(())
    }
}

impl<F: FnMut(&Request) -> io::Result<()>> RequestHandler for F {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        self(request)
    }
}

/// Por qué no se pudo atender a un cliente. Es lo que recibe
/// [`handle_error`](super::TcpServer::handle_error).
#[derive(Debug)]
pub enum Failure {
    /// `setup`, `handle` o `finish` devolvieron un error.
    Handler(io::Error),
    /// El manejador entró en pánico.
    Panic {
        /// Archivo, línea y columna.
        place: String,
        /// Lo que decía `panic!`, o nada si no era un texto.
        message: String,
    },
    /// El sistema no dio otro hilo (`pthread_create(3)`: EAGAIN). Se rechazó al cliente.
    NoThread(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Handler(error) => f.write_str(&errors::reason(error)),
            Failure::Panic { place, message } => {
                write!(f, "el manejador entró en pánico en {place}: «{message}»")
            }
            Failure::NoThread(_) => f.write_str("el sistema no da más hilos"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Failure::Handler(error) | Failure::NoThread(error) => Some(error),
            Failure::Panic { .. } => None,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Handler(error)
    }
}

/// `finish_request` y el constructor de `BaseRequestHandler` de Python: crea el manejador y
/// recorre sus tres pasos.
pub(super) fn finish_request<H: RequestHandler>(
    new_handler: impl Fn() -> H,
    request: &Request,
) -> Result<(), Failure> {
    contain(|| {
        let mut handler = new_handler();
        handler.setup(request)?;
        let outcome = contain(|| Ok(handler.handle(request)?));
        let finished = handler.finish(request);
        outcome.and(finished.map_err(Failure::from))
    })
}
