//! El que lee despacio. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind, Write};

use multiplexacion::frame;

use super::given::{Full, NOT_READING};

/// Lo que espera a salir hacia un cliente.
pub struct Outbox {
    // Pon aquí los campos que necesites.
}

impl Outbox {
    /// Una cola vacía, en la que pueden esperar `limit` bytes.
    pub fn new(limit: usize) -> Outbox {
        todo!("Escribe esto en exercises/02_03_6_lento/ejercicio.rs")
    }

    /// Pone `bytes` al final si caben enteros; si no, no guarda ninguno.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<(), Full> {
        todo!("Escribe esto en exercises/02_03_6_lento/ejercicio.rs")
    }

    /// Pone unas últimas palabras al final, quepan o no. Después no se admite nada más.
    pub fn queue_last(&mut self, bytes: &[u8]) {
        todo!("Escribe esto en exercises/02_03_6_lento/ejercicio.rs")
    }

    /// Escribe lo que el socket, que es no bloqueante, admita ahora; el resto se queda.
    pub fn flush<W: Write>(&mut self, socket: &mut W) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_03_6_lento/ejercicio.rs")
    }

    /// Si hay que pedir a `select` que avise cuando se pueda escribir.
    pub fn wants_write(&self) -> bool {
        todo!("Escribe esto en exercises/02_03_6_lento/ejercicio.rs")
    }

    /// Deja un marco en la cola de un cliente. Si no cabe, lo echa: `Full`.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), Full> {
        todo!("Escribe esto en exercises/02_03_6_lento/ejercicio.rs")
    }
}
