//! Un servidor solo: el orden es el de llegada, y los nombres están en su memoria.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use multiplexacion::chat::{TAKEN, folded};
use multiplexacion::client_id::ClientId;

use crate::entry::{Entry, Event, Member};
use crate::place::Place;
use crate::room::{Room, WINDOW};

/// Un servidor que no comparte nada.
#[derive(Debug)]
pub(crate) struct Alone {
    room: Arc<Room>,
    state: Mutex<State>,
    /// Quien espera para hablar, y detrás los que llegaron después.
    turnstile: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<ClientId, (String, IpAddr)>,
    n: u64,
    bytes: u64,
}

impl Alone {
    /// El de esa sala.
    pub(crate) fn new(room: Arc<Room>) -> Alone {
        Alone { room, state: Mutex::default(), turnstile: tokio::sync::Mutex::default() }
    }

    /// Alguien quiere entrar. Errores: por qué no.
    pub(crate) fn join(
        &self,
        id: ClientId,
        name: &str,
        address: IpAddr,
    ) -> Result<(), &'static str> {
        let mut state = self.state();
        if state.members.values().any(|(other, _)| folded(other) == folded(name)) {
            return Err(TAKEN);
        }
        state.members.insert(id, (name.to_owned(), address));
        let count = state.members.len();
        self.room.expect(id, "", name, address);
        self.happen(&mut state, id, Event::Joined { name: name.to_owned(), address, count });
        Ok(())
    }

    /// Alguien habla. Vuelve cuando está dicho: si a otros les falta mucho por oír, espera.
    pub(crate) async fn say(&self, id: ClientId, text: &str) {
        let _turn = self.turnstile.lock().await;
        self.room.backlog_below(WINDOW).await;
        let turn = self.room.seats().take_turn(id);
        self.happen(&mut self.state(), id, Event::Said { turn, text: text.to_owned() });
    }

    /// Alguien se va.
    pub(crate) fn leave(&self, id: ClientId) {
        let mut state = self.state();
        if let Some((name, address)) = state.members.remove(&id) {
            self.happen(&mut state, id, Event::Left { name, address });
        }
    }

    /// Con el cerrojo echado: lo que ocurre tiene un orden.
    fn happen(&self, state: &mut State, client: ClientId, event: Event) {
        state.n += 1;
        state.bytes += event.size();
        let member = Member { epoch: String::new(), client };
        let place = Place { n: state.n, bytes: state.bytes, id: state.n.to_string() };
        self.room.apply(Entry { place, member, event });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
