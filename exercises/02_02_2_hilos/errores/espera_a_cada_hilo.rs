//! Crea un hilo para cada cliente, y lo espera antes de aceptar al siguiente.
//! Mensaje: «Hay tres clientes conectados, y solo 1 llegó a `handler`»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub fn serve(listener: &TcpListener, handler: &Handler) -> io::Result<()> {
    for number in 1_u64.. {
        let (stream, _) = listener.accept()?;
        let handler = Arc::clone(handler);
        let thread = thread::Builder::new()
            .name(format!("cliente-{number}"))
            .spawn(move || handler(stream))?;
        let _ = thread.join();
    }
    Ok(())
}
