//! Los mismos clientes, tres motores. El enunciado está en enunciado.md, en esta carpeta.
//!
//! Lo que se te da hecho está al lado: `selectors.rs`, con lo que todo motor promete; `kernel.rs`,
//! con las llamadas al sistema y su contador, y `comparison.rs`, con el servicio y las medidas.

use std::io;
use std::time::Duration;

use super::kernel::{Kernel, Work};
use super::selectors::{Engine, Event, Interest, Predictions, Registry, Selector, Socket};

/// Lo que crees que va a pasar. Escríbelo antes que lo demás.
pub fn predict() -> Predictions {
    todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
}

/// Vigila con select(2).
pub struct SelectSelector {
    kernel: Kernel,
    registry: Registry,
    // Lo que necesites recordar, además.
}

impl SelectSelector {
    /// Sin nadie a quien vigilar. Toda llamada al sistema pasa por `kernel`.
    pub fn new(kernel: Kernel) -> io::Result<SelectSelector> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }
}

impl Selector for SelectSelector {
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn unregister(&mut self, id: u64) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn work(&self) -> Work {
        self.kernel.work()
    }
}

/// Vigila con epoll(7).
pub struct EpollSelector {
    kernel: Kernel,
    registry: Registry,
    // Lo que necesites recordar, además.
}

impl EpollSelector {
    /// Sin nadie a quien vigilar. Toda llamada al sistema pasa por `kernel`.
    pub fn new(kernel: Kernel) -> io::Result<EpollSelector> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }
}

impl Selector for EpollSelector {
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn unregister(&mut self, id: u64) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>> {
        todo!("Escribe esto en exercises/02_05_1_comparacion/ejercicio.rs")
    }

    fn work(&self) -> Work {
        self.kernel.work()
    }
}
