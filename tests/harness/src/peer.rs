//! Un participante: una conexión TCP con nombre, que hace y espera lo que dice el guion.

mod failures;
mod reading;

use std::io::ErrorKind;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::comparison::{self, Comparison, Ending, Side};
use crate::failure::Failure;
use crate::frame;
use crate::inbox::Inbox;
use crate::log::{Manner, PeerId, What};
use crate::response::{Framing, Response};
use crate::sending::{self, Afterwards, Sender, Sending};
use crate::transcript::Transcript;
use crate::waiting::Deadline;
use crate::wording;

/// Ante una diferencia, cuánto se sigue leyendo para enseñar también lo que venía detrás.
const AFTERMATH: Duration = Duration::from_millis(100);
/// Lo que se deja entre dos trozos de [`Peer::send_in_pieces`].
const BETWEEN_PIECES: Duration = Duration::from_millis(1);

/// Una conexión TCP con nombre.
///
/// Todo lo que se espera tiene un límite (el de su [`Conversation`], o [`Peer::set_limit`]); lo
/// que se lee de más se guarda para el paso siguiente. Al soltarse (`drop`), se cierra.
///
/// [`Conversation`]: crate::Conversation
#[derive(Debug)]
pub struct Peer {
    name: String,
    id: PeerId,
    stream: TcpStream,
    local: SocketAddr,
    limit: Duration,
    transcript: Transcript,
    inbox: Inbox,
    was_reset: bool,
}

impl Peer {
    pub(crate) fn new(
        name: &str,
        stream: TcpStream,
        limit: Duration,
        transcript: Transcript,
    ) -> Result<Self, Failure> {
        let local = stream.local_addr()?;
        let id = transcript.introduce(name);
        transcript.record(id, What::Connected(local));
        Ok(Self {
            name: name.to_owned(),
            id,
            stream,
            local,
            limit,
            transcript,
            inbox: Inbox::default(),
            was_reset: false,
        })
    }

    /// Su nombre en los informes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// La IP desde la que se conectó: la que ve el servidor si no hay traducción de direcciones.
    pub fn local_ip(&self) -> IpAddr {
        self.local.ip()
    }

    /// Cambia cuánto puede durar cada uno de sus pasos.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    // ---- Lo que hace -----------------------------------------------------------------------

