//! Entregar a un cliente lo que le falta por oír, al paso al que lo lea.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;
use multiplexacion::frame;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::room::Room;
use crate::seats::Parcel;

/// Lo que se espera a que lea algo quien tiene mucho por leer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes por oír que son muchos.
const SHARE: u64 = 64 * 1024;

/// El lado por el que se le escribe, y lo que está a medio escribir.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    room: &'a Room,
    id: ClientId,
    bell: Arc<Notify>,
    writing: WriteHalf<'a>,
    bytes: Vec<u8>,
    sent: usize,
    /// Hasta dónde habrá oído cuando se le escriba.
    upto: Option<u64>,
}

impl<'a> Delivery<'a> {
    /// Alguien que acaba de conectarse.
    pub(crate) fn open(room: &'a Room, id: ClientId, writing: WriteHalf<'a>) -> Delivery<'a> {
        let bell = room.seats().open(id);
        Delivery { room, id, bell, writing, bytes: Vec::new(), sent: 0, upto: None }
    }

    /// Le entrega cuanto haya, según ocurre, hasta que haya una razón para dejarlo.
    pub(crate) async fn run(&mut self) -> CloseReason {
        loop {
            if let Err(reason) = self.write().await {
                return reason;
            }
            match self.room.next_for(self.id) {
                Parcel::Bytes(bytes, upto) => self.load(bytes, upto),
                Parcel::Close(reason) => return reason,
                // Si sonó antes de llegar aquí, tampoco se pierde.
                Parcel::Nothing | Parcel::Over => self.bell.notified().await,
            }
        }
    }

    /// Lo que le quede por oír, o unas últimas palabras; y cierra este lado de la conexión.
    pub(crate) async fn finish(&mut self, last_words: Option<String>) -> io::Result<()> {
        self.write_all().await?;
        if let Some(words) = last_words {
            self.load(frame::encode(&words).unwrap_or_default(), None);
        } else {
            while let Parcel::Bytes(bytes, upto) = self.room.next_for(self.id) {
                self.load(bytes, upto);
                self.write_all().await?;
            }
        }
        self.write_all().await?;
        self.writing.shutdown().await
    }

    fn load(&mut self, bytes: Vec<u8>, upto: Option<u64>) {
        (self.bytes, self.sent, self.upto) = (bytes, 0, upto);
    }

    async fn write_all(&mut self) -> io::Result<()> {
        self.writing.write_all(&self.bytes[self.sent..]).await?;
        self.sent = self.bytes.len();
        self.written();
        Ok(())
    }

    /// Escribe lo que está a medias. Si el socket falla, no vuelve: lo que dijo antes de cortarse quizá
    /// espere aún en el núcleo, y el final se sabrá leyendo.
    async fn write(&mut self) -> Result<(), CloseReason> {
        while self.sent < self.bytes.len() {
            let rest = &self.bytes[self.sent..];
            match timeout(PATIENCE, self.writing.write(rest)).await {
                Ok(Ok(count)) => self.sent += count,
                Ok(Err(_)) => self.be_deaf().await,
                Err(_) => self.check_patience()?,
            }
        }
        self.written();
        Ok(())
    }

    fn written(&mut self) {
        if let Some(upto) = self.upto.take() {
            self.room.heard(self.id, upto);
        }
    }

    /// Pasó el plazo sin que se supiera que leyera. El núcleo calla hasta que sobra un tercio del búfer:
    /// quizá lea, y aún no se sepa.
    fn check_patience(&mut self) -> Result<(), CloseReason> {
        let socket = SockRef::from(self.writing.as_ref());
        let sent = socket.send(&self.bytes[self.sent..]).unwrap_or_default();
        self.sent += sent;
        let mut seats = self.room.seats();
        match seats.closing(self.id) {
            Some(reason) => Err(reason),
            None if sent == 0 && seats.lag(self.id) > SHARE => Err(CloseReason::NotReading),
            None => Ok(()),
        }
    }

    async fn be_deaf(&mut self) {
        self.room.deafen(self.id);
        std::future::pending::<()>().await;
    }
}
