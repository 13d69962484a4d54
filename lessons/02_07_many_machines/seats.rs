//! Los clientes de un servidor: por dónde va cada uno y lo que le falta por oír.
//!
//! Aquí no se espera nada, ni se decide: a quien tenga algo que entregar se le toca el timbre.
//! Quién entra, qué se dice y en qué orden lo dicen las entradas, vengan del intermediario o de este
//! mismo servidor.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use multiplexacion::chat::{CLIENT, CloseReason, joined, left};
use multiplexacion::client_id::ClientId;
use multiplexacion::frame;
use tokio::sync::Notify;

use crate::entry::{Entry, Event, Member};
use crate::history::{Frame, History};
use crate::place::Place;

/// Bytes que se entregan de una vez.
const BATCH: usize = 16 * 1024;

/// Bytes de las respuestas solo para uno, como mucho, mientras no las lee.
const OWN: usize = 64 * 1024;

/// Por qué se despide a todos cuando el intermediario ya no tiene lo que les faltaba por oír.
const MISSED: &str = "se perdieron mensajes que no oíste; vuelve a entrar";

/// Todos los sitios, y lo que se ha dicho.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    all: BTreeMap<ClientId, Seat>,
    history: History,
    /// Por dónde va el canal.
    place: Place,
}

/// El sitio de un cliente.
#[derive(Debug, Default)]
struct Seat {
    /// Con qué nombre y desde dónde entró, o quiere entrar.
    who: Option<(String, IpAddr)>,
    /// La identidad del servidor con la que pidió entrar la última vez.
    asked: String,
    /// Y con la que está dentro.
    epoch: Option<String>,
    /// Lo que oye: desde dónde, y hasta dónde si se va.
    next: Option<u64>,
    end: Option<u64>,
    /// Las veces que ha hablado, y la última que volvió por el canal.
    turns: u64,
    came_back: u64,
    /// Lo que es solo para él.
    own: VecDeque<Frame>,
    closing: Option<CloseReason>,
    /// Suena cuando hay algo que hacer con él.
    bell: Arc<Notify>,
}

/// Lo siguiente que hay que hacer con un cliente.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Escribirle esto; y entonces habrá oído hasta ahí.
    Bytes(Vec<u8>, Option<u64>),
    /// Esperar a que haya algo.
    Nothing,
    /// No hay más que entregarle.
    Over,
    /// Despedirle.
    Close(CloseReason),
}

/// Con qué identidad habla alguien.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Con esta.
    Epoch(String),
    /// Con ninguna: lo que iba a decir ya volvió por el canal, o se le despide.
    Unneeded,
    /// Aún no se sabe.
    Unknown,
}

impl Seats {
    /// Algo que ocurrió: lo oyen los de aquí, menos quien lo causó.
    pub(crate) fn apply(&mut self, entry: Entry) {
        let Entry { place, member, event } = entry;
        // Entre la última y esta hubo otras, que ya no están: quien siga creería haberlo oído todo.
        if place.n != self.place.n + 1 {
            self.dismiss_all();
        }
        let bytes = place.bytes;
        self.place = place;
        let author = self.author(&member, &event);
        let text = match &event {
            Event::Joined { name, address, count } => joined(*count, name, *address),
            Event::Left { name, address } => left(name, *address),
            Event::Said { text, .. } => text.clone(),
            // Entre servidores: no es para quienes conversan.
            Event::Heard | Event::Gone => return self.history.advance(bytes),
        };
        let mut listeners = 0;
        for seat in self.all.values().filter(|seat| seat.hears()) {
            listeners += 1;
            seat.bell.notify_one();
        }
        self.history.push(author, encode(&text), bytes, listeners);
        if let Some(id) = author {
            self.on_own(id, &member, &event);
        }
    }

    /// Quién de los de aquí lo causó.
    fn author(&self, member: &Member, event: &Event) -> Option<ClientId> {
        let seat = self.all.get(&member.client)?;
        let epoch = match event {
            Event::Joined { .. } => Some(&seat.asked),
            _ => seat.epoch.as_ref(),
        };
        (epoch == Some(&member.epoch)).then_some(member.client)
    }

    /// Lo que causó uno de los de aquí ha vuelto por el canal.
    fn on_own(&mut self, id: ClientId, member: &Member, event: &Event) {
        let end = self.history.end();
        let Some(seat) = self.all.get_mut(&id) else { return };
        match event {
            Event::Joined { address, .. } => {
                seat.epoch = Some(member.epoch.clone());
                // Quien vuelve a entrar con otra identidad no se había ido: sigue oyendo.
                if seat.next.is_none() {
                    seat.next = Some(end);
                    seat.own.push_back(encode(&format!("{CLIENT}{address}")));
                    seat.bell.notify_one();
                }
            }
            Event::Said { turn, .. } => seat.came_back = *turn,
            _ => {}
        }
    }

    /// El canal sigue por ahí, y no por donde iba.
    pub(crate) fn jump(&mut self, place: &Place) {
        self.dismiss_all();
        self.history.advance(place.bytes);
        self.place = place.clone();
    }

    fn dismiss_all(&mut self) {
        for seat in self.all.values_mut().filter(|seat| seat.hears()) {
            seat.close(CloseReason::Refused(MISSED));
        }
    }

    /// Por dónde va el canal.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Lo que se ha dicho.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Alguien se conectó: aún no oye nada. Devuelve su timbre.
    pub(crate) fn open(&mut self, id: ClientId) -> Arc<Notify> {
        let seat = Seat::default();
        let bell = Arc::clone(&seat.bell);
        self.all.insert(id, seat);
        bell
    }