    /// Envía esos bytes. Falla si el servidor cierra o no los lee a tiempo.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.deliver(bytes.as_ref(), Manner::AtOnce)
    }

    /// Envía lo que pueda de esos bytes, y devuelve cuántos: que el servidor cierre no es un fallo.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> usize {
        let bytes = bytes.as_ref();
        let sent = match sending::write_within(&mut self.stream, bytes, self.limit) {
            Ok(()) => bytes.len(),
            Err(unfinished) => {
                if unfinished.was_reset() {
                    self.inbox.note_reset();
                }
                unfinished.sent
            }
        };
        self.record_sent(bytes, sent, Manner::AtOnce);
        sent
    }

    /// Envía esos bytes en trozos de `size`, cada uno cuando el servidor, si está en esta máquina, ya ha
    /// leído el anterior: los ve llegar por separado.
    pub fn send_in_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) -> Result<(), Failure> {
        self.deliver(bytes.as_ref(), Manner::InPieces(size.max(1)))
    }

    /// Empieza a enviar esos bytes desde otro hilo, para que este pueda leer mientras tanto.
    ///
    /// Hace falta cuando no caben en los búferes del núcleo: si nadie leyera, los dos lados se
    /// quedarían esperando para siempre.
    pub fn send_meanwhile(&mut self, bytes: impl Into<Vec<u8>>) -> Result<Sending, Failure> {
        self.send_elsewhere(bytes.into(), Afterwards::KeepOpen)
    }

    /// Lo mismo, y en cuanto sale todo cierra su lado, haya leído alguien o no.
    pub(crate) fn send_all_meanwhile(
        &mut self,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<Sending, Failure> {
        let sending = self.send_elsewhere(bytes.into(), Afterwards::HalfClose)?;
        self.transcript.record(self.id, What::HalfClosed);
        Ok(sending)
    }

    fn send_elsewhere(
        &mut self,
        bytes: Vec<u8>,
        afterwards: Afterwards,
    ) -> Result<Sending, Failure> {
        self.record_sent(&bytes, bytes.len(), Manner::Meanwhile);
        let sender =
            Sender { name: self.name.clone(), id: self.id, transcript: self.transcript.clone() };
        Ok(Sending::start(sender, &self.stream, bytes, self.limit, afterwards)?)
    }

    /// Envía un marco con ese texto.
    pub fn send_frame(&mut self, text: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.send(frame::encode(text))
    }

    /// Una pausa que es parte del guion: no sincroniza nada, separa dos envíos.
    pub fn pause(&mut self, span: Duration) {
        self.transcript.record(self.id, What::Paused(span));
        thread::sleep(span);
    }

    /// Una pausa hasta que el servidor haya leído lo enviado: lo siguiente lo leerá aparte.
    pub(crate) fn pause_until_read(&mut self, span: Duration) {
        self.pause(span);
        self.wait_until_read();
    }

    /// Espera a que el servidor lea lo enviado. Devuelve si lo leyó, o si ha dejado de leer; nada, si no
    /// está en esta máquina: no se sabe.
    pub(crate) fn wait_until_read(&self) -> Option<bool> {
        sending::wait_until_read(&self.stream)
    }

    /// Cierra su lado (shutdown(2), `SHUT_WR`) y sigue escuchando.
    ///
    /// Que el servidor haya cerrado ya no es un fallo: lo dirá el paso siguiente, si importa.
    pub fn half_close(&mut self) -> Result<(), Failure> {
        let result = self.stream.shutdown(Shutdown::Write);
        self.transcript.record(self.id, What::HalfClosed);
        match result {
            Err(error) if error.kind() != ErrorKind::NotConnected => {
                let why = errors::reason(&error);
                Err(self.failure(format!("«{}» no pudo cerrar su lado: {why}.", self.name)))
            }
            _ => Ok(()),
        }
    }

    /// Cierra la conexión.
    ///
    /// Si queda algo sin leer en el núcleo, lo que recibe el servidor es un reinicio (RFC 2525,
    /// sección 2.17); para irse en orden, [`leave`](Self::leave).
    pub fn close(self) {
        drop(self);
    }

    /// Se va en orden: cierra su lado, y espera a que cierre el servidor sin enviar nada más.
    pub fn leave(mut self) -> Result<(), Failure> {
        self.half_close()?;
        self.expect_end()
    }

    /// Reinicia la conexión: `SO_LINGER` a cero y cierre (socket(7)).
    pub fn reset(mut self) -> Result<(), Failure> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
        self.was_reset = true;
        self.transcript.record(self.id, What::Reset);
        Ok(())
    }

    fn deliver(&mut self, bytes: &[u8], manner: Manner) -> Result<(), Failure> {
        let (mut sent, mut reads) = (0, true);
        let result = match manner {
            Manner::InPieces(size) => bytes.chunks(size).try_for_each(|piece| {
                sending::write_within(&mut self.stream, piece, self.limit)?;
                sent += piece.len();
                thread::sleep(BETWEEN_PIECES);
                // A quien ha dejado de leer no se le espera en cada trozo.
                reads = reads && sending::wait_until_read(&self.stream) == Some(true);
                Ok(())
            }),
            _ => sending::write_within(&mut self.stream, bytes, self.limit),
        };
        match result {
            Ok(()) => {
                self.record_sent(bytes, bytes.len(), manner);
                Ok(())
            }
            Err(unfinished) => {
                self.record_sent(bytes, sent + unfinished.sent, manner);
                Err(self.could_not_send(bytes.len(), &unfinished))
            }
        }
    }

    // ---- Lo que espera ---------------------------------------------------------------------

    /// Espera exactamente esos bytes.
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        let expected = bytes.as_ref();
        // Mientras siga llegando no se ha acabado la espera; pero tampoco dura para siempre.
        let longest = Deadline::after(self.limit * 6);
        let mut deadline = Deadline::after(self.limit);
        let mut equal = 0;
        while equal < expected.len() {
            let new = &self.inbox.pending()[equal..];
            let compared = new.len().min(expected.len() - equal);
            let same = comparison::common_prefix(&expected[equal..], new);
            equal += same;
            if same < compared {
                return Err(self.got_other_bytes(expected));
            }
            if equal < expected.len() {
                if let Err(ending) = self.read_more(&deadline) {
                    let what = wording::bytes(expected.len());
                    return Err(self.cut_short(&what, Some(Side::bytes(expected)), ending));
                }
                if longest.remaining().is_some() {
                    deadline = Deadline::after(self.limit);
                }
            }
        }
        self.consume(expected.len());
        Ok(())
    }

    /// Espera un marco con exactamente ese texto.
    pub fn expect_frame(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        let expected = text.as_ref();
        match self.read_frame()? {
            Ok(got) if got == expected => Ok(()),
            Ok(got) => Err(self.got_another_frame(expected, &got)),
            Err(ending) => {
                let side = Side::frame(expected.as_bytes());
                Err(self.cut_short("un marco", Some(side), ending))
            }
        }
    }

    /// Espera un marco cualquiera.
    pub fn next_frame(&mut self) -> Result<String, Failure> {
        self.read_frame()?.map_err(|ending| self.cut_short("un marco", None, ending))
    }

    /// Espera un marco cualquiera, o el final de la conexión (en orden o no): entonces, `None`.
    pub fn next_frame_or_end(&mut self) -> Result<Option<String>, Failure> {
        match self.read_frame()? {
            Ok(text) => Ok(Some(text)),
            Err(Ending::End | Ending::Reset) if self.inbox.is_empty() => Ok(None),
            Err(ending) => Err(self.cut_short("un marco o el fin de la conexión", None, ending)),
        }
    }

    /// Espera la respuesta a una petición que no es HEAD, hasta el final de su cuerpo.
    pub fn expect_response(&mut self) -> Result<Response, Failure> {
        let head = self.read_head()?;
        let framing = head.framing().map_err(|why| self.bad_response(&why))?;
        self.read_body(head, framing)
    }

    /// Espera la respuesta a un HEAD: solo la cabecera, diga lo que diga su `Content-Length`.
    pub fn expect_response_to_head(&mut self) -> Result<Response, Failure> {
        let head = self.read_head()?;
        self.read_body(head, Framing::Length(0))
    }

    /// Si lo que viene ahora empieza por esos bytes; espera a que lleguen, y no los consume.
    pub(crate) fn comes_next(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let expected = bytes.as_ref();
        let deadline = Deadline::after(self.limit);
        loop {
            let pending = self.inbox.pending();
            let known = pending.len().min(expected.len());
            if pending[..known] != expected[..known] {
                return false;
            }
            if known == expected.len() {
                return true;
            }
            if self.read_more(&deadline).is_err() {
                return false;
            }
        }
    }

    /// Espera una respuesta, o el final de la conexión (en orden o no): entonces, `None`.
    pub fn next_response_or_end(&mut self) -> Result<Option<Response>, Failure> {
        if self.inbox.is_empty()
            && let Err(Ending::End | Ending::Reset) = self.read_more(&Deadline::after(self.limit))
        {
            return Ok(None);
        }
        self.expect_response().map(Some)
    }

    /// Espera que el servidor cierre en orden, sin enviar nada más.
    pub fn expect_end(&mut self) -> Result<(), Failure> {
        match self.read_ending()? {
            Ending::End => Ok(()),
            Ending::Reset => Err(self.failure(format!(
                "«{}» esperaba el fin de la conexión, y el servidor la reinició (RST).",
                self.name
            ))),
            Ending::Silence(limit) => Err(self.still_open(limit)),
        }
    }

    /// Espera que el servidor cierre, en orden o con un reinicio, sin enviar nada más.
    pub fn expect_end_or_reset(&mut self) -> Result<(), Failure> {
        match self.read_ending()? {
            Ending::End | Ending::Reset => Ok(()),
            Ending::Silence(limit) => Err(self.still_open(limit)),
        }
    }

    /// Lee y descarta hasta que la conexión termine, en orden o no.
    pub fn drain(&mut self) -> Result<(), Failure> {
        let deadline = Deadline::after(self.limit);
        loop {
            self.consume(self.inbox.pending().len());
            match self.read_more(&deadline) {
                Ok(()) => {}
                Err(Ending::Silence(limit)) => return Err(self.still_open(limit)),
                Err(Ending::End | Ending::Reset) => return Ok(()),
            }
        }
    }

    /// Espera que durante ese tiempo no llegue nada y la conexión siga abierta.
    ///
    /// Úsalo poco, que siempre tarda lo mismo: suele bastar con provocar algo que sí deba llegar y
    /// comprobar que es lo primero que llega.
    pub fn expect_nothing_for(&mut self, span: Duration) -> Result<(), Failure> {
        if self.inbox.is_empty() {
            match self.read_more(&Deadline::after(span)) {
                Ok(()) => {}
                Err(Ending::Silence(_)) => return Ok(()),
                Err(ending) => return Err(self.cut_short("silencio", None, ending)),
            }
        }
        Err(self.something_extra("no esperaba nada"))
    }

    /// Si en ese tiempo llega algo, o ya había llegado; no lo consume.
    pub(crate) fn hears_within(&mut self, span: Duration) -> bool {
        !self.inbox.is_empty() || self.read_more(&Deadline::after(span)).is_ok()
    }

    // ---- Fallos que detecta quien llama ----------------------------------------------------

    /// Un fallo con la conversación entera y la forma de repetirla.
    pub fn failure(&mut self, headline: impl Into<String>) -> Failure {
        self.record_pending(self.inbox.pending().len());
        self.transcript.failure(headline, self.id)
    }

    /// Un fallo que pone lo esperado sobre lo que llegó, con una marca en la primera diferencia.
    pub fn mismatch(
        &mut self,
        headline: impl Into<String>,
        expected: impl AsRef<[u8]>,
        got: impl AsRef<[u8]>,
    ) -> Failure {
        let comparison = Comparison {
            expected: Some(Side::bytes(expected.as_ref())),
            got: Side::bytes(got.as_ref()),
            ending: None,
        };
        self.failure(headline).comparing(comparison.render())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.was_reset {
            self.transcript.record(self.id, What::Closed);
        }
    }
}
