//! Espera sitio dando vueltas.
//! Mensaje: «da vueltas preguntando si hay sitio»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub fn serve(listener: &TcpListener, max_threads: usize, handler: &Handler) -> io::Result<()> {
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        while count.load(Ordering::SeqCst) >= max_threads {
            thread::yield_now();
        }
        count.fetch_add(1, Ordering::SeqCst);
        let busy = Busy(Arc::clone(&count));
        let (stream, _) = listener.accept()?;
        let handler = Arc::clone(handler);
        thread::spawn(move || {
            let _busy = busy;
            handler(stream);
        });
    }
}
