//! Un cliente, tal como lo ve el servidor.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, LINGER, Phase};
use multiplexacion::errors;
use multiplexacion::frame;
use multiplexacion::listener;
use multiplexacion::steps::{Shown, Step};

use crate::messages::{LIMITS, send};

// ANCHOR: guest
/// Todo lo que se sabe de un cliente, junto, para que desaparezca junto.
///
/// Por dónde va se deduce: sin estar en el chat, falta su nombre; fuera de [`Phase::Open`], se le
/// está despidiendo.
pub(crate) struct Guest {
    pub(crate) conn: Connection,
    pub(crate) address: IpAddr,
    /// Hasta cuándo se le espera: a que diga su nombre o a que termine de irse.
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
            deadline: Some(Instant::now() + login_timeout),
            closing: None,
        })
    }

    /// Encola un mensaje para él. Si falla, el problema queda anotado en él y no en quien llama.
    pub(crate) fn send(&mut self, text: &str) {
        let queued = send(&mut self.conn, text);
        self.note(queued);
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

    /// Mira si terminó de irse, o si le llegó la hora.
    pub(crate) fn check_deadline(&mut self, now: Instant) {
        if self.conn.phase() == Phase::Over {
            self.note(Err(CloseReason::Left));
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            let silent = self.conn.phase() == Phase::Open;
            let reason = if silent { CloseReason::Silent } else { CloseReason::Overstayed };
            self.note(Err(reason));
        }
    }

    /// Lo despide. Devuelve si se queda un rato: con una explicación, si la merece, o porque tiene
    /// mensajes por leer.
    pub(crate) fn dismiss(&mut self, now: Instant) -> bool {
        let Some(reason) = self.closing.take() else { return true };
        let (fd, client) = (self.conn.raw_fd(), self.conn.id());
        let pending = matches!(reason, CloseReason::Left) && self.conn.wants_write();
        let last_words = reason.last_words();
        let stays = self.conn.phase() == Phase::Open && (pending || last_words.is_some());
        if stays {
            Step::Leave { client, result: Shown(&reason) }.tell();
            self.leave(&last_words.unwrap_or_default());
            self.deadline = Some(now + LINGER);
        } else {
            Step::Close { fd, client, result: Shown(&reason) }.tell();
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
