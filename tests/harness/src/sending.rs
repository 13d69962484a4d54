//! Enviar con un límite de tiempo, en este hilo o en otro.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::failure::Failure;
use crate::inbox::is_worth_retrying;
use crate::log::PeerId;
use crate::transcript::Transcript;
use crate::waiting::Deadline;
use crate::wording;

/// Cuánto se da de una vez al núcleo, para notar si avanza.
const WRITE_SIZE: usize = 64 * 1024;

/// Un envío que no pudo terminar.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) sent: usize,
    pub(crate) error: io::Error,
}

impl Unfinished {
    pub(crate) fn why(&self) -> String {
        // En un socket bloqueante con plazo, «no hay nada listo» es que el plazo pasó (socket(7)).
        match self.error.kind() {
            ErrorKind::WouldBlock => errors::reason(&ErrorKind::TimedOut.into()),
            _ => errors::reason(&self.error),
        }
    }
}

/// Escribe todo, o lo que se pueda hasta que el otro lado cierre o pase `limit` sin admitir nada.
pub(crate) fn write_within(
    stream: &mut TcpStream,
    bytes: &[u8],
    limit: Duration,
) -> Result<(), Unfinished> {
    let mut deadline = Deadline::after(limit);
    let mut sent = 0;
    while sent < bytes.len() {
        let piece = &bytes[sent..bytes.len().min(sent + WRITE_SIZE)];
        match write_once(stream, piece, &deadline) {
            Ok(count) => {
                sent += count;
                // Un socket bloqueante solo escribe de menos cuando vence su límite: si no, avanza.
                if count == piece.len() {
                    deadline = Deadline::after(limit);
                }
            }
            Err(error) if is_worth_retrying(&error) && deadline.remaining().is_some() => {}
            Err(error) => return Err(Unfinished { sent, error }),
        }
    }
    Ok(())
}

fn write_once(stream: &mut TcpStream, bytes: &[u8], deadline: &Deadline) -> io::Result<usize> {
    let remaining = deadline.remaining().ok_or(ErrorKind::TimedOut)?;
    stream.set_write_timeout(Some(remaining))?;
    stream.write(bytes)
}

/// Un envío en marcha en otro hilo: [`Peer::send_meanwhile`](crate::Peer::send_meanwhile).
///
/// Si se suelta sin terminar, corta la conexión, para que el hilo no se quede esperando.
#[derive(Debug)]
#[must_use = "al soltarlo se corta la conexión: termina con `finish`"]
pub struct Sending {
    sender: Sender,
    size: usize,
    stream: TcpStream,
    writer: Option<JoinHandle<Result<(), Unfinished>>>,
}

/// Quién envía, para el informe.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) name: String,
    pub(crate) id: PeerId,
    pub(crate) transcript: Transcript,
}

impl Sending {
    pub(crate) fn start(
        sender: Sender,
        stream: &TcpStream,
        bytes: Vec<u8>,
        limit: Duration,
    ) -> io::Result<Self> {
        let mut writing = stream.try_clone()?;
        let size = bytes.len();
        let writer = thread::Builder::new()
            .name(format!("envía {}", sender.name))
            .spawn(move || write_within(&mut writing, &bytes, limit))?;
        Ok(Self { sender, size, stream: stream.try_clone()?, writer: Some(writer) })
    }

    /// Espera a que salga todo. Falla si el servidor cerró o no lo leyó a tiempo.
    pub fn finish(mut self) -> Result<(), Failure> {
        let result = self.writer.take().map(JoinHandle::join);
        match result {
            Some(Ok(Err(unfinished))) => Err(self.could_not_finish(&unfinished)),
            _ => Ok(()),
        }
    }

    fn could_not_finish(&self, unfinished: &Unfinished) -> Failure {
        let headline = format!(
            "«{}» solo pudo enviar {} de {}: {}.",
            self.sender.name,
            wording::grouped(unfinished.sent),
            wording::bytes(self.size),
            unfinished.why()
        );
        self.sender.transcript.failure(headline, self.sender.id)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // Si ya estaba cerrada, no hay nada que cortar.
            let _ = self.stream.shutdown(Shutdown::Both);
            let _ = writer.join();
        }
    }
}
