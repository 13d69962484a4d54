//! Un servidor entre varios: lo que hacen los suyos pasa por el intermediario, y vuelve.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use multiplexacion::chat::{CloseReason, TAKEN, folded};
use multiplexacion::client_id::ClientId;
use redis::Script;
use redis::streams::StreamReadReply;
use tokio::sync::{Notify, RwLock, watch};
use tokio::time::{sleep, timeout};

use crate::broker::{Broker, Link};
use crate::entry::Entry;
use crate::orders::{self, Answer};
use crate::place::Place;
use crate::room::{Room, WINDOW};

/// Cada cuánto se dice por dónde van los de aquí: una parte de lo que pueden atrasarse.
const STEP: u64 = WINDOW / 4;

/// Bytes que guarda un servidor que se retrasó antes de dejar de leer del canal.
const MOST: u64 = 2 * WINDOW;

/// Entradas que se leen de una vez, y milisegundos que se espera a la siguiente.
const COUNT: usize = 64;
const BLOCK: usize = 1000;

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

    /// Se apunta, late hasta que le digan que se perdió, y vuelve a apuntarse con otra identidad.
    async fn pulse(self: Arc<Self>) {
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
    async fn epoch_after(&self, lost: &str) -> String {
        let mut epoch = self.epoch.subscribe();
        // El otro extremo es de este mismo servidor: no puede faltar.
        let found = epoch.wait_for(|epoch| !epoch.is_empty() && epoch != lost).await;
        found.map(|epoch| epoch.clone()).unwrap_or_default()
    }

    fn suspect(&self) {
        self.doubt.notify_one();
    }

    // ANCHOR: follow
    /// Lee el canal desde donde iba y lo cuenta en la sala.
    async fn follow(self: Arc<Self>, link: Link) {
        self.epoch_after("").await;
        loop {
            self.room.backlog_below(MOST).await;
            let from = self.room.seats().place().id.clone();
            let (mut connection, number) = link.open().await;
            let mut read = redis::cmd("XREAD");
            read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK);
            read.arg("STREAMS").arg(format!("{}:stream", orders::PREFIX)).arg(&from);
            match read.query_async::<Option<StreamReadReply>>(&mut connection).await {
                Ok(reply) => {
                    link.answered().await;
                    self.tell(&from, reply.unwrap_or_default());
                }
                Err(error) => link.failed(number, &error).await,
            }
        }
    }
    // ANCHOR_END: follow

    fn tell(&self, from: &str, reply: StreamReadReply) {
        // Si entre tanto se empezó por otro sitio, esto ya no sigue a nada.
        if self.room.seats().place().id != from {
            return;
        }
        for read in reply.keys.into_iter().flat_map(|stream| stream.ids) {
            if let Some(entry) = Entry::parse(read.id, read.map) {
                self.room.apply(entry);
            }
        }
    }

    /// Dice de vez en cuando por dónde van los de aquí.
    async fn report(self: Arc<Self>) {
        let mut told = 0;
        loop {
            told = self.room.heard_since(told, STEP).await;
            let epoch = self.epoch_after("").await;
            self.ask(&orders::HEARD, &epoch, &[&told.to_string()]).await;
        }
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

/// Una identidad que no tiene nadie más: 64 bits al azar.
fn draw() -> String {
    let mut bytes = [0; 8];
    // Sin azar, el núcleo no habría arrancado; y, si se repitiera, el intermediario lo diría.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
