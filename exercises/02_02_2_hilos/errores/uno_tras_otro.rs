//! Atiende en el mismo hilo que acepta.
//! Mensaje: «quien acepta espera al cliente callado: no debe esperar a ninguno»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub fn serve(listener: &TcpListener, handler: &Handler) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        handler(stream);
    }
}
