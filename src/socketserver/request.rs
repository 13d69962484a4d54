//! La conexión con un cliente, tal como la ve quien lo atiende.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client_id::ClientId;
use crate::connection::linger;
use crate::steps::{Shown, Step};

/// Un cliente conectado: lo que en Python son `self.request` y `self.client_address`.
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
    /// Ya no llegará nada: el cliente cerró su lado, o un error acabó con la conexión.
    ended: AtomicBool,
}

impl Request {
    pub(super) fn new(stream: TcpStream, client_address: SocketAddr, client: ClientId) -> Request {
        Request { stream, client_address, client, ended: AtomicBool::new(false) }
    }

    /// Recibe lo que haya llegado, hasta llenar `buffer`; duerme si aún no hay nada. Cero
    /// bytes significan que el cliente cerró su lado (recv(2)).
    ///
    /// Es `self.request.recv(n)` de Python. Errores: los de `recv(2)`, y
    /// [`TimedOut`](io::ErrorKind::TimedOut) si se agota el plazo.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (fd, client) = (self.raw_fd(), self.client);
        let bytes = self.insist(
            |mut stream| stream.read(buffer),
            |result| Step::ReadFailed { fd, client, result },
        )?;
        if bytes == 0 && !buffer.is_empty() {
            self.ended.store(true, Ordering::Relaxed);
        }
        Step::Read { fd, client, bytes }.tell();
        Ok(bytes)
    }

    /// Envía `bytes` hasta el último, en las escrituras que hagan falta.
    ///
    /// Es `self.request.sendall(b)` de Python. Errores: los de `send(2)`, y
    /// [`TimedOut`](io::ErrorKind::TimedOut) si en todo un plazo no cabe ni un byte más, porque el
    /// cliente no lee.
    pub fn send_all(&self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(&mut &*self, bytes)
    }

    /// Dirección y puerto del cliente, IPv4 o IPv6: `self.client_address` de Python.
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Quién es; el hilo que lo atiende se llama `cliente-` y este número.
    pub(super) fn client(&self) -> ClientId {
        self.client
    }

    pub(super) fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)?;
        self.stream.set_write_timeout(timeout)
    }

    /// Cierre ordenado (`shutdown_request` de Python): el adiós de [`connection`](crate::connection).
    pub(super) fn say_goodbye(&self) {
        let (fd, client) = (self.raw_fd(), self.client);
        Step::Shutdown { fd, client, result: "SHUT_WR" }.tell();
        linger(&self.stream, self.ended.load(Ordering::Relaxed));
    }

    /// Despierta a quien lea o escriba en este socket, desde cualquier hilo (shutdown(2)).
    pub(super) fn interrupt(&self, how: Shutdown) {
        let (fd, client) = (self.raw_fd(), self.client);
        let result = if how == Shutdown::Read { "SHUT_RD" } else { "SHUT_RDWR" };
        Step::Shutdown { fd, client, result }.tell();
        let _ = self.stream.shutdown(how);
    }

    /// Cuenta que se va a soltar, y con ello a cerrar.
    pub(super) fn tell_close(&self, why: &str) {
        let (fd, client) = (self.raw_fd(), self.client);
        Step::Close { fd, client, result: Shown(&why) }.tell();
    }

    /// Hace `call`, y la repite si la interrumpió una señal. Con un plazo puesto, hasta detener el
    /// programa (Ctrl-Z) y reanudarlo interrumpe un `recv` (signal(7)).
    fn insist(
        &self,
        mut call: impl FnMut(&TcpStream) -> io::Result<usize>,
        failed: impl FnOnce(Shown<'_>) -> Step<'_>,
    ) -> io::Result<usize> {
        let error = loop {
            match call(&self.stream) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        self.ended.store(true, Ordering::Relaxed);
        // SO_RCVTIMEO y SO_SNDTIMEO se anuncian con EAGAIN (socket(7)), que aquí, en un socket
        // bloqueante, no puede significar otra cosa.
        if error.kind() == ErrorKind::WouldBlock {
            Step::Timeout { fd: self.raw_fd(), client: self.client }.tell();
            return Err(ErrorKind::TimedOut.into());
        }
        failed(Shown(&errors::reason(&error))).tell();
        Err(error)
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
    /// Una sola escritura: cuántos bytes admitió el núcleo.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (fd, client, pending) = (self.raw_fd(), self.client, bytes.len());
        let bytes = self.insist(
            |mut stream| stream.write(bytes),
            |result| Step::WriteFailed { fd, client, result },
        )?;
        Step::Write { fd, client, bytes, pending }.tell();
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
