//! Numera desde cero.
//! Mensaje: «llegó "cliente-0\n"»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub fn serve(listener: &TcpListener, handler: &Handler) -> io::Result<()> {
    for (number, stream) in listener.incoming().enumerate() {
        let (stream, handler) = (stream?, Arc::clone(handler));
        thread::Builder::new()
            .name(format!("cliente-{number}"))
            .spawn(move || handler(stream))?;
    }
    Ok(())
}
