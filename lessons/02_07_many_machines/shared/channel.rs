//! El canal, visto por un servidor: lo lee desde donde iba, y dice por dónde van los suyos.

use std::sync::Arc;

use redis::streams::StreamReadReply;

use super::Shared;
use crate::broker::Link;
use crate::entry::Entry;
use crate::orders;
use crate::room::WINDOW;

/// Cada cuánto se dice por dónde van los de aquí: una parte de lo que pueden atrasarse.
const STEP: u64 = WINDOW / 4;

/// Bytes que guarda un servidor que se retrasó antes de dejar de leer del canal.
const MOST: u64 = 2 * WINDOW;

/// Entradas que se leen de una vez, y milisegundos que se espera a la siguiente.
const COUNT: usize = 64;
const BLOCK: usize = 1000;

impl Shared {
    // ANCHOR: follow
    /// Lee el canal desde donde iba y lo cuenta en la sala.
    pub(super) async fn follow(self: Arc<Self>, link: Link) {
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
    pub(super) async fn report(self: Arc<Self>) {
        let mut told = 0;
        loop {
            told = self.room.heard_since(told, STEP).await;
            let epoch = self.epoch_after("").await;
            self.ask(&orders::HEARD, &epoch, &[&told.to_string()]).await;
        }
    }
}
