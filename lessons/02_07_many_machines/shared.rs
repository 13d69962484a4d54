//! Un servidor entre varios: lo que hacen los suyos pasa por el intermediario, y vuelve.

mod channel;
mod identity;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use multiplexacion::chat::{TAKEN, folded};
use multiplexacion::client_id::ClientId;
use redis::Script;
use tokio::sync::{Notify, RwLock, watch};
use tokio::time::{sleep, timeout};

use crate::broker::{Broker, Link};
use crate::orders::{self, Answer};
use crate::room::{Room, WINDOW};

/// Lo que se espera al intermediario para despedirse.
const GOODBYE: Duration = Duration::from_secs(2);

/// Por qué no entra quien llega mientras no se puede contar con el intermediario.
const UNREACHABLE: &str =
    "el servidor no puede contar ahora con su intermediario; vuelve a entrar en un rato";

/// Un servidor entre varios.
#[derive(Debug)]
pub(crate) struct Shared {
    room: Arc<Room>,
    link: Link,
    /// Lo que vive sin latir.
    lease: Duration,
    /// La identidad que tiene ahora.
    epoch: watch::Sender<String>,
    /// Alguien sospecha que ya no vale.
    doubt: Notify,
    /// Por aquí pasan todos los que hablan; quien ha de esperar se queda en él, y los demás detrás.
    turnstile: RwLock<()>,
}

impl Shared {
    /// Lo pone en marcha. Sigue solo: late, lee del canal y dice por dónde va.
    pub(crate) fn start(room: Arc<Room>, broker: Broker, lease: Duration) -> Arc<Shared> {
        let reading = Link::new(broker.quietly());
        let shared = Arc::new(Shared {
            room,
            link: Link::new(broker),
            lease,
            epoch: watch::Sender::default(),
            doubt: Notify::new(),
            turnstile: RwLock::default(),
        });
        tokio::spawn(Arc::clone(&shared).pulse());
        tokio::spawn(Arc::clone(&shared).follow(reading));
        tokio::spawn(Arc::clone(&shared).report());
        shared
    }

    async fn ask(&self, script: &Script, epoch: &str, arguments: &[&str]) -> Answer {
        orders::ask(&self.link, script, epoch, arguments).await
    }

    /// Alguien quiere entrar. Errores: por qué no.
    pub(crate) async fn join(
        &self,
        id: ClientId,
        name: &str,
        address: IpAddr,
    ) -> Result<(), &'static str> {
        // Lo que puede tardar en saberse que murió quien tenía ese nombre, y algo más.
        let patience = self.lease * 2 + Duration::from_secs(5);
        let entered = timeout(patience, self.enter(id, name, address)).await;
        entered.unwrap_or(Err(UNREACHABLE)).map(drop)
    }

    /// Pide entrar hasta que haya respuesta. Devuelve con qué identidad entró.
    async fn enter(
        &self,
        id: ClientId,
        name: &str,
        address: IpAddr,
    ) -> Result<String, &'static str> {
        let (client, place) = (id.to_string(), address.to_string());
        let (mut witness, mut lost) = (String::new(), String::new());
        loop {
            let epoch = self.epoch_after(&lost).await;
            self.room.expect(id, &epoch, name, address);
            let arguments = [&*client, &folded(name), name, &place, &witness];
            match self.ask(&orders::JOIN, &epoch, &arguments).await {
                Answer::Taken => return Err(TAKEN),
                Answer::Wait(expiry) => {
                    witness = expiry;
                    sleep(self.lease / 6).await;
                }
                Answer::Lost => {
                    self.suspect();
                    lost = epoch;
                }
                Answer::Done | Answer::Registered(_) => return Ok(epoch),
            }
        }
    }

    /// Alguien habla. Vuelve cuando está dicho, o cuando ya no hay que decirlo.
    pub(crate) async fn say(&self, id: ClientId, text: &str) {
        let (client, turn) = (id.to_string(), self.room.seats().take_turn(id));
        let arguments = [&*client, &turn.to_string(), &WINDOW.to_string(), text];
        let (mut lost, mut first) = (String::new(), None);
        let mut passing = Some(self.turnstile.read().await);
        while let Some(epoch) = self.room.voice(id, turn, &lost).await {
            let mut rhythm = self.room.rhythm();
            match self.ask(&orders::SAY, &epoch, &arguments).await {
                Answer::Wait(_) if first.is_none() => {
                    passing = None;
                    first = Some(self.turnstile.write().await);
                }
                // Es el primero de los que esperan.
                Answer::Wait(_) => {
                    let _ = timeout(self.lease, rhythm.changed()).await;
                }
                Answer::Lost => {
                    self.suspect();
                    lost = epoch;
                }
                _ => break,
            }
        }
        drop((passing, first));
    }

    /// Alguien se va, o no llegó a entrar con esa identidad.
    pub(crate) async fn leave(&self, id: ClientId, epoch: &str) {
        if !epoch.is_empty() {
            self.ask(&orders::LEAVE, epoch, &[&id.to_string()]).await;
        }
    }

    /// El servidor se detiene: sus clientes salen, todos a la vez.
    pub(crate) async fn stop(&self) {
        let epoch = self.epoch.borrow().clone();
        let _ = timeout(GOODBYE, self.ask(&orders::RETIRE, &epoch, &[])).await;
    }
}
