//! Lo que se ha dicho y a alguien le falta por oír: una sola cola para todos.

use std::collections::{BTreeMap, VecDeque};

use multiplexacion::client_id::ClientId;
use multiplexacion::frame;

/// Bytes que uno puede haber dicho sin que los hayan oído todos: con más, espera.
pub(crate) const SHARE: usize = 64 * 1024;

/// Bytes que puede haber en total: con más, esperan todos los que hablan.
const MOST: usize = 1024 * 1024;

// ANCHOR: history
/// Lo dicho, del más antiguo al más reciente. Cada mensaje se codifica y se guarda una vez,
/// aunque lo esperen mil; de cada uno de los que escuchan basta saber por cuál va.
///
/// De ahí, la contrapresión. A quien tiene aquí mucho que otros aún no han oído no se le lee
/// más: sus bytes esperan en el núcleo y, cuando no caben, en su máquina. Se frena él, y nadie
/// pierde nada.
#[derive(Default)]
pub(crate) struct History {
    messages: VecDeque<Message>,
    /// Cuántos hubo antes del primero: ya los oyeron todos.
    forgotten: u64,
    /// Bytes que se han dicho desde el principio.
    said: usize,
    /// Cuántos de los que quedan aquí son de cada uno.
    shares: BTreeMap<ClientId, usize>,
}

pub(crate) struct Message {
    pub(crate) author: ClientId,
    pub(crate) frame: Vec<u8>,
    /// Bytes que se habían dicho antes.
    at: usize,
}

impl History {
    /// Alguien dijo, o causó, este texto.
    pub(crate) fn push(&mut self, author: ClientId, text: &str) {
        let Ok(frame) = frame::encode(text) else { return };
        let at = self.said;
        self.said += frame.len();
        *self.shares.entry(author).or_default() += frame.len();
        self.messages.push_back(Message { author, frame, at });
    }

    /// La posición del próximo mensaje: quien va por ella lo ha oído todo.
    pub(crate) fn end(&self) -> u64 {
        self.forgotten + self.messages.len() as u64
    }

    /// El mensaje de esa posición, si ya se dijo.
    pub(crate) fn get(&self, position: u64) -> Option<&Message> {
        self.messages.get(usize::try_from(position.checked_sub(self.forgotten)?).ok()?)
    }

    /// Bytes que le faltan por oír a quien va por esa posición.
    pub(crate) fn bytes_from(&self, position: u64) -> usize {
        self.get(position).map_or(0, |message| self.said - message.at)
    }

    /// Si a alguien se le puede seguir leyendo, o ha de esperar a que le oigan.
    pub(crate) fn has_room_for(&self, author: ClientId) -> bool {
        let share = self.shares.get(&author).copied().unwrap_or_default();
        share <= SHARE && self.bytes_from(self.forgotten) <= MOST
    }

    /// Los anteriores a esa posición ya los oyeron todos.
    pub(crate) fn forget_before(&mut self, position: u64) {
        while self.forgotten < position
            && let Some(Message { author, frame, .. }) = self.messages.pop_front()
        {
            self.forgotten += 1;
            if let Some(share) = self.shares.get_mut(&author) {
                *share -= frame.len();
            }
        }
        self.shares.retain(|_, share| *share > 0);
    }
}
// ANCHOR_END: history
