//! Un cliente, tal como lo ve el servidor.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, LINGER, Overflow, Phase};
use multiplexacion::errors;
use multiplexacion::frame;
use multiplexacion::listener;
use multiplexacion::steps::{Shown, Step};

use crate::history::{History, Message, SHARE};
use crate::messages::{LIMITS, send};

/// Lo que se espera a que lea algo quien tiene mucho por leer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes en la cola de uno con los que ya no pasa a ella nada más.
const BATCH: usize = 16 * 1024;

// ANCHOR: guest
/// Todo lo que se sabe de un cliente, junto, para que desaparezca junto.
pub(crate) struct Guest {
    pub(crate) conn: Connection,
    pub(crate) address: IpAddr,
    stage: Stage,
    /// El primer mensaje de la historia que le falta por oír.
    next: u64,
    /// Hasta cuándo se le espera: a que diga su nombre, a que lea o a que termine de irse.
    pub(crate) deadline: Option<Instant>,
    /// Por qué hay que cerrarlo. Lo anota quien lo descubre; se cumple al final de la vuelta.
    pub(crate) closing: Option<CloseReason>,
}

/// En qué punto está.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No ha dicho su nombre: no oye nada.
    Login,
    /// Está en el chat: oye todo lo que se diga.
    Member,
    /// Se va, o se le echa: solo oye lo que se dijo antes de esta posición.
    Leaving(u64),
}
// ANCHOR_END: guest

impl Guest {
    /// Un cliente recién aceptado, que tiene ese plazo para decir su nombre. `None` si su socket
    /// no se deja preparar: en Linux no pasa, ni aunque el cliente se haya ido.
    pub(crate) fn welcome(
        stream: TcpStream,
        address: SocketAddr,
        client: ClientId,
        login_timeout: Duration,
    ) -> Option<Guest> {
        Step::Accept { fd: stream.as_raw_fd(), client, address }.tell();
        if let Err(error) = listener::prepare(&stream) {
            let (fd, result) = (stream.as_raw_fd(), errors::reason(&error));
            Step::Close { fd, client, result: Shown(&result) }.tell();
            return None;
        }
        Some(Guest {
            conn: Connection::new(stream, client, &LIMITS),
            // Un servidor que escucha en `::` ve las direcciones IPv4 disfrazadas de IPv6.
            address: address.ip().to_canonical(),
            stage: Stage::Login,
            next: 0,
            deadline: Some(Instant::now() + login_timeout),
            closing: None,
        })
    }

    /// Entra en el chat: oirá lo que se diga desde ahora.
    pub(crate) fn join(&mut self, greeting: &str, history: &History) {
        self.stage = Stage::Member;
        self.next = history.end();
        self.deadline = None;
        self.send(greeting);
    }

    /// Encola un mensaje solo para él. Si falla, queda anotado en él y no es asunto de quien llama.
    pub(crate) fn send(&mut self, text: &str) {
        let queued = send(&mut self.conn, text);
        self.note(queued);
    }

    pub(crate) fn is_member(&self) -> bool {
        self.stage == Stage::Member
    }

    /// Si toca leerle: puede enviar algo, y no ha de esperar a que otros oigan lo que lleva dicho.
    pub(crate) fn may_talk(&self, history: &History) -> bool {
        let waits = self.is_member() && !history.has_room_for(self.conn.id());
        self.conn.wants_read() && !waits
    }

    /// Anota lo que le salió mal, si algo salió mal. La primera razón es la que cuenta, salvo que
    /// fuera irse por su pie.
    pub(crate) fn note(&mut self, outcome: Result<(), CloseReason>) {
        if let (Err(reason), None | Some(CloseReason::Left)) = (outcome, &self.closing) {
            self.closing = Some(reason);
        }
    }

    /// No llegará nada más de él, o nada que se entienda. Si ya se le despedía, da igual.
    pub(crate) fn on_end(&mut self, reason: CloseReason) {
        if self.conn.phase() == Phase::Open {
            self.note(Err(reason));
        }
    }

