//! El chat, bien y con una falta cada vez.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::serve;

/// En qué se equivoca.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Ninguna, y espera de verdad a quien no lee.
    Patient,
    /// La longitud, con el byte de menos peso primero.
    LittleEndian,
    /// Quien habla se oye a sí mismo.
    EchoesToSender,
    /// Las secuencias de escape llegan tal cual.
    RelaysControls,
    /// Con tres bytes de cabecera da al cliente por muerto (T3-05).
    NoPartialHeaders,
    /// Mientras alguien dice su nombre, los demás esperan para decir el suyo (T3-03).
    WaitsForTheName,
    /// A quien cierra su lado no le cierra el otro.
    NeverCloses,
    /// Lo que dice uno lo oye solo el primero de los demás.
    TellsOnlyOne,
    /// Escribe a cada uno en el momento, y espera a que quepa.
    WritesAtOnce,
    /// Contesta con el nombre, y no con la IP.
    GreetsWithTheName,
    /// Cuenta los que había, sin el que llega.
    CountsTheOthers,
    /// De cada lectura toma un marco y olvida lo demás.
    OneFramePerRead,
    /// Reparte a la vez lo que dicen dos.
    NoCommonOrder,
    /// Cuenta cuántos son, y anuncia a quien llega un poco después.
    CountsTooSoon,
    /// Avisado de un FIN (EPOLLRDHUP), no lee lo que quede antes de él.
    HangsUpEarly,
    /// Cualquier nombre vale, mientras no sea de otro.
    AnyName,
    /// `ana` y `Ana` son dos.
    CaseSensitive,
    /// Mira si el nombre es de otro, y lo apunta un poco después.
    ChecksTooSoon,
    /// Espera cuatro gigas, si lo dice una cabecera.
    BelievesTheLength,
    /// A quien envía un marco vacío lo echa.
    RefusesTheEmpty,
    /// Lo que no es UTF-8 pasa a ser U+FFFD.
    NeverRefusesBytes,
    /// Con medio marco leído, el final no es el final.
    WaitsForTheRest,
    /// De quien reinicia no se avisa.
    ForgetsResets,
    /// Lo que se dice lo oye también quien no ha dicho su nombre.
    TellsStrangers,
    /// Si a alguien no se le puede escribir, echa a quien hablaba.
    BlamesTheSpeaker,
    /// Guarda cuanto haga falta para quien no lee.
    NoLimit,
    /// Espera a quien no lee mucho más de lo que se pide.
    TooPatient,
    /// No caben más de cien.
    SmallRoom,
    /// Tras el ERROR cierra sin leer lo que queda.
    ClosesAtOnce,
    /// A quien se le llena la cola lo echa en el acto.
    ThrowsOut,
}

struct Client {
    id: usize,
    name: String,
    who: String,
    outbox: Outbox,
}

/// Por dónde se le entrega algo a un cliente.
#[derive(Clone)]
struct Outbox {
    queue: SyncSender<String>,
    stream: Arc<TcpStream>,
    /// Los bytes que hay en la cola.
    queued: Arc<AtomicUsize>,
    fault: Fault,
}

#[derive(Default)]
struct Room {
    clients: Vec<Client>,
    next_id: usize,
    /// Los que no han dicho su nombre, si se les reparte también.
    strangers: Vec<Arc<TcpStream>>,
}

#[derive(Clone)]
struct Chat {
    fault: Fault,
    room: Arc<RwLock<Room>>,
    order: Arc<Mutex<()>>,
    door: Arc<Mutex<()>>,
}

pub(crate) fn with(fault: Fault) -> SocketAddr {
    let (room, order, door) = (Arc::default(), Arc::default(), Arc::default());
    let chat = Chat { fault, room, order, door };
    serve(move |stream| chat.attend(&Arc::new(stream)))
}

