//! Lo que se ha dicho y a alguno de los de aquí le falta por oír: una sola cola para todos.

use std::collections::VecDeque;
use std::sync::Arc;

use multiplexacion::client_id::ClientId;

/// Un marco ya codificado: la difusión lo hace una vez, y todos comparten los bytes.
pub(crate) type Frame = Arc<[u8]>;

/// Lo dicho, del más antiguo al más reciente. Cada mensaje se guarda una vez, aunque lo esperen mil,
/// y se olvida cuando lo ha oído el último.
#[derive(Debug, Default)]
pub(crate) struct History {
    messages: VecDeque<Message>,
    /// Cuántos hubo antes del primero.
    forgotten: u64,
    /// Bytes que se han dicho desde el principio, según la cuenta de quien pone el orden.
    said: u64,
}

#[derive(Debug)]
struct Message {
    author: Option<ClientId>,
    frame: Frame,
    /// Bytes que se habían dicho antes.
    at: u64,
    /// A cuántos les falta por oírlo.
    unheard_by: usize,
}

impl History {
    /// Alguien dijo, o causó, algo: lo esperan `listeners`. `said` es lo que se lleva dicho, con esto.
    pub(crate) fn push(
        &mut self,
        author: Option<ClientId>,
        frame: Frame,
        said: u64,
        listeners: usize,
    ) {
        let message = Message { author, frame, at: self.said, unheard_by: listeners };
        self.messages.push_back(message);
        self.said = said;
        self.forget();
    }

    /// La cuenta avanza, o vuelve a empezar, sin que haya nada que oír.
    pub(crate) fn advance(&mut self, said: u64) {
        self.said = said;
    }

    /// La posición del próximo mensaje: quien va por ella lo ha oído todo.
    pub(crate) fn end(&self) -> u64 {
        self.forgotten + self.messages.len() as u64
    }

    /// Lo que le toca oír a `listener`, que va por `from` y acaba en `end`: unos `most` bytes, y por
    /// dónde se queda.
    pub(crate) fn read(
        &self,
        listener: ClientId,
        from: u64,
        end: u64,
        most: usize,
    ) -> (Vec<u8>, u64) {
        let (mut bytes, mut next) = (Vec::new(), from);
        while next < end
            && bytes.len() < most
            && let Some(message) = self.get(next)
        {
            if message.author != Some(listener) {
                bytes.extend_from_slice(&message.frame);
            }
            next += 1;
        }
        (bytes, next)
    }

    /// Uno de los que escuchan ya no espera los de `from` a `to`. Devuelve si se olvidó alguno.
    pub(crate) fn heard(&mut self, from: u64, to: u64) -> bool {
        for position in from..to {
            if let Some(index) = self.index(position)
                && let Some(message) = self.messages.get_mut(index)
            {
                message.unheard_by = message.unheard_by.saturating_sub(1);
            }
        }
        self.forget()
    }

    /// Bytes que le faltan por oír a quien va por esa posición.
    pub(crate) fn bytes_from(&self, position: u64) -> u64 {
        self.get(position).map_or(0, |message| self.said.saturating_sub(message.at))
    }

    /// Bytes que a alguno le faltan por oír.
    pub(crate) fn backlog(&self) -> u64 {
        self.bytes_from(self.forgotten)
    }

    /// Bytes que han oído ya todos los de aquí.
    pub(crate) fn heard_by_all(&self) -> u64 {
        self.said - self.backlog()
    }

    fn forget(&mut self) -> bool {
        let before = self.forgotten;
        while self.messages.front().is_some_and(|message| message.unheard_by == 0) {
            self.messages.pop_front();
            self.forgotten += 1;
        }
        self.forgotten > before
    }

    fn get(&self, position: u64) -> Option<&Message> {
        self.messages.get(self.index(position)?)
    }

    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.forgotten)?).ok()
    }
}
