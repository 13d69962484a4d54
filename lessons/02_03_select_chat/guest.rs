//! Un cliente, tal como lo ve el servidor.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, LINGER, Overflow, Phase};
use multiplexacion::errors;
use multiplexacion::frame;
use multiplexacion::listener;
use multiplexacion::steps::{Shown, Step};

use crate::history::{History, SHARE};
use crate::messages::{LIMITS, send};

/// Lo que se espera a que lea algo quien tiene mucho por leer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes que pasan de una vez a la cola de uno: lo demás sigue en la historia, que es de todos.
const BATCH: usize = 16 * 1024;

// ANCHOR: guest
/// Todo lo que se sabe de un cliente, junto, para que desaparezca junto.
pub(crate) struct Guest {
    pub(crate) conn: Connection,
    pub(crate) address: IpAddr,
    /// Desde qué mensaje le falta por oír. Sin fin, está en el chat; con fin, se fue y le queda eso;
    /// vacío, no ha entrado o no hay más para él.
    pub(crate) hears: Range<u64>,
    /// Hasta cuándo se le espera: a que diga su nombre, a que lea o a que termine de irse.
    pub(crate) deadline: Option<Instant>,
    /// Por qué hay que despedirlo. Lo anota quien lo descubre; lo cumple el final de la vuelta.
    pub(crate) closing: Option<CloseReason>,
}
// ANCHOR_END: guest

impl Guest {
    /// Un cliente recién aceptado, que tiene ese plazo para decir su nombre. `None` si ya no está.
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
            hears: 0..0,
            deadline: Some(Instant::now() + login_timeout),
            closing: None,
        })
    }

    /// Entra en el chat: oirá lo que se diga desde ahora.
    pub(crate) fn join(&mut self, greeting: &str, history: &History) {
        self.hears = history.end()..u64::MAX;
        self.deadline = None;
        self.send(greeting);
    }

    /// Encola un mensaje solo para él. Si falla, queda anotado en él y no es asunto de quien llama.
    pub(crate) fn send(&mut self, text: &str) {
        let queued = send(&mut self.conn, text);
        self.note(queued);
    }

    /// Si se le puede leer, o ha de esperar a que otros oigan lo que lleva dicho.
    pub(crate) fn may_talk(&self, history: &History) -> bool {
        self.hears.is_empty() || history.has_room_for(self.conn.id())
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

    /// Volvió a haber sitio en su búfer de salida: está leyendo, y tiene otro plazo.
    pub(crate) fn on_writable(&mut self, now: Instant) {
        let written = self.conn.on_writable();
        self.on_written(written);
        self.deadline = self.deadline.map(|_| now + PATIENCE);
    }

    // ANCHOR: deliver
    /// Le entrega lo que le falta por oír, hasta que el núcleo no admita más.
    pub(crate) fn deliver(&mut self, history: &History) {
        // A quien se despide no se le dice más: tras un hueco, creería haberlo leído todo.
        while self.closing.as_ref().is_none_or(CloseReason::still_reads) {
            let more = self.take_from(history);
            if self.hears.is_empty() && self.hears.end > 0 {
                // Se había ido, y esto era lo último que le quedaba.
                self.conn.leave(&[]);
            }
            let written = self.conn.flush();
            self.on_written(written);
            if !more || self.conn.wants_write() {
                break;
            }
        }
    }

    /// Pasa a su cola lo que otros dijeron, lo justo para una escritura. Devuelve si queda algo.
    fn take_from(&mut self, history: &History) -> bool {
        while self.is_behind(history) {
            if self.conn.pending() >= BATCH {
                return true;
            }
            let message = history.get(self.hears.start);
            self.hears.start += 1;
            if let Some(message) = message.filter(|message| message.author != self.conn.id()) {
                let queued = self.conn.queue(&message.frame);
                self.note(queued.map_err(|Overflow| CloseReason::NotReading));
            }
        }
        false
    }
    // ANCHOR_END: deliver

    /// El primer mensaje que no puede olvidarse, porque le falta a él.
    pub(crate) fn unheard(&self) -> Option<u64> {
        (!self.hears.is_empty()).then_some(self.hears.start)
    }

    fn is_behind(&self, history: &History) -> bool {
        self.hears.start < self.hears.end.min(history.end())
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
        if self.hears.end == u64::MAX {
            let slow = history.bytes_from(self.hears.start) > SHARE;
            self.deadline = slow.then(|| self.deadline.unwrap_or(now + PATIENCE));
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.note(Err(match self.hears.end {
                u64::MAX => CloseReason::NotReading,
                0 if self.conn.phase() == Phase::Open => CloseReason::Silent,
                _ => CloseReason::Overstayed,
            }));
        }
    }

    /// Lo despide. Devuelve si se queda un rato: con una explicación, si la merece, o porque le
    /// queda algo por leer.
    pub(crate) fn dismiss(&mut self, now: Instant, history: &History) -> bool {
        let Some(reason) = self.closing.take() else { return true };
        let (fd, client) = (self.conn.raw_fd(), self.conn.id());
        let reads = reason.still_reads() && (self.conn.wants_write() || self.is_behind(history));
        let last_words = reason.last_words();
        let going = self.conn.phase() != Phase::Open || !matches!(self.hears.end, 0 | u64::MAX);
        let stays = !going && (reads || last_words.is_some());
        if !stays {
            Step::Close { fd, client, result: Shown(&reason) }.tell();
        } else if reads {
            Step::Leave { client, result: Shown(&reason) }.tell();
            self.hears.end = history.end();
            self.deadline = Some(now + PATIENCE);
        } else {
            Step::Leave { client, result: Shown(&reason) }.tell();
            self.hears = 0..0;
            self.leave(&last_words.unwrap_or_default());
            self.deadline = Some(now + LINGER);
        }
        stays
    }

    pub(crate) fn leave(&mut self, last_words: &str) {
        let words = frame::encode(last_words).ok().filter(|_| !last_words.is_empty());
        self.conn.leave(&words.unwrap_or_default());
    }
}

impl AsFd for Guest {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }
}
