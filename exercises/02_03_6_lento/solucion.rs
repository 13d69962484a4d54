//! El que lee despacio. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind, Write};

use multiplexacion::frame;

use super::given::{Full, NOT_READING};

// <solo en la solución>
use std::collections::VecDeque;
// </solo en la solución>

/// Lo que espera a salir hacia un cliente.
pub struct Outbox {
    // <solo al principio> Pon aquí los campos que necesites.
    // <solo en la solución>
    /// Una cola de dos extremos: se añade por el final y se quita por el principio, sin mover lo
    /// demás.
    bytes: VecDeque<u8>,
    limit: usize,
    /// Ya están puestas las últimas palabras.
    closed: bool,
    // </solo en la solución>
}

impl Outbox {
    /// Una cola vacía, en la que pueden esperar `limit` bytes.
    pub fn new(limit: usize) -> Outbox {
        // <tu código>
        Outbox { bytes: VecDeque::new(), limit, closed: false }
        // </tu código>
    }

    /// Pone `bytes` al final si caben enteros; si no, no guarda ninguno.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<(), Full> {
        // <tu código>
        // Antes de guardar: un límite que se mira después ya se ha pasado. Y todo o nada: con
        // medio marco dentro, quien recibe no sabría dónde empieza el siguiente.
        if self.closed || self.bytes.len() + bytes.len() > self.limit {
            return Err(Full);
        }
        self.bytes.extend(bytes);
        Ok(())
        // </tu código>
    }

    /// Pone unas últimas palabras al final, quepan o no. Después no se admite nada más.
    pub fn queue_last(&mut self, bytes: &[u8]) {
        // <tu código>
        self.bytes.extend(bytes);
        self.closed = true;
        // </tu código>
    }

    /// Escribe lo que el socket, que es no bloqueante, admita ahora; el resto se queda.
    pub fn flush<W: Write>(&mut self, socket: &mut W) -> io::Result<()> {
        // <tu código>
        while self.wants_write() {
            // La memoria de la cola da la vuelta: esto es su primer trozo seguido.
            let (front, _) = self.bytes.as_slices();
            match socket.write(front) {
                // Solo se quita lo que el núcleo dice que aceptó.
                Ok(count) => drop(self.bytes.drain(..count)),
                // No hay sitio. No es un fallo, y tampoco hay que insistir: `select` avisará.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
        // </tu código>
    }

    /// Si hay que pedir a `select` que avise cuando se pueda escribir.
    pub fn wants_write(&self) -> bool {
        // <tu código>
        !self.bytes.is_empty()
        // </tu código>
    }

    /// Deja un marco en la cola de un cliente. Si no cabe, lo echa: `Full`.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), Full> {
        // <tu código>
        let outcome = self.queue(frame);
        if outcome.is_err() && !self.closed {
            // Lo encolado no se toca: puede haber un marco a medio salir, y la razón va detrás.
            self.queue_last(&frame::encode(NOT_READING).unwrap_or_default());
        }
        outcome
        // </tu código>
    }
}
