//! Lo que va llegando por una conexión: se lee en trozos grandes y se consume paso a paso.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use crate::comparison::Ending;
use crate::waiting::Deadline;

/// Cuánto se pide de una vez al núcleo.
const READ_SIZE: usize = 16 * 1024;

/// Lo leído que ningún paso ha consumido, y cómo acabó la conexión si ya acabó.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Cuántos bytes del comienzo de `bytes` ya están consumidos.
    start: usize,
    /// Cuántos bytes de los pendientes constan ya en el acta.
    recorded: usize,
    ending: Option<Ending>,
    /// Al enviar ya se supo que la conexión se reinició: el núcleo lo dice una sola vez.
    broken: bool,
}

/// Lo que trae una lectura.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Más bytes pendientes.
    Bytes,
    /// El final de la conexión, que no se había visto hasta ahora.
    JustEnded(Ending),
    /// Nada: ya se sabía que la conexión acabó, o venció el límite.
    Nothing(Ending),
}

impl Inbox {
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// Lee una vez, y espera hasta que haya qué leer o venza el límite.
    pub(crate) fn read_from(&mut self, stream: &mut TcpStream, deadline: &Deadline) -> Arrival {
        if let Some(ending) = self.ending {
            return Arrival::Nothing(ending);
        }
        loop {
            let Some(remaining) = deadline.remaining() else {
                return Arrival::Nothing(Ending::Silence(deadline.limit()));
            };
            match self.read_within(stream, remaining) {
                Ok(0) if self.broken => return self.end(Ending::Reset),
                Ok(0) => return self.end(Ending::End),
                Ok(_) => return Arrival::Bytes,
                Err(error) if is_worth_retrying(&error) => {}
                // RST, o cualquier otro final sin orden (ETIMEDOUT, EHOSTUNREACH…).
                Err(_) => return self.end(Ending::Reset),
            }
        }
    }

    fn end(&mut self, ending: Ending) -> Arrival {
        self.ending = Some(ending);
        Arrival::JustEnded(ending)
    }

    fn read_within(&mut self, stream: &mut TcpStream, limit: Duration) -> io::Result<usize> {
        stream.set_read_timeout(Some(limit))?;
        let mut chunk = [0; READ_SIZE];
        let count = stream.read(&mut chunk)?;
        self.bytes.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    /// Los primeros `count` bytes pendientes que no constan en el acta; desde ahora, constan.
    pub(crate) fn record(&mut self, count: usize) -> Option<Vec<u8>> {
        let unrecorded = self.pending().get(self.recorded..count)?.to_vec();
        self.recorded = count;
        (!unrecorded.is_empty()).then_some(unrecorded)
    }

    /// Lo que quede por leer acaba en un reinicio, aunque el núcleo ya no lo diga.
    pub(crate) fn note_reset(&mut self) {
        self.broken = true;
    }

    /// Da por usados los primeros `count` bytes pendientes, que ya constan en el acta.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        self.recorded -= count;
        if self.start == self.bytes.len() {
            // Quien está en silencio no guarda un búfer: son mil a la vez.
            *self = Self { ending: self.ending, broken: self.broken, ..Self::default() };
        } else if self.start > READ_SIZE {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Una señal, o el límite del socket, que vence un poco antes que el nuestro.
pub(crate) fn is_worth_retrying(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