/// Reparte bytes, según los lee: no sabe dónde acaba un mensaje.
pub(crate) fn raw() -> SocketAddr {
    let room: Arc<Mutex<Vec<Arc<TcpStream>>>> = Arc::default();
    serve(move |stream| {
        let stream = Arc::new(stream);
        room.lock().unwrap().push(Arc::clone(&stream));
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = (&*stream).read(&mut chunk) {
            let room = room.lock().unwrap();
            for other in room.iter().filter(|other| !Arc::ptr_eq(other, &stream)) {
                let _ = (&**other).write_all(&chunk[..count]);
            }
        }
        room.lock().unwrap().retain(|other| !Arc::ptr_eq(other, &stream));
    })
}

/// Mensajes que esperan, como mucho, a cada uno.
const QUEUE: usize = 16;
/// Y bytes, en el que echa a quien los supera.
const MOST: usize = 1024 * 1024;
/// Lo que pasa entre dos cosas que debían hacerse de una vez.
const MEANWHILE: Duration = Duration::from_millis(20);
/// Lo que tarda en saber de un reinicio quien culpa a otros.
const LATE: Duration = Duration::from_millis(300);

impl Fault {
    fn queue(self) -> usize {
        match self {
            Fault::NoLimit | Fault::ThrowsOut => 100_000,
            _ => QUEUE,
        }
    }

    /// Lo que se espera a quien no lee nada. Solo quien va a pasar por la última etapa de la
    /// contrapresión necesita una paciencia de verdad.
    fn patience(self) -> Duration {
        match self {
            Fault::Patient | Fault::ThrowsOut => Duration::from_secs(8),
            Fault::NoLimit | Fault::WritesAtOnce | Fault::TooPatient => Duration::from_secs(60),
            _ => Duration::from_millis(300),
        }
    }
}

/// Cómo acaba lo que se lee de un cliente.
enum End {
    Left,
    Broken,
    Refused(&'static str),
}

impl Chat {
    fn attend(&self, stream: &Arc<TcpStream>) {
        let mut reader = Reader::new(stream, self.fault);
        if self.fault == Fault::TellsStrangers {
            self.room.write().unwrap().strangers.push(Arc::clone(stream));
        }
        let greeting = if self.fault == Fault::WaitsForTheName {
            reader.wait_for_a_byte();
            let _door = self.door.lock();
            reader.read()
        } else {
            reader.read()
        };
        self.room.write().unwrap().strangers.retain(|other| !Arc::ptr_eq(other, stream));
        let greeting = match greeting {
            Ok(greeting) => greeting,
            Err(End::Refused(why)) => return self.refuse(stream, why),
            Err(_) => return self.part(stream),
        };
        let ip = stream.peer_addr().unwrap().ip();
        let (queue, inbox) = sync_channel(self.fault.queue());
        let queued = Arc::default();
        let outbox = Outbox { queue, stream: Arc::clone(stream), queued, fault: self.fault };
        match self.enter(&greeting, ip, outbox) {
            Ok((id, outbox)) => self.converse(stream, id, outbox, inbox, &mut reader),
            Err(why) => self.refuse(stream, &why),
        }
    }

    fn converse(
        &self,
        stream: &Arc<TcpStream>,
        id: usize,
        outbox: Outbox,
        inbox: Receiver<String>,
        reader: &mut Reader,
    ) {
        let (writing, fault, queued) = (Arc::clone(stream), self.fault, Arc::clone(&outbox.queued));
        let _ = writing.set_write_timeout(Some(fault.patience()));
        let writer = thread::spawn(move || {
            for text in inbox {
                if write(&writing, fault, &text).is_err() {
                    let _ = writing.shutdown(Shutdown::Both);
                    break;
                }
                queued.fetch_sub(text.len(), Ordering::SeqCst);
            }
        });
        let end = loop {
            match reader.read() {
                Ok(text) if text.is_empty() && fault == Fault::RefusesTheEmpty => {
                    break End::Refused("no dices nada");
                }
                Ok(text) => self.say(id, &text, &outbox),
                Err(end) => break end,
            }
            if fault == Fault::BlamesTheSpeaker && self.someone_is_gone() {
                break End::Left;
            }
        };
        if fault == Fault::BlamesTheSpeaker && matches!(end, End::Broken) {
            thread::sleep(LATE);
        }
        if self.fault == Fault::ForgetsResets && matches!(end, End::Broken) {
            return;
        }
        if let End::Refused(why) = end {
            outbox.send(&format!("ERROR: {why}"));
        }
        self.leave(id);
        // Sin nadie que pueda encolar más, se acaba de escribir lo que haya, y este lado se cierra.
        drop(outbox);
        let _ = writer.join();
        self.part(stream);
    }

