//! Un servidor de mentira, para ver al cliente de verdad desde el otro lado.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use harness::{Failure, Listener, frame};

use super::{LIMIT, Outcome};

/// Quien escucha, y hará de servidor.
pub(crate) struct Host {
    listener: Listener,
}

impl Host {
    pub(crate) fn open() -> Result<Host, Failure> {
        Host::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Escucha en esa dirección, donde quizá ya escuchó otro.
    pub(crate) fn at(address: SocketAddr) -> Result<Host, Failure> {
        let listener = Listener::at(address)?;
        listener.set_nonblocking(true)?;
        Ok(Host { listener })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.listener.local_addr()?)
    }

    /// Espera a un cliente que diga llamarse `name`, y aún no le contesta.
    pub(crate) fn arrival(&self, name: &str) -> Result<Guest, Failure> {
        let mut accepted = None;
        harness::eventually("llegara el cliente", LIMIT, || {
            accepted = self.listener.accept().ok();
            accepted.is_some()
        })?;
        let (stream, _) = accepted.ok_or_else(|| Failure::new("No llegó el cliente."))?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut guest = Guest { stream };
        assert_eq!(guest.next_frame()?, Some(format!("NAME: {name}")));
        Ok(guest)
    }

    /// Espera a un cliente que diga llamarse `name`, y lo deja entrar.
    pub(crate) fn guest(&self, name: &str) -> Result<Guest, Failure> {
        let mut guest = self.arrival(name)?;
        guest.say("CLIENT: 127.0.0.1")?;
        Ok(guest)
    }
}

/// Un cliente de verdad, visto desde el servidor.
pub(crate) struct Guest {
    stream: TcpStream,
}

impl Guest {
    /// El marco siguiente; `None` si el cliente cerró su lado entre dos marcos.
    pub(crate) fn next_frame(&mut self) -> Result<Option<String>, Failure> {
        frame::read(&self.stream).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => Failure::new(format!(
                "El cliente ni dijo nada ni cerró su lado en {} s.",
                LIMIT.as_secs()
            )),
            _ => error.into(),
        })
    }

    pub(crate) fn say(&mut self, text: &str) -> Outcome {
        self.send(&frame::encode(text))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes)?)
    }
}
