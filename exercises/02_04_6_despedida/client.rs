//! Un cliente, y lo que se hace con él.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use nix::sys::epoll::EpollFlags;

use super::farewell::Reason;

/// Lo que se espera de quien todavía puede hablar.
pub const LISTENING: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLRDHUP);

/// Lo que se guarda de un cliente, como mucho.
const MAX_HEARD: usize = 64 * 1024 * 1024;

/// Un cliente. Cuando cierra su lado, se le responde con todo lo que dijo.
#[derive(Debug)]
pub struct Client {
    /// Su socket, no bloqueante.
    pub stream: TcpStream,
    /// Lo que ha dicho.
    pub heard: Vec<u8>,
    /// Lo que falta por responderle.
    pub out: VecDeque<u8>,
    /// Cerró su lado: no dirá nada más, y aún puede recibir.
    pub ended: bool,
    /// Por qué hay que despedirlo, si hay que despedirlo ya.
    pub closing: Option<Reason>,
}

/// Lo que dio una lectura.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Llegaron bytes.
    Bytes,
    /// No había nada que leer.
    Nothing,
    /// `read` dio cero: no dirá nada más.
    End,
}

impl Client {
    /// Un cliente que acaba de llegar, con su socket ya no bloqueante.
    pub fn new(stream: TcpStream) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        let (heard, out) = (Vec::new(), VecDeque::new());
        Ok(Client { stream, heard, out, ended: false, closing: None })
    }

    /// Lee una vez, y guarda lo que llegue en `heard`.
    pub fn hear(&mut self) -> io::Result<Heard> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(Heard::End),
            Ok(count) if self.heard.len() + count > MAX_HEARD => Err(ErrorKind::InvalidData.into()),
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                Ok(Heard::Bytes)
            }
            Err(error) if not_now(&error) => Ok(Heard::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Prepara su respuesta, que falta por escribir.
    pub fn reply(&mut self) {
        self.out.extend(format!("{} bytes:\n", self.heard.len()).bytes());
        self.out.extend(&self.heard);
    }

    /// Escribe lo que quepa de su respuesta, si le falta algo.
    pub fn say(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(self.out.make_contiguous()) {
            Ok(count) => drop(self.out.drain(..count)),
            Err(error) if not_now(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
