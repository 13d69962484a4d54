//! Lo que se apunta en un acta: los participantes y los sucesos.

use std::net::SocketAddr;
use std::time::Duration;

use crate::wording;

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) names: Vec<String>,
    pub(crate) events: Vec<Event>,
}

/// Qué lugar ocupa un participante en la lista de nombres.
pub(crate) type PeerId = usize;

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) peer: PeerId,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Connected(SocketAddr),
    Sent(Delivery),
    Paused(Duration),
    HalfClosed,
    Closed,
    Reset,
    Received(Vec<u8>),
    Ended,
    WasReset,
    Silence(Duration),
}

/// Un envío: lo que se quiso enviar, cuánto salió y de qué manera.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sent: usize,
    pub(crate) manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    AtOnce,
    /// En trozos de tantos bytes.
    InPieces(usize),
    /// Desde otro hilo: cuánto salió, solo lo sabe él.
    Meanwhile,
}

impl Delivery {
    /// Lo que hay que decir de él, además de sus bytes.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.manner {
            Manner::AtOnce => {}
            Manner::InPieces(size) => notes.push(format!("en trozos de {}:", wording::bytes(size))),
            Manner::Meanwhile => notes.push("mientras ocurre lo que sigue:".to_owned()),
        }
        if self.sent < self.bytes.len() {
            let (sent, all) = (wording::grouped(self.sent), wording::bytes(self.bytes.len()));
            notes.push(format!("solo {sent} de {all}: el servidor no admitió más"));
        }
        notes
    }
}

impl Event {
    /// Si es algo que se recibió o se esperó, y no algo que se hizo.
    pub(crate) fn is_observed(&self) -> bool {
        matches!(self.what, What::Received(_) | What::Ended | What::WasReset | What::Silence(_))
    }
}

impl What {
    pub(crate) fn arrow(&self) -> char {
        match self {
            Self::Sent(_) => '→',
            Self::Received(_) | Self::Ended | Self::WasReset => '←',
            _ => '·',
        }
    }
}
