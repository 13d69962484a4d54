//! Enviar con un límite de tiempo, en este hilo o en otro.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::inbox::is_worth_retrying;
use crate::log::PeerId;
use crate::sock_diag;
use crate::transcript::{MEANWHILE, Transcript};
use crate::waiting::{Deadline, poll};
use crate::wording;

/// Cuánto se da de una vez al núcleo, para notar si avanza.
const WRITE_SIZE: usize = 64 * 1024;
/// Si en este tiempo el servidor no lee nada, ha dejado de leer: nadie que lea tarda tanto.
const STALL: Duration = Duration::from_secs(2);

/// Un envío que no pudo terminar.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) sent: usize,
    pub(crate) error: io::Error,
}

impl Unfinished {
    /// Si el servidor reinició la conexión: ECONNRESET o, si antes había cerrado su lado, EPIPE.
    pub(crate) fn was_reset(&self) -> bool {
        matches!(self.error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
    }

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
    write_telling(stream, bytes, limit, &AtomicUsize::new(0))
}

/// Lo mismo, y dice en `progress` cuánto va saliendo.
fn write_telling(
    stream: &mut TcpStream,
    bytes: &[u8],
    limit: Duration,
    progress: &AtomicUsize,
) -> Result<(), Unfinished> {
    let mut deadline = Deadline::after(limit);
    let mut sent = 0;
    while sent < bytes.len() {
        let piece = &bytes[sent..bytes.len().min(sent + WRITE_SIZE)];
        match write_once(stream, piece, &deadline) {
            Ok(count) => {
                sent += count;
                progress.store(sent, Ordering::Relaxed);
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

/// Espera a que el servidor lea lo que le ha llegado. Devuelve si lo leyó, o si ha dejado de leer; nada,
/// si no está en esta máquina: no se sabe.
pub(crate) fn wait_until_read(stream: &TcpStream) -> Option<bool> {
    let (mut seen, mut since) = (None, Instant::now());
    let is_read = || match unread(stream) {
        None => Some(None),
        Some(0) => Some(Some(true)),
        now if now != seen => {
            (seen, since) = (now, Instant::now());
            None
        }
        Some(_) => (since.elapsed() >= STALL).then_some(Some(false)),
    };
    poll(Duration::MAX, is_read).flatten()
}

/// Cuántos bytes ha recibido el núcleo del servidor que el servidor aún no ha leído, si está en esta
/// máquina.
fn unread(stream: &TcpStream) -> Option<u32> {
    sock_diag::unread(stream.peer_addr().ok()?, stream.local_addr().ok()?)
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
    progress: Arc<AtomicUsize>,
    writer: Option<JoinHandle<Result<(), Unfinished>>>,
}

/// Qué se hace con la conexión cuando ha salido todo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Sigue abierta.
    KeepOpen,
    /// Se cierra este lado (FIN), sin esperar a nada.
    HalfClose,
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
        afterwards: Afterwards,
    ) -> io::Result<Self> {
        let mut writing = stream.try_clone()?;
        let size = bytes.len();
        let progress = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&progress);
        let writer =
            thread::Builder::new().name(format!("envía {}", sender.name)).spawn(move || {
                write_telling(&mut writing, &bytes, limit, &told)?;
                if afterwards == Afterwards::HalfClose {
                    // Si el servidor ya cerró, lo dirá lo siguiente que se espere de él.
                    let _ = writing.shutdown(Shutdown::Write);
                }
                Ok(())
            })?;
        Ok(Self { sender, size, stream: stream.try_clone()?, progress, writer: Some(writer) })
    }

    /// Espera a que el servidor lo lea todo, o a que deje de leer. Devuelve si lo leyó todo.
    ///
    /// Que haya salido no basta: el núcleo guarda por su cuenta lo que el servidor aún no ha leído, y
    /// puede ser mucho.
    pub fn settle(&self) -> bool {
        let (mut seen, mut since) = ((0, None), Instant::now());
        let settled = || {
            let now = (self.progress.load(Ordering::Relaxed), unread(&self.stream));
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            let is_out = self.writer.as_ref().is_none_or(JoinHandle::is_finished);
            let stalled = since.elapsed() >= STALL;
            match now.1 {
                Some(0) if is_out => Some(now.0 == self.size),
                Some(_) => stalled.then_some(false),
                // No se sabe: vale lo que salió.
                None => (stalled || is_out).then_some(now.0 == self.size),
            }
        };
        // Mientras avance, no se acaba; y lo que se envía tiene un final.
        poll(Duration::MAX, settled).unwrap_or_default()
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
        let meanwhile = self.sender.transcript.meanwhile();
        self.sender.transcript.failure(headline, self.sender.id).section(MEANWHILE, meanwhile)
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
