//! Un hilo con nombre para cada cliente. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

// <solo en la solución>
use std::thread;
// </solo en la solución>

/// Qué se hace con un cliente. La comparten todos los hilos.
pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Acepta clientes sin fin y da a cada uno un hilo, `cliente-1`, `cliente-2`…, que ejecuta
/// `handler`. Solo vuelve si `accept` falla.
pub fn serve(listener: &TcpListener, handler: &Handler) -> io::Result<()> {
    // <tu código>
    for number in 1_u64.. {
        // El único sitio en el que este hilo duerme.
        let (stream, _) = listener.accept()?;
        let handler = Arc::clone(handler);
        // El `JoinHandle` se descarta: el hilo termina por su cuenta, y si entra en pánico se
        // lleva consigo solo a su cliente.
        thread::Builder::new().name(format!("cliente-{number}")).spawn(move || handler(stream))?;
    }
    Ok(())
    // </tu código>
}
