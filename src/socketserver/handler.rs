//! Quién atiende a cada cliente y qué pasa cuando no puede.

use std::fmt;
use std::io;

use super::request::Request;

/// Atiende a un cliente. Nace con él, en el hilo que lo atiende, y muere con él: lo que deba
/// recogerse pase lo que pase, también con un pánico, va en su `Drop`.
///
/// Es `BaseRequestHandler` de Python. Si no guarda nada puede ser una clausura: toda
/// `FnMut(&Request) -> io::Result<()>` es un manejador.
pub trait RequestHandler {
    /// Conversa con el cliente hasta terminar. Al volver, la biblioteca cierra la conexión.
    /// Errores: los que acaban con este cliente; el servidor se los cuenta a
    /// [`handle_error`](super::TcpServer::handle_error) y sigue.
    fn handle(&mut self, request: &Request) -> io::Result<()>;
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
    /// `handle` devolvió un error.
    Handler(io::Error),
    /// El manejador entró en pánico: dónde, y lo que decía `panic!`.
    Panic(String),
    /// El sistema no dio otro hilo (`pthread_create(3)`: EAGAIN), o dejaría sin memoria a los demás.
    /// Se rechazó al cliente.
    NoThread,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Handler(error) => f.write_str(&errors::reason(error)),
            Failure::Panic(panic) => write!(f, "el manejador entró en pánico en {panic}"),
            Failure::NoThread => f.write_str("el sistema no da más hilos"),
        }
    }
}
