//! Cierra a quien no cabe, en vez de hacerlo esperar.
//! Mensaje: ««quien espera» esperaba silencio»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub fn serve(listener: &TcpListener, max_threads: usize, handler: &Handler) -> io::Result<()> {
    let busy = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept()?;
        if busy.load(Ordering::SeqCst) >= max_threads {
            continue;
        }
        busy.fetch_add(1, Ordering::SeqCst);
        let (handler, busy) = (Arc::clone(handler), Arc::clone(&busy));
        thread::spawn(move || {
            handler(stream);
            busy.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
