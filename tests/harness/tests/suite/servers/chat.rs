//! El chat, bien y con una falta cada vez.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::serve;

/// En qué se equivoca.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// La longitud, con el byte de menos peso primero.
    LittleEndian,
    /// Quien habla se oye a sí mismo.
    EchoesToSender,
    /// Las secuencias de escape llegan tal cual.
    RelaysControls,
    /// Con tres bytes de cabecera da al cliente por muerto (T3-05).
    NoPartialHeaders,
    /// Atiende al siguiente cuando el anterior ha dicho su nombre (T3-03).
    WaitsForTheName,
}

struct Client {
    id: usize,
    name: String,
    who: String,
    outbox: Sender<String>,
}

#[derive(Default)]
struct Room {
    clients: Vec<Client>,
    next_id: usize,
}

#[derive(Clone)]
struct Chat {
    fault: Fault,
    room: Arc<Mutex<Room>>,
    door: Arc<Mutex<()>>,
}

pub(crate) fn with(fault: Fault) -> SocketAddr {
    let chat = Chat { fault, room: Arc::default(), door: Arc::default() };
    serve(move |stream| chat.attend(&stream))
}

impl Chat {
    fn attend(&self, stream: &TcpStream) {
        let door = (self.fault == Fault::WaitsForTheName).then(|| self.door.lock().unwrap());
        let greeting = self.read(stream);
        drop(door);
        let Some(greeting) = greeting else { return };
        let ip = stream.peer_addr().unwrap().ip();
        let (outbox, inbox) = channel();
        match self.enter(&greeting, ip, outbox) {
            Ok(id) => self.converse(stream, id, inbox),
            Err(why) => drop(self.write(stream, &format!("ERROR: {why}"))),
        }
    }

    fn converse(&self, stream: &TcpStream, id: usize, inbox: Receiver<String>) {
        let writing = stream.try_clone().unwrap();
        let writer = self.clone();
        let writer = thread::spawn(move || {
            for text in inbox {
                if writer.write(&writing, &text).is_err() {
                    break;
                }
            }
        });
        while let Some(text) = self.read(stream) {
            self.say(id, &text);
        }
        self.leave(id);
        writer.join().unwrap();
    }

    fn enter(&self, greeting: &str, ip: IpAddr, outbox: Sender<String>) -> Result<usize, String> {
        let name = greeting.strip_prefix("NAME: ").ok_or("di tu nombre con «NAME: »")?;
        check_name(name)?;
        let mut room = self.room.lock().unwrap();
        let lowercase = name.to_lowercase();
        if room.clients.iter().any(|client| client.name.to_lowercase() == lowercase) {
            return Err(format!("ya hay alguien que se llama {name}"));
        }
        let id = room.next_id;
        room.next_id += 1;
        let who = format!("{name}@{ip}");
        let count = room.clients.len() + 1;
        room.tell(None, &format!("(Conectado: nuevo cliente ({count}) desde {who})"));
        outbox.send(format!("CLIENT: {ip}")).unwrap();
        room.clients.push(Client { id, name: name.to_owned(), who, outbox });
        Ok(id)
    }

    fn say(&self, id: usize, text: &str) {
        let room = self.room.lock().unwrap();
        let speaker = room.clients.iter().find(|client| client.id == id).unwrap();
        let text = if self.fault == Fault::RelaysControls { text.to_owned() } else { safe(text) };
        let excluded = (self.fault != Fault::EchoesToSender).then_some(id);
        room.tell(excluded, &format!("#[{}]>> {text}", speaker.who));
    }

    fn leave(&self, id: usize) {
        let mut room = self.room.lock().unwrap();
        let index = room.clients.iter().position(|client| client.id == id).unwrap();
        let gone = room.clients.remove(index);
        room.tell(None, &format!("(Desconectado: cliente {})", gone.who));
    }

    /// Un marco, o `None` si el cliente acabó o mandó lo que no debía.
    fn read(&self, mut stream: &TcpStream) -> Option<String> {
        let mut header = [0; 4];
        if self.fault == Fault::NoPartialHeaders {
            let count = stream.read(&mut header).ok()?;
            (count == header.len()).then_some(())?;
        } else {
            stream.read_exact(&mut header).ok()?;
        }
        let length = u32::from_be_bytes(header) as usize;
        (length <= 65_536).then_some(())?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        String::from_utf8(body).ok()
    }

    fn write(&self, mut stream: &TcpStream, text: &str) -> io::Result<()> {
        let length = u32::try_from(text.len()).unwrap();
        let header = match self.fault {
            Fault::LittleEndian => length.to_le_bytes(),
            _ => length.to_be_bytes(),
        };
        stream.write_all(&[&header, text.as_bytes()].concat())
    }
}

impl Room {
    fn tell(&self, excluded: Option<usize>, text: &str) {
        for client in self.clients.iter().filter(|client| Some(client.id) != excluded) {
            // Si ya no está, su hilo lo sabrá.
            let _ = client.outbox.send(text.to_owned());
        }
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let invisible = |c: char| {
        c.is_control()
            || c.is_whitespace() && c != ' '
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if name.is_empty() || name.chars().count() > 32 {
        return Err("el nombre ha de tener de 1 a 32 caracteres");
    }
    if name.trim() != name
        || name.contains(invisible)
        || name.contains(['@', '[', ']', '<', '>', '#'])
    {
        return Err("el nombre tiene caracteres que no valen");
    }
    if name.to_lowercase() == "servidor" {
        return Err("ese nombre es el del servidor");
    }
    Ok(())
}

fn safe(text: &str) -> String {
    text.replace(
        |c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}'),
        "\u{fffd}",
    )
}
