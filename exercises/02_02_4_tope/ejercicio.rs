//! Un tope de hilos. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Qué se hace con un cliente. La comparten todos los hilos.
pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Acepta clientes sin fin y da a cada uno un hilo que ejecuta `handler`, con no más de
/// `max_threads` a la vez. Solo vuelve si `accept` falla.
pub fn serve(listener: &TcpListener, max_threads: usize, handler: &Handler) -> io::Result<()> {
    todo!("Escribe esto en exercises/02_02_4_tope/ejercicio.rs")
}
