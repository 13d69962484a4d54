//! La conexión con un cliente, tal como la ve quien lo atiende.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::control::Control;
use crate::client_id::ClientId;
use crate::connection::linger;
use crate::steps::{Shown, Step};

/// Qué se hacía con el socket.
#[derive(Clone, Copy)]
enum Call {
    Read,
    Write,
}

/// Todavía puede quedar algo por leer.
const OPEN: u8 = 0;
/// El cliente cerró su lado y ya se leyó todo.
const ENDED: u8 = 1;
/// Un error acabó con la conexión.
const BROKEN: u8 = 2;

/// Un cliente conectado: lo que en Python son `self.request`, `self.client_address` y
/// `self.server`.
///
/// `&Request` implementa [`Read`] y [`Write`], como `&TcpStream`: `BufReader::new(request)`
/// hace de `rfile` y `BufWriter::new(request)` de `wfile`.
///
/// Una lectura o escritura que pase del plazo de
/// [`client_timeout`](super::TcpServer::client_timeout) falla con
/// [`TimedOut`](io::ErrorKind::TimedOut).
#[derive(Debug)]
pub struct Request {
    stream: TcpStream,
    client_address: SocketAddr,
    client: ClientId,
    server: Control,
    life: AtomicU8,
}

impl Request {
    pub(super) fn new(
        stream: TcpStream,
        client_address: SocketAddr,
        client: ClientId,
        server: Control,
    ) -> Request {
        Request { stream, client_address, client, server, life: AtomicU8::new(OPEN) }
    }

    /// Recibe lo que haya llegado, hasta llenar `buffer`; duerme si aún no hay nada. Cero
    /// bytes significan que el cliente cerró su lado (recv(2)).
    ///
    /// Es `self.request.recv(n)` de Python.
    ///
    /// # Errors
    /// Los de `recv(2)`, y [`TimedOut`](io::ErrorKind::TimedOut) si se agota el plazo.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = retry(|| (&self.stream).read(buffer));
        let bytes = outcome.map_err(|error| self.broken(Call::Read, error))?;
        if bytes == 0 && !buffer.is_empty() {
            self.life.store(ENDED, Ordering::Relaxed);
        }
        let (fd, client) = (self.raw_fd(), self.client);
        Step::Read { fd, client, bytes }.tell();
        Ok(bytes)
    }

    /// Envía `bytes` hasta el último, en las escrituras que hagan falta.
    ///
    /// Es `self.request.sendall(b)` de Python.
    ///
    /// # Errors
    /// Los de `send(2)`, y [`TimedOut`](io::ErrorKind::TimedOut) si en todo un plazo no cabe
    /// ni un byte más, porque el cliente no lee.
    pub fn send_all(&self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(&mut &*self, bytes)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = retry(|| (&self.stream).write(bytes));
        let count = outcome.map_err(|error| self.broken(Call::Write, error))?;
        let (fd, client) = (self.raw_fd(), self.client);
        Step::Write { fd, client, bytes: count, pending: bytes.len() }.tell();
        Ok(count)
    }

    /// El socket, para lo que `Request` no ofrece: sus opciones, o leer sin consumir.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Dirección y puerto del cliente, IPv4 o IPv6: `self.client_address` de Python.
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Quién es; el hilo que lo atiende se llama `cliente-` y este número.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// El servidor que lo aceptó: `self.server` de Python.
    pub fn server(&self) -> &Control {
        &self.server
    }

    pub(super) fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)?;
        self.stream.set_write_timeout(timeout)
    }

    /// Cierre ordenado (`shutdown_request` de Python): el adiós de [`connection`](crate::connection).
    pub(super) fn close(&self) {
        let (fd, client) = (self.raw_fd(), self.client);
        Step::Shutdown { fd, client, result: "SHUT_WR" }.tell();
        linger(&self.stream, self.life.load(Ordering::Relaxed) != OPEN);
    }

    /// Rechaza al cliente sin leer nada ni esperarlo.
    pub(super) fn refuse(&self, why: &str) {
        self.trace_close(why);
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Despierta a quien lea o escriba en este socket, desde cualquier hilo (shutdown(2)).
    pub(super) fn interrupt(&self, how: Shutdown) {
        let (fd, client) = (self.raw_fd(), self.client);
        let result = if matches!(how, Shutdown::Read) { "SHUT_RD" } else { "SHUT_RDWR" };
        Step::Shutdown { fd, client, result }.tell();
        let _ = self.stream.shutdown(how);
    }

    pub(super) fn trace_close(&self, why: &str) {
        let (fd, client) = (self.raw_fd(), self.client);
        Step::Close { fd, client, result: Shown(&why) }.tell();
    }

    fn broken(&self, call: Call, error: io::Error) -> io::Error {
        self.life.store(BROKEN, Ordering::Relaxed);
        let (fd, client) = (self.raw_fd(), self.client);
        // SO_RCVTIMEO y SO_SNDTIMEO se anuncian con EAGAIN (socket(7)), que aquí, en un socket
        // bloqueante, no puede significar otra cosa.
        if error.kind() == io::ErrorKind::WouldBlock {
            Step::Timeout { fd, client }.tell();
            return io::ErrorKind::TimedOut.into();
        }
        let why = errors::reason(&error);
        let result = Shown(&why);
        match call {
            Call::Read => Step::ReadFailed { fd, client, result }.tell(),
            Call::Write => Step::WriteFailed { fd, client, result }.tell(),
        }
        error
    }

    fn raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl Read for &Request {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv(buffer)
    }
}

impl Write for &Request {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Request {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Repite lo que interrumpió una señal. Con un plazo puesto, hasta detener el programa
/// (Ctrl-Z) y reanudarlo interrumpe un `recv` (signal(7)).
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