    /// Quizá haya sitio en su búfer de salida. Si lo hay, está leyendo, y tiene otro plazo.
    pub(crate) fn on_writable(&mut self, now: Instant) {
        let before = self.conn.pending();
        let written = self.conn.on_writable();
        self.on_written(written);
        if self.conn.pending() < before {
            self.deadline = self.deadline.map(|_| now + PATIENCE);
        }
    }

    // ANCHOR: deliver
    /// Le entrega lo que le falta por oír, hasta que el núcleo no admita más.
    pub(crate) fn deliver(&mut self, now: Instant, history: &History) {
        // `select` calla hasta que sobra un tercio del búfer: quizá lea, y aún no se sepa.
        if self.is_due(now) {
            self.on_writable(now);
        }
        // A quien se echa no se le dice más: tras un hueco, creería haberlo leído todo.
        while self.closing.as_ref().is_none_or(CloseReason::still_reads) {
            // Lo justo para una escritura: lo demás sigue en la historia, que es de todos.
            while self.conn.pending() < BATCH
                && let Some(message) = self.unheard_in(history)
            {
                self.next += 1;
                if message.author != self.conn.id() {
                    let queued = self.conn.queue(&message.frame);
                    self.note(queued.map_err(|Overflow| CloseReason::NotReading));
                }
            }
            let up_to_date = self.unheard_in(history).is_none();
            if up_to_date && matches!(self.stage, Stage::Leaving(_)) {
                self.conn.leave(&[]);
            }
            let written = self.conn.flush();
            self.on_written(written);
            if up_to_date || self.conn.wants_write() {
                break;
            }
        }
    }
    // ANCHOR_END: deliver

    /// El primer mensaje que no puede olvidarse, porque es para él y le falta.
    pub(crate) fn unheard(&self) -> Option<u64> {
        let ours = match self.stage {
            Stage::Login => false,
            Stage::Member => true,
            Stage::Leaving(end) => self.next < end,
        };
        ours.then_some(self.next)
    }

    /// Ese mensaje, si ya se dijo.
    fn unheard_in<'a>(&self, history: &'a History) -> Option<&'a Message> {
        history.get(self.unheard()?)
    }

    /// Si ya no se le puede escribir, lo que dijo antes de cortarse quizá espere aún en el núcleo:
    /// se le lee hasta su final, que está por llegar. Salvo que ya hubiera llegado.
    fn on_written(&mut self, written: io::Result<()>) {
        if !self.conn.wants_read() {
            self.note(written.map_err(CloseReason::Broken));
        }
    }

    /// Mira si terminó de irse, o si le llegó la hora.
    pub(crate) fn check_deadline(&mut self, now: Instant, history: &History) {
        if self.conn.phase() == Phase::Over {
            self.note(Err(CloseReason::Left));
        }
        if self.is_member() {
            let slow = history.bytes_from(self.next) > SHARE;
            self.deadline = slow.then(|| self.deadline.unwrap_or(now + PATIENCE));
        }
        if self.is_due(now) {
            self.note(Err(match self.stage {
                Stage::Login => CloseReason::Silent,
                Stage::Member => CloseReason::NotReading,
                Stage::Leaving(_) => CloseReason::Overstayed,
            }));
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Se despide de él. Devuelve si se queda un rato: con una explicación, si la merece, o porque
    /// le queda algo por leer.
    pub(crate) fn dismiss(&mut self, now: Instant, history: &History) -> bool {
        let Some(reason) = self.closing.take() else { return true };
        let (fd, client) = (self.conn.raw_fd(), self.conn.id());
        let behind = self.conn.wants_write() || self.unheard_in(history).is_some();
        let going = matches!(self.stage, Stage::Leaving(_));
        let (end, patience) = match reason.last_words() {
            Some(words) if !going => {
                self.leave(&words);
                (self.next, LINGER)
            }
            None if !going && behind && reason.still_reads() => (history.end(), PATIENCE),
            _ => {
                Step::Close { fd, client, result: Shown(&reason) }.tell();
                return false;
            }
        };
        Step::Leave { client, result: Shown(&reason) }.tell();
        self.stage = Stage::Leaving(end);
        self.deadline = Some(now + patience);
        true
    }

    pub(crate) fn leave(&mut self, last_words: &str) {
        self.conn.leave(&frame::encode(last_words).unwrap_or_default());
    }
}

impl AsFd for Guest {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }
}
