//! Entero: un chat con salas. El enunciado está en enunciado.md, en esta misma carpeta.

use multiplexacion::chat::{CLIENT, ERROR, NAME, check_name};
use multiplexacion::client_id::ClientId;

use super::clients::Chat;
use super::member::{LOBBY, Member, joined, left, said};

// <solo en la solución>
use std::collections::BTreeMap;
// </solo en la solución>

impl Chat {
    /// Llegó un mensaje entero de un cliente: su nombre, algo que dice o una orden.
    pub fn on_message(&mut self, id: ClientId, text: &str) {
        // <tu código>
        // Entrar es un estado más: mientras no se sepa quién es, lo que llega es su nombre.
        let Some(member) = self.clients.get(&id).and_then(|client| client.member.clone()) else {
            return self.on_login(id, text);
        };
        match text.split_once(' ').unwrap_or((text, "")) {
            ("/sala", room) => self.on_move(id, &member, room),
            ("/salas", "") => self.tell(id, &self.rooms()),
            (order, _) if order.starts_with('/') => {
                self.tell(id, &format!("{ERROR}no conozco esa orden"));
            }
            _ if text.is_empty() => {}
            _ => match said(&member, text) {
                Ok(message) => self.tell_room(&member.room, Some(id), &message),
                Err(why) => self.tell(id, &format!("{ERROR}{why}")),
            },
        }
        // </tu código>
    }

    // <solo en la solución>
    /// El primer mensaje: el nombre.
    fn on_login(&mut self, id: ClientId, text: &str) {
        let name = match self.check_login(text) {
            Ok(name) => name.to_owned(),
            Err(why) => return self.refuse(id, why),
        };
        let Some(client) = self.clients.get_mut(&id) else { return };
        let member = Member { name, address: client.address, room: LOBBY.to_owned() };
        client.send(&format!("{CLIENT}{}", client.address));
        client.member = Some(member.clone());
        self.announce(id, &member);
    }

    fn check_login<'a>(&self, text: &'a str) -> Result<&'a str, &'static str> {
        let name =
            text.strip_prefix(NAME).ok_or("el primer mensaje debe ser «NAME: » y tu nombre")?;
        check_name(name)?;
        // Las mayúsculas no distinguen a nadie.
        if self.members().any(|other| other.name.to_lowercase() == name.to_lowercase()) {
            return Err("ese nombre ya está en uso");
        }
        Ok(name)
    }

    /// Pasa a otra sala. Para la de antes es una salida, y para la otra, una llegada.
    fn on_move(&mut self, id: ClientId, member: &Member, room: &str) {
        if let Err(why) = check_name(room) {
            return self.tell(id, &format!("{ERROR}{why}"));
        }
        if room != member.room {
            let moved = Member { room: room.to_owned(), ..member.clone() };
            if let Some(client) = self.clients.get_mut(&id) {
                client.member = Some(moved.clone());
            }
            // Ya no está en la de antes: el aviso es el mismo que si se hubiera ido del todo.
            self.on_departure(member);
            self.announce(id, &moved);
        }
        let count = self.count(room);
        self.tell(id, &format!("(Sala: {room} ({count}))"));
    }
    // </solo en la solución>

    /// Alguien acaba de irse: ya no es miembro de nada, y falta decírselo a su sala.
    pub fn on_departure(&mut self, gone: &Member) {
        // <tu código>
        self.tell_room(&gone.room, None, &left(gone));
        // </tu código>
    }

    // <solo en la solución>
    /// Alguien acaba de llegar a su sala: que los demás lo sepan.
    fn announce(&mut self, id: ClientId, member: &Member) {
        let notice = joined(self.count(&member.room), member);
        self.tell_room(&member.room, Some(id), &notice);
    }

    /// Un mensaje para todos los de una sala, menos para quien lo provoca.
    fn tell_room(&mut self, room: &str, except: Option<ClientId>, text: &str) {
        for (id, client) in &mut self.clients {
            let inside = client.member.as_ref().is_some_and(|member| member.room == room);
            if inside && Some(*id) != except {
                client.send(text);
            }
        }
    }

    /// Las salas no se guardan en ninguna parte: hay tantas como salas distintas digan los
    /// miembros. Así no puede quedar ninguna vacía.
    fn rooms(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members() {
            *counts.entry(&member.room).or_default() += 1;
        }
        let rooms: Vec<String> =
            counts.iter().map(|(room, count)| format!("{room} ({count})")).collect();
        format!("(Salas: {})", rooms.join(", "))
    }

    fn count(&self, room: &str) -> usize {
        self.members().filter(|member| member.room == room).count()
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.clients.values().filter_map(|client| client.member.as_ref())
    }
    // </solo en la solución>
}
