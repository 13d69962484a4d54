//! Lo que llega de un cliente, mensaje a mensaje.

use std::io;
use std::net::IpAddr;

use multiplexacion::chat::CloseReason;
use multiplexacion::frame;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::ReadHalf;

use crate::proxy::{self, Gate, Refused};

/// Bytes que se leen de una vez, como mucho.
const TURN: usize = 4 * 1024;

/// El lado por el que se le lee, y lo que ha llegado y aún no es un mensaje.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    reading: ReadHalf<'a>,
    buffer: Vec<u8>,
}

impl<'a> Incoming<'a> {
    /// Lo que llegue por ese lado.
    pub(crate) fn new(reading: ReadHalf<'a>) -> Incoming<'a> {
        Incoming { reading, buffer: Vec::new() }
    }

    /// De quién es la conexión: de quien la abrió; o, si fue el balanceador, de quien él diga. Errores:
    /// no se entra así.
    pub(crate) async fn owner(&mut self, peer: IpAddr, gate: Gate) -> Result<IpAddr, CloseReason> {
        let refused = |why: Refused| CloseReason::Refused(why.reason());
        if !gate.expects_header(peer).map_err(refused)? {
            return Ok(peer);
        }
        loop {
            if let Some(header) = proxy::read(&self.buffer).map_err(refused)? {
                self.buffer.drain(..header.used);
                return Ok(header.client.map_or(peer, |client| client.ip().to_canonical()));
            }
            self.more().await?;
        }
    }

    /// El siguiente mensaje, o por qué no habrá más. Aquí sí se espera: solo espera esta tarea.
    pub(crate) async fn next(&mut self) -> Result<String, CloseReason> {
        loop {
            if let Some((text, used)) =
                frame::decode(&self.buffer).map_err(CloseReason::BadFrame)?
            {
                let text = text.to_owned();
                self.buffer.drain(..used);
                return Ok(text);
            }
            self.more().await?;
        }
    }

    /// Espera a que llegue algo más. Errores: no llegará.
    async fn more(&mut self) -> Result<(), CloseReason> {
        match self.read().await {
            Ok(0) if self.buffer.is_empty() => Err(CloseReason::Left),
            Ok(0) => Err(CloseReason::CutShort),
            Ok(_) => Ok(()),
            Err(error) => Err(CloseReason::Broken(error)),
        }
    }

    /// Lee lo que haya. El búfer solo crece cuando hay algo: quien calla no guarda ninguno.
    async fn read(&mut self) -> io::Result<usize> {
        loop {
            if self.buffer.is_empty() {
                self.buffer = Vec::new();
            }
            self.reading.readable().await?;
            self.buffer.reserve(TURN);
            match self.reading.try_read_buf(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
        }
    }

    /// Lee y descarta hasta que cierre. Cerrar antes, con algo suyo sin leer, provocaría un reinicio, y
    /// se perdería lo que el núcleo aún no le hubiera entregado.
    pub(crate) async fn drain(&mut self) {
        while let Ok(1..) = self.reading.read(&mut [0; 1024]).await {}
    }
}
