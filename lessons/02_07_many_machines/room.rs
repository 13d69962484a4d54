//! La sala de un servidor: sus clientes, y las esperas de quienes los atienden.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;
use tokio::sync::watch;

use crate::entry::{Entry, Event};
use crate::place::Place;
use crate::seats::{Parcel, Seats, Voice};

/// Bytes que puede faltarle por oír, como mucho, al servidor que más atrasado va. Con más, quien habla
/// espera.
pub(crate) const WINDOW: u64 = 1024 * 1024;

/// La sala, que comparten las tareas. Con cerrojo; nunca se espera nada con él echado.
#[derive(Debug)]
pub(crate) struct Room {
    seats: Mutex<Seats>,
    /// Se ha oído algo, o ha cambiado alguien de identidad: quien esperaba, que mire.
    relief: watch::Sender<()>,
    /// Algún servidor ha oído mucho, o ya no está: quien esperaba para hablar, que pruebe.
    rhythm: watch::Sender<()>,
}

impl Default for Room {
    fn default() -> Room {
        let channel = || watch::Sender::new(());
        Room { seats: Mutex::default(), relief: channel(), rhythm: channel() }
    }
}

impl Room {
    /// Los sitios, para mirar, o para cambiar algo que nadie espera.
    pub(crate) fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cambia algo, y que lo sepa quien esperaba.
    fn change<T>(&self, change: impl FnOnce(&mut Seats) -> T) -> T {
        let result = change(&mut self.seats());
        self.relief.send_replace(());
        result
    }

    /// Espera a que `check` dé algo: lo mira ahora, y cada vez que cambia algo que no sea una entrega.
    async fn wait<T>(&self, check: impl Fn(&Seats) -> Option<T>) -> T {
        let mut relief = self.relief.subscribe();
        loop {
            if let Some(found) = check(&self.seats()) {
                return found;
            }
            // El otro extremo es de esta misma sala: no puede faltar.
            let _ = relief.changed().await;
        }
    }

    /// Algo que ocurrió, en el orden en que ocurrió.
    pub(crate) fn apply(&self, entry: Entry) {
        let rhythm = matches!(entry.event, Event::Heard | Event::Gone);
        self.change(|seats| seats.apply(entry));
        if rhythm {
            self.rhythm.send_replace(());
        }
    }

    /// El canal sigue por ahí, y no por donde iba.
    pub(crate) fn jump(&self, place: &Place) {
        self.change(|seats| seats.jump(place));
    }

    /// Pide entrar: su entrada se reconocerá cuando llegue.
    pub(crate) fn expect(&self, id: ClientId, epoch: &str, name: &str, address: IpAddr) {
        self.seats().expect(id, epoch, name, address);
    }

    /// Un texto solo para él.
    pub(crate) fn tell(&self, id: ClientId, text: &str) {
        self.seats().tell(id, text);
    }

    /// Se le despide, por eso.
    pub(crate) fn dismiss(&self, id: ClientId, reason: CloseReason) {
        self.change(|seats| seats.dismiss(id, reason));
    }

    /// Se va: solo oirá lo que se haya dicho hasta ahora.
    pub(crate) fn leave(&self, id: ClientId) {
        self.change(|seats| seats.leave(id));
    }

    /// No se le puede escribir: nadie ha de esperar a que oiga.
    pub(crate) fn deafen(&self, id: ClientId) {
        self.leave(id);
        self.heard(id, u64::MAX);
    }

    /// Ya no está.
    pub(crate) fn close(&self, id: ClientId) {
        self.change(|seats| seats.close(id));
    }

    /// Ha oído hasta ahí.
    pub(crate) fn heard(&self, id: ClientId, upto: u64) {
        if self.seats().heard(id, upto) {
            self.relief.send_replace(());
        }
    }

    /// Lo siguiente para él.
    pub(crate) fn next_for(&self, id: ClientId) -> Parcel {
        self.seats().next_for(id)
    }

    /// Por dónde se sabe que quizá haya sitio para hablar.
    pub(crate) fn rhythm(&self) -> watch::Receiver<()> {
        self.rhythm.subscribe()
    }

    /// Espera a haber leído hasta esa entrada.
    pub(crate) async fn reaches(&self, n: u64) {
        self.wait(|seats| (seats.place().n >= n).then_some(())).await;
    }

    /// Espera a que a los de aquí les falten por oír, como mucho, tantos bytes.
    pub(crate) async fn backlog_below(&self, most: u64) {
        self.wait(|seats| (seats.history().backlog() <= most).then_some(())).await;
    }

    /// Espera a que lo que han oído todos se aleje de `told` al menos `step` bytes, o a que la cuenta
    /// vuelva atrás. Devuelve cuánto han oído.
    pub(crate) async fn heard_since(&self, told: u64, step: u64) -> u64 {
        let moved = |heard: &u64| *heard >= told + step || *heard < told;
        self.wait(|seats| Some(seats.history().heard_by_all()).filter(moved)).await
    }

    /// Con qué identidad puede decir alguien lo de esa vez: espera a que esté dentro con una que no sea
    /// `lost`. `None` si no hace falta decirlo.
    pub(crate) async fn voice(&self, id: ClientId, turn: u64, lost: &str) -> Option<String> {
        self.wait(|seats| match seats.voice(id, turn, lost) {
            Voice::Epoch(epoch) => Some(Some(epoch)),
            Voice::Unneeded => Some(None),
            Voice::Unknown => None,
        })
        .await
    }
}
