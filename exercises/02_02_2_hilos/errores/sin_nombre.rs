//! Usa `thread::spawn`, que no pone nombre.
//! Mensaje: «llegó "sin nombre\n"»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub fn serve(listener: &TcpListener, handler: &Handler) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let handler = Arc::clone(handler);
        thread::spawn(move || handler(stream));
    }
}