    /// Pide entrar: su entrada se reconocerá cuando llegue.
    pub(crate) fn expect(&mut self, id: ClientId, epoch: &str, name: &str, address: IpAddr) {
        if let Some(seat) = self.all.get_mut(&id) {
            seat.who = Some((name.to_owned(), address));
            epoch.clone_into(&mut seat.asked);
        }
    }

    /// La identidad con la que pidió entrar la última vez, o nada.
    pub(crate) fn asked(&self, id: ClientId) -> String {
        self.all.get(&id).map(|seat| seat.asked.clone()).unwrap_or_default()
    }

    /// Los que están dentro con otra identidad, con su nombre y su dirección.
    pub(crate) fn members_but(&self, epoch: &str) -> Vec<(ClientId, String, IpAddr)> {
        let member = |(id, seat): (&ClientId, &Seat)| {
            let (name, address) = seat.who.clone()?;
            let left_out = seat.epoch.as_deref() != Some(epoch);
            (left_out && seat.hears() && seat.closing.is_none()).then_some((*id, name, address))
        };
        self.all.iter().filter_map(member).collect()
    }

    /// Si sigue aquí: ni se va, ni se le despide.
    pub(crate) fn has(&self, id: ClientId) -> bool {
        self.all.get(&id).is_some_and(|seat| seat.end.is_none() && seat.closing.is_none())
    }

    /// Va a hablar: qué vez es.
    pub(crate) fn take_turn(&mut self, id: ClientId) -> u64 {
        let Some(seat) = self.all.get_mut(&id) else { return 0 };
        seat.turns += 1;
        seat.turns
    }

    /// Con qué identidad puede decir lo de esa vez, si no ha de ser con `lost`.
    pub(crate) fn voice(&self, id: ClientId, turn: u64, lost: &str) -> Voice {
        match self.all.get(&id) {
            Some(seat) if seat.came_back < turn && seat.closing.is_none() => match &seat.epoch {
                Some(epoch) if epoch != lost => Voice::Epoch(epoch.clone()),
                _ => Voice::Unknown,
            },
            _ => Voice::Unneeded,
        }
    }

    /// Se le despide, por eso.
    pub(crate) fn dismiss(&mut self, id: ClientId, reason: CloseReason) {
        if let Some(seat) = self.all.get_mut(&id) {
            seat.close(reason);
        }
    }

    /// Por qué se le despide, si se le despide.
    pub(crate) fn closing(&mut self, id: ClientId) -> Option<CloseReason> {
        self.all.get_mut(&id)?.closing.take()
    }

    /// Se va: solo oirá lo que se haya dicho hasta ahora, la primera vez que se dijo que se iba.
    pub(crate) fn leave(&mut self, id: ClientId) {
        let end = self.history.end();
        if let Some(seat) = self.all.get_mut(&id) {
            seat.end.get_or_insert(end);
            seat.bell.notify_one();
        }
    }

    /// Ya no está.
    pub(crate) fn close(&mut self, id: ClientId) {
        self.leave(id);
        self.heard(id, u64::MAX);
        self.all.remove(&id);
    }

    /// Un texto solo para él.
    pub(crate) fn tell(&mut self, id: ClientId, text: &str) {
        let Some(seat) = self.all.get_mut(&id) else { return };
        if seat.own.iter().map(|frame| frame.len()).sum::<usize>() > OWN {
            seat.close(CloseReason::NotReading);
        } else {
            seat.own.push_back(encode(text));
            seat.bell.notify_one();
        }
    }

    /// Lo siguiente para él.
    pub(crate) fn next_for(&mut self, id: ClientId) -> Parcel {
        let Some(seat) = self.all.get_mut(&id) else { return Parcel::Over };
        if let Some(reason) = seat.closing.take() {
            return Parcel::Close(reason);
        }
        if let Some(frame) = seat.own.pop_front() {
            return Parcel::Bytes(frame.to_vec(), None);
        }
        if let Some(next) = seat.next {
            let end = seat.end.unwrap_or(u64::MAX);
            let (bytes, upto) = self.history.read(id, next, end, BATCH);
            if upto > next {
                return Parcel::Bytes(bytes, Some(upto));
            }
        }
        if seat.end.is_some() { Parcel::Over } else { Parcel::Nothing }
    }

    /// Ha oído hasta ahí, o hasta donde le toque. Devuelve si no le queda a nadie por oír algo de eso.
    pub(crate) fn heard(&mut self, id: ClientId, upto: u64) -> bool {
        let Some(Seat { next: Some(next), end, .. }) = self.all.get_mut(&id) else {
            return false;
        };
        let upto = upto.min(end.unwrap_or(u64::MAX));
        let forgotten = self.history.heard(*next, upto);
        *next = upto;
        forgotten
    }

    /// Bytes que le faltan por oír.
    pub(crate) fn lag(&self, id: ClientId) -> u64 {
        let next = self.all.get(&id).and_then(|seat| seat.next);
        next.map_or(0, |next| self.history.bytes_from(next))
    }
}

impl Seat {
    /// Si oye lo que se diga desde ahora.
    fn hears(&self) -> bool {
        self.next.is_some() && self.end.is_none()
    }

    /// Se le despide; si había ya otra razón, por aquella.
    fn close(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
        self.bell.notify_one();
    }
}

/// Los textos del servidor caben siempre; el de un cliente se midió antes.
fn encode(text: &str) -> Frame {
    frame::encode(text).unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
