//! Un hilo con nombre para cada cliente. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Qué se hace con un cliente. La comparten todos los hilos.
pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Acepta clientes sin fin y da a cada uno un hilo, `cliente-1`, `cliente-2`…, que ejecuta
/// `handler`. Solo vuelve si `accept` falla.
pub fn serve(listener: &TcpListener, handler: &Handler) -> io::Result<()> {
    todo!("Escribe esto en exercises/02_02_2_hilos/ejercicio.rs")
}