    /// Cierra su lado y descarta lo que llegue: cerrar sin leer sería un reinicio.
    fn part(&self, stream: &TcpStream) {
        if self.fault == Fault::NeverCloses {
            thread::park();
        }
        if self.fault != Fault::ClosesAtOnce {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut chunk = [0; 4096];
            while let Ok(1..) = (&*stream).read(&mut chunk) {}
        }
    }

    fn refuse(&self, stream: &TcpStream, why: &str) {
        let _ = write(stream, self.fault, &format!("ERROR: {why}"));
        self.part(stream);
    }

    fn enter(&self, greeting: &str, ip: IpAddr, outbox: Outbox) -> Result<(usize, Outbox), String> {
        let name = greeting.strip_prefix("NAME: ").ok_or("di tu nombre con «NAME: »")?;
        if self.fault != Fault::AnyName {
            check_name(name)?;
        }
        let before = self.room.read().unwrap().clients.len();
        if self.fault == Fault::ChecksTooSoon {
            self.check_free(&self.room.read().unwrap(), name)?;
        }
        if matches!(self.fault, Fault::ChecksTooSoon | Fault::CountsTooSoon) {
            thread::sleep(MEANWHILE);
        }
        let _order = self.order.lock();
        let mut room = self.room.write().unwrap();
        if self.fault != Fault::ChecksTooSoon {
            self.check_free(&room, name)?;
        }
        if self.fault == Fault::SmallRoom && room.clients.len() >= 100 {
            return Err("no cabe nadie más".to_owned());
        }
        let id = room.next_id;
        room.next_id += 1;
        let who = format!("{name}@{ip}");
        let count = match self.fault {
            Fault::CountsTheOthers => room.clients.len(),
            Fault::CountsTooSoon => before + 1,
            _ => room.clients.len() + 1,
        };
        room.tell(Some(id), &format!("(Conectado: nuevo cliente ({count}) desde {who})"));
        let answer = if self.fault == Fault::GreetsWithTheName { name } else { &ip.to_string() };
        outbox.send(&format!("CLIENT: {answer}"));
        let (name, own) = (name.to_owned(), outbox.clone());
        room.clients.push(Client { id, name, who, outbox });
        Ok((id, own))
    }

    fn check_free(&self, room: &Room, name: &str) -> Result<(), String> {
        let same = |other: &str| match self.fault {
            Fault::CaseSensitive => other == name,
            _ => other.to_lowercase() == name.to_lowercase(),
        };
        if room.clients.iter().any(|client| same(&client.name)) {
            return Err(format!("ya hay alguien que se llama {name}"));
        }
        Ok(())
    }

    /// Si alguien ha reiniciado su conexión, que ya no tiene otro extremo (getpeername(2)).
    fn someone_is_gone(&self) -> bool {
        let room = self.room.read().unwrap();
        room.clients.iter().any(|client| client.outbox.stream.peer_addr().is_err())
    }

    fn say(&self, id: usize, text: &str, own: &Outbox) {
        let _order = (self.fault != Fault::NoCommonOrder).then(|| self.order.lock());
        let room = self.room.read().unwrap();
        let speaker = room.clients.iter().find(|client| client.id == id).unwrap();
        let text = if self.fault == Fault::RelaysControls { text.to_owned() } else { safe(text) };
        let text = format!("#[{}]>> {text}", speaker.who);
        if text.len() > 65_536 {
            return own.send("ERROR: con tu nombre delante no cabe");
        }
        let excluded = (self.fault != Fault::EchoesToSender).then_some(id);
        if self.fault == Fault::TellsOnlyOne {
            let other = room.clients.iter().find(|client| client.id != id);
            return other.into_iter().for_each(|other| other.outbox.send(&text));
        }
        room.tell(excluded, &text);
        for stranger in &room.strangers {
            // Quizá ya no está.
            let _ = write(stranger, self.fault, &text);
        }
    }

