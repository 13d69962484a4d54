//! Un tope de hilos. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

// <solo en la solución>
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
// </solo en la solución>

/// Qué se hace con un cliente. La comparten todos los hilos.
pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Acepta clientes sin fin y da a cada uno un hilo que ejecuta `handler`, con no más de
/// `max_threads` a la vez. Solo vuelve si `accept` falla.
pub fn serve(listener: &TcpListener, max_threads: usize, handler: &Handler) -> io::Result<()> {
    // <tu código>
    let seats = Arc::new(Seats { free: Mutex::new(max_threads), freed: Condvar::new() });
    loop {
        // Antes de aceptar: así, quien espera lo hace en la cola del núcleo, sin gastar aquí ni
        // un descriptor.
        let seat = Seat::take(&seats);
        let (stream, _) = listener.accept()?;
        let handler = Arc::clone(handler);
        thread::Builder::new().spawn(move || {
            let _seat = seat;
            handler(stream);
        })?;
    }
    // </tu código>
}

// <solo en la solución>
/// Los sitios que hay.
struct Seats {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Un sitio ocupado; al descartarse, queda libre.
struct Seat(Arc<Seats>);

impl Seat {
    /// Ocupa un sitio; si no hay, duerme hasta que lo haya.
    fn take(seats: &Arc<Seats>) -> Seat {
        let free = seats.freed.wait_while(seats.free(), |free| *free == 0);
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Seat(Arc::clone(seats))
    }
}

impl Drop for Seat {
    // También cuando el hilo entra en pánico: deshacer la pila descarta lo que hay en ella.
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.freed.notify_one();
    }
}

impl Seats {
    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
// </solo en la solución>
