//! Entero: un chat con salas. El enunciado está en enunciado.md, en esta misma carpeta.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Instant;

use multiplexacion::chat::{self, CLIENT, ERROR, NAME, check_name};
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, LINGER, Limits, Phase};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};

/// La sala en la que se entra.
pub const LOBBY: &str = "principal";

/// Todos los conectados, por orden de llegada.
#[derive(Default)]
struct Chat {
    clients: BTreeMap<ClientId, Client>,
    /// Cuántos han llegado.
    arrived: u64,
}

/// Un conectado.
struct Client {
    conn: Connection<TcpStream>,
    /// Desde dónde llama.
    address: IpAddr,
    /// Quién es y en qué sala está; nada, mientras no haya dicho su nombre, o si ya se fue.
    member: Option<Member>,
    /// Por qué hay que despedirlo, si hay que despedirlo.
    closing: Option<Reason>,
    /// Hasta cuándo se espera a que un despedido reciba lo que le queda.
    until: Option<Instant>,
}

/// Alguien que ya dijo su nombre.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    address: IpAddr,
    room: String,
}

impl Chat {
    /// Llegó un mensaje entero de un cliente: su nombre, algo que dice o una orden.
    fn on_message(&mut self, id: ClientId, text: &str) {
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
    fn on_departure(&mut self, gone: &Member) {
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

// ---- Desde aquí no hay nada que cambiar. Para usar: tell, refuse, check_name, joined, left, said -

impl Chat {
    /// Envía un mensaje a un cliente.
    fn tell(&mut self, id: ClientId, text: &str) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.send(text);
        }
    }

    /// No deja entrar a un cliente: le dice por qué y lo despide.
    fn refuse(&mut self, id: ClientId, why: &'static str) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.closing = Some(Reason::Refused(why));
        }
    }
}

/// El aviso de que alguien llega a una sala, en la que con él ya son `count`.
fn joined(count: usize, member: &Member) -> String {
    chat::joined(count, &member.name, member.address)
}

/// El aviso de que alguien deja una sala.
fn left(member: &Member) -> String {
    chat::left(&member.name, member.address)
}

/// Lo que oyen los demás, sin caracteres de control; o por qué no se les puede decir.
fn said(member: &Member, text: &str) -> Result<String, &'static str> {
    chat::said(&member.name, member.address, text).map_err(|_| "con tu nombre delante no cabe")
}

/// Lo que se guarda de cada cliente: medio marco, y hasta 256 KiB que aún no ha leído.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 256 * 1024 };

/// Por qué se despide a un cliente.
enum Reason {
    /// Cerró su lado.
    Left,
    /// La conexión falló, o se acabó el tiempo para despedirse.
    Broken,
    /// No se le deja seguir, y se le dice por qué.
    Refused(&'static str),
}

/// Atiende a todos en este hilo.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut chat = Chat::default();
    loop {
        let ready = chat.wait(listener)?;
        for id in ready.writable {
            if let Some(client) = chat.clients.get_mut(&id) {
                // Si falla, la próxima escritura fallará también.
                let _ = client.conn.on_writable();
            }
        }
        for id in ready.readable {
            chat.hear(id);
        }
        if ready.listener {
            chat.accept(listener)?;
        }
        chat.settle();
    }
}

/// Quién está listo.
struct Ready {
    listener: bool,
    readable: Vec<ClientId>,
    writable: Vec<ClientId>,
}

