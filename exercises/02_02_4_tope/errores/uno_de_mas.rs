//! Deja entrar a uno más que el tope.
//! Mensaje: «El tope era 2, y llegó a haber 3 clientes»

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub fn serve(listener: &TcpListener, max_threads: usize, handler: &Handler) -> io::Result<()> {
    let seats = Arc::new(Seats { free: Mutex::new(max_threads + 1), freed: Condvar::new() });
    loop {
        let seat = Seat::take(&seats);
        let (stream, _) = listener.accept()?;
        let handler = Arc::clone(handler);
        thread::Builder::new().spawn(move || {
            let _seat = seat;
            handler(stream);
        })?;
    }
}

struct Seats {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Seat(Arc<Seats>);

impl Seat {
    fn take(seats: &Arc<Seats>) -> Seat {
        let free = seats.freed.wait_while(seats.free(), |free| *free == 0);
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Seat(Arc::clone(seats))
    }
}

impl Drop for Seat {
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
