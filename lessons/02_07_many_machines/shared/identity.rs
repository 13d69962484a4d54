//! La identidad de un servidor entre varios: se la inventa, la renueva y, si la pierde, se inventa otra.

use std::net::IpAddr;
use std::sync::Arc;

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;
use tokio::time::timeout;

use super::Shared;
use crate::orders::{self, Answer};
use crate::place::Place;

impl Shared {
    /// Se apunta, late hasta que le digan que se perdió, y vuelve a apuntarse con otra identidad.
    pub(super) async fn pulse(self: Arc<Self>) {
        let mut previous = String::new();
        loop {
            let epoch = draw();
            let Some(place) = self.register(&epoch, &previous).await else { continue };
            // Si el canal va por detrás de lo que se ha leído, es que olvidó.
            if previous.is_empty() || place.n < self.room.seats().place().n {
                self.room.jump(&place);
            }
            self.epoch.send_replace(epoch.clone());
            tokio::spawn(Arc::clone(&self).bring_back(epoch.clone(), place.n));
            self.beat(&epoch).await;
            previous = epoch;
        }
    }

    async fn register(&self, epoch: &str, previous: &str) -> Option<Place> {
        let lease = self.lease.as_millis().to_string();
        match self.ask(&orders::REGISTER, epoch, &[&lease, previous]).await {
            Answer::Registered(told) => Place::parse(&told),
            _ => None,
        }
    }

    /// Late cada tercio de lo que vive, hasta que se pierde.
    async fn beat(&self, epoch: &str) {
        let lease = self.lease.as_millis().to_string();
        loop {
            let _ = timeout(self.lease / 3, self.doubt.notified()).await;
            let n = self.room.seats().place().n;
            if self.ask(&orders::BEAT, epoch, &[&lease, &n.to_string()]).await == Answer::Lost {
                return;
            }
        }
    }

    /// Los suyos que están dentro con otra identidad vuelven a entrar con esta. Antes ha de haberse leído
    /// todo lo que ocurrió con aquella: también que entró quien acababa de entrar.
    async fn bring_back(self: Arc<Self>, epoch: String, n: u64) {
        self.room.reaches(n).await;
        let members = self.room.seats().members_but(&epoch);
        for (id, name, address) in members {
            tokio::spawn(Arc::clone(&self).come_back(id, name, address));
        }
    }

    /// Uno de los suyos, al que dieron por ido, vuelve a entrar.
    async fn come_back(self: Arc<Self>, id: ClientId, name: String, address: IpAddr) {
        match self.enter(id, &name, address).await {
            Err(why) => self.room.dismiss(id, CloseReason::Refused(why)),
            // Se fue mientras tanto.
            Ok(epoch) if !self.room.seats().has(id) => self.leave(id, &epoch).await,
            Ok(_) => {}
        }
    }

    /// La identidad, en cuanto haya una que no sea `lost`.
    pub(super) async fn epoch_after(&self, lost: &str) -> String {
        let mut epoch = self.epoch.subscribe();
        // El otro extremo es de este mismo servidor: no puede faltar.
        let found = epoch.wait_for(|epoch| !epoch.is_empty() && epoch != lost).await;
        found.map(|epoch| epoch.clone()).unwrap_or_default()
    }

    /// Alguien oyó que ya no vale: que se pregunte ahora.
    pub(super) fn suspect(&self) {
        self.doubt.notify_one();
    }
}

/// Una identidad que no tiene nadie más: 64 bits al azar.
fn draw() -> String {
    let mut bytes = [0; 8];
    // Sin azar, el núcleo no habría arrancado; y, si se repitiera, el intermediario lo diría.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