impl Chat {
    fn wait(&self, listener: &TcpListener) -> io::Result<Ready> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        reading.insert(listener.as_fd());
        for client in self.clients.values() {
            if client.conn.wants_read() {
                reading.insert(client.fd());
            }
            if client.conn.wants_write() {
                writing.insert(client.fd());
            }
        }
        let next = self.clients.values().filter_map(|client| client.until).min();
        let mut timeout = next.map(|until| {
            let left = until.saturating_duration_since(Instant::now()).as_micros();
            TimeVal::microseconds(i64::try_from(left).unwrap_or(i64::MAX) + 1)
        });
        select(None, &mut reading, &mut writing, None, timeout.as_mut())?;
        let among = |set: &FdSet<'_>| {
            let ready = self.clients.iter().filter(|(_, client)| set.contains(client.fd()));
            ready.map(|(id, _)| *id).collect()
        };
        Ok(Ready {
            listener: reading.contains(listener.as_fd()),
            readable: among(&reading),
            writable: among(&writing),
        })
    }

    /// Recoge a quien llama. No se le lee nada: su nombre llegará cuando llegue.
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        match listener.accept() {
            Ok((stream, address)) => {
                stream.set_nonblocking(true)?;
                // Un mensaje corto sale ya, sin esperar a que confirmen el anterior.
                stream.set_nodelay(true)?;
                self.arrived += 1;
                let id = ClientId(self.arrived);
                self.clients.extend(Client::new(stream, address.ip(), id).map(|it| (id, it)));
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lee una vez de un cliente, y atiende cada mensaje entero.
    fn hear(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (messages, end) = client.receive();
        for text in messages {
            // Tras un mensaje que lo despide, los que venían detrás no cuentan.
            if self.clients.get(&id).is_some_and(Client::is_welcome) {
                self.on_message(id, &text);
            }
        }
        if let (Some(reason), Some(client)) = (end, self.clients.get_mut(&id)) {
            client.closing.get_or_insert(reason);
        }
    }

    /// Escribe lo que quepa y despide a quien toca, hasta que no quede nada por hacer.
    fn settle(&mut self) {
        let now = Instant::now();
        loop {
            self.clients.values_mut().for_each(|client| client.flush(now));
            let closing = self.clients.iter().filter(|(_, client)| client.closing.is_some());
            let closing: Vec<ClientId> = closing.map(|(id, _)| *id).collect();
            if closing.is_empty() {
                return;
            }
            for id in closing {
                self.dismiss(id, now);
            }
        }
    }

    /// El único lugar que cierra conexiones.
    fn dismiss(&mut self, id: ClientId, now: Instant) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(reason) = client.closing.take() else { return };
        let member = client.member.take();
        if !client.can_leave_later(&reason, now) {
            self.clients.remove(&id);
        }
        if let Some(member) = member {
            self.on_departure(&member);
        }
    }
}

impl Client {
    /// Envuelve un socket no bloqueante. Si no cabe en un conjunto, lo cierra.
    fn new(stream: TcpStream, address: IpAddr, id: ClientId) -> Option<Client> {
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
        let conn = Connection::new(stream, id, &LIMITS);
        fits.then_some(Client { conn, address, member: None, closing: None, until: None })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }

    /// Si se le escucha y se le habla: a quien se despide, ya no.
    fn is_welcome(&self) -> bool {
        self.closing.is_none() && self.until.is_none()
    }

    /// Encola un mensaje para él. Si no le cabe, se anota en él que no lee.
    fn send(&mut self, text: &str) {
        let frame = frame::encode(text)
            .or_else(|why| frame::encode(&format!("{ERROR}{why}")))
            .unwrap_or_default();
        if !self.is_welcome() || self.conn.queue(&frame).is_ok() {
            return;
        }
        // Quizá quepa tras escribir: una sola vuelta puede traer muchos mensajes.
        if self.conn.flush().is_err() || self.conn.queue(&frame).is_err() {
            self.closing = Some(Reason::Refused("no lees lo que se te envía"));
        }
    }

    /// Los mensajes que llegaron enteros en una lectura, y por qué no habrá más, si no habrá más.
    fn receive(&mut self) -> (Vec<String>, Option<Reason>) {
        let mut end = match self.conn.fill(&mut [0; 16 * 1024]) {
            Ok(Fill::Bytes(_) | Fill::Empty) => None,
            Ok(Fill::End) => Some(Reason::Left),
            Err(_) => Some(Reason::Broken),
        };
        let mut messages = Vec::new();
        while let Some(next) = frame::decode(self.conn.input()).transpose() {
            let Ok((text, used)) = next else {
                end = Some(Reason::Refused("eso no es un marco"));
                let all = self.conn.input().len();
                self.conn.consume(all);
                break;
            };
            messages.push(text.to_owned());
            self.conn.consume(used);
        }
        (messages, end)
    }

    /// Escribe lo que quepa. A un despedido que ya lo tiene todo se le cierra nuestro lado.
    fn flush(&mut self, now: Instant) {
        let broken = self.conn.flush().is_err();
        let over = self.conn.phase() == Phase::Over;
        if broken || over || self.until.is_some_and(|until| now >= until) {
            self.closing = Some(Reason::Broken);
        }
    }

    /// Si conviene esperar a que reciba lo que le queda, con la razón detrás si la merece.
    fn can_leave_later(&mut self, reason: &Reason, now: Instant) -> bool {
        if matches!(reason, Reason::Broken) || self.until.is_some() {
            return false;
        }
        self.until = Some(now + LINGER);
        self.conn.leave(&match reason {
            Reason::Refused(why) => frame::encode(&format!("{ERROR}{why}")).unwrap_or_default(),
            _ => Vec::new(),
        });
        self.conn.wants_write()
    }
}
