//! Difundir, con uno que ya no está. El enunciado está en enunciado.md, en esta misma carpeta.

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::Overflow;
use multiplexacion::frame;

use super::room::{Reason, Room, left};

impl Room {
    /// Difunde un mensaje a todos menos a quien lo envió.
    pub fn broadcast(&mut self, from: ClientId, text: &str) {
        // <tu código>
        // Un marco no lleva más que MAX_TEXT bytes; este texto llegó en uno, o es un aviso corto.
        let frame = frame::encode(text).unwrap_or_default();
        for (id, client) in &mut self.clients {
            // A quien se va a quitar no se le da nada más: el recorrido sigue con los demás.
            if *id != from && client.closing.is_none() && client.conn.queue(&frame) == Err(Overflow)
            {
                // El problema es suyo: ni de quien habla ni de los que vienen detrás.
                client.closing = Some(Reason::NotReading);
            }
        }
        // </tu código>
    }

    /// Escribe lo encolado y quita a quien toca, hasta que no quede nada por hacer.
    pub fn settle(&mut self) {
        // <tu código>
        loop {
            for client in self.clients.values_mut() {
                if client.conn.flush().is_err() {
                    client.closing.get_or_insert(Reason::Broken);
                }
            }
            let closing = self.clients.iter().filter(|(_, client)| client.closing.is_some());
            let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
            // Nadie más que quitar: los avisos de la pasada anterior ya están escritos.
            if closing.is_empty() {
                return;
            }
            // Primero fuera todos, que los avisos son para quienes se quedan.
            for id in &closing {
                self.clients.remove(id);
            }
            for id in closing {
                self.broadcast(id, &left(id));
            }
        }
        // </tu código>
    }
}
