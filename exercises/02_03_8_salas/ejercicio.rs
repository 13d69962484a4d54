//! Entero: un chat con salas. El enunciado está en enunciado.md, en esta misma carpeta.

use multiplexacion::chat::{CLIENT, ERROR, NAME, check_name};
use multiplexacion::client_id::ClientId;

use super::clients::Chat;
use super::member::{LOBBY, Member, joined, left, said};

impl Chat {
    /// Llegó un mensaje entero de un cliente: su nombre, algo que dice o una orden.
    pub fn on_message(&mut self, id: ClientId, text: &str) {
        todo!("Escribe esto en exercises/02_03_8_salas/ejercicio.rs")
    }

    /// Alguien acaba de irse: ya no es miembro de nada, y falta decírselo a su sala.
    pub fn on_departure(&mut self, gone: &Member) {
        todo!("Escribe esto en exercises/02_03_8_salas/ejercicio.rs")
    }
}