    fn leave(&self, id: usize) {
        let _order = self.order.lock();
        let mut room = self.room.write().unwrap();
        let index = room.clients.iter().position(|client| client.id == id).unwrap();
        let gone = room.clients.remove(index);
        room.tell(None, &format!("(Desconectado: cliente {})", gone.who));
    }
}

impl Outbox {
    /// Encola. Con la cola llena espera quien habla: es la contrapresión de este chat.
    fn send(&self, text: &str) {
        match self.fault {
            Fault::WritesAtOnce => drop(write(&self.stream, self.fault, text)),
            Fault::ThrowsOut if self.queued.load(Ordering::SeqCst) > MOST => {
                let _ = self.stream.shutdown(Shutdown::Both);
            }
            _ => {
                self.queued.fetch_add(text.len(), Ordering::SeqCst);
                // Si ya no está, su hilo lo sabrá.
                let _ = self.queue.send(text.to_owned());
            }
        }
    }
}

/// Lo que va llegando de un cliente.
struct Reader {
    stream: Arc<TcpStream>,
    buffer: Vec<u8>,
    fault: Fault,
    /// Ya ha leído alguna vez.
    started: bool,
}

impl Reader {
    fn new(stream: &Arc<TcpStream>, fault: Fault) -> Self {
        Self { stream: Arc::clone(stream), buffer: Vec::new(), fault, started: false }
    }

    fn wait_for_a_byte(&mut self) {
        if self.buffer.is_empty() {
            let _ = self.read_more();
        }
    }

    /// El siguiente marco.
    fn read(&mut self) -> Result<String, End> {
        loop {
            if let Some((header, rest)) = self.buffer.split_first_chunk::<4>() {
                let length = u32::from_be_bytes(*header) as usize;
                if length > 65_536 && self.fault != Fault::BelievesTheLength {
                    return Err(End::Refused("ese mensaje es demasiado largo"));
                }
                if rest.len() >= length {
                    let text = rest[..length].to_vec();
                    self.buffer.drain(..4 + length);
                    if self.fault == Fault::OneFramePerRead {
                        self.buffer.clear();
                    }
                    return match String::from_utf8(text) {
                        Ok(text) => Ok(text),
                        Err(error) if self.fault == Fault::NeverRefusesBytes => {
                            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
                        }
                        Err(_) => Err(End::Refused("el texto ha de ser UTF-8")),
                    };
                }
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> Result<(), End> {
        if self.fault == Fault::HangsUpEarly && self.started && hangs_up(&self.stream) {
            return Err(End::Left);
        }
        self.started = true;
        let mut chunk = [0; 8192];
        let count = (&*self.stream).read(&mut chunk).map_err(|_| End::Broken)?;
        if count == 0 {
            if self.fault == Fault::WaitsForTheRest && !self.buffer.is_empty() {
                thread::park();
            }
            return Err(End::Left);
        }
        let starts = self.buffer.is_empty();
        self.buffer.extend_from_slice(&chunk[..count]);
        let halved = starts && count < 4 && self.fault == Fault::NoPartialHeaders;
        if halved { Err(End::Left) } else { Ok(()) }
    }
}

/// Si el otro lado ha cerrado el suyo, o lo cierra enseguida; aunque quede algo por leer antes.
fn hangs_up(stream: &TcpStream) -> bool {
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLRDHUP, 0)).unwrap();
    let mut events = [EpollEvent::empty()];
    epoll.wait(&mut events, u8::try_from(MEANWHILE.as_millis()).unwrap()).unwrap_or_default() > 0
}

fn write(mut stream: &TcpStream, fault: Fault, text: &str) -> io::Result<()> {
    let length = u32::try_from(text.len()).unwrap();
    let header = match fault {
        Fault::LittleEndian => length.to_le_bytes(),
        _ => length.to_be_bytes(),
    };
    stream.write_all(&[&header, text.as_bytes()].concat())
}

impl Room {
    fn tell(&self, excluded: Option<usize>, text: &str) {
        for client in self.clients.iter().filter(|client| Some(client.id) != excluded) {
            client.outbox.send(text);
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
