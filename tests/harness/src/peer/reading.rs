//! Cómo lee un participante, y cómo deja constancia de ello en el acta.

use std::time::Duration;

use super::{AFTERMATH, Peer};
use crate::comparison::Ending;
use crate::failure::Failure;
use crate::frame::{self, Decoded};
use crate::inbox::Arrival;
use crate::log::{Delivery, Manner, What};
use crate::response::{self, Framing, Head, Response};
use crate::waiting::Deadline;

impl Peer {
    /// Lee una vez; si no llega nada, dice por qué.
    pub(super) fn read_more(&mut self, deadline: &Deadline) -> Result<(), Ending> {
        match self.inbox.read_from(&mut self.stream, deadline) {
            Arrival::Bytes => Ok(()),
            Arrival::JustEnded(ending) => {
                self.record_ending(ending);
                Err(ending)
            }
            Arrival::Nothing(ending) => {
                if let Ending::Silence(limit) = ending {
                    self.record_silence(limit);
                }
                Err(ending)
            }
        }
    }

    /// Lo que venía detrás de una diferencia, si ya estaba en camino.
    pub(super) fn read_aftermath(&mut self) {
        let deadline = Deadline::after(AFTERMATH);
        loop {
            match self.inbox.read_from(&mut self.stream, &deadline) {
                Arrival::Bytes => {}
                Arrival::JustEnded(ending) => return self.record_ending(ending),
                Arrival::Nothing(_) => return,
            }
        }
    }

    /// Espera un marco entero, o la razón por la que no llegó.
    pub(super) fn read_frame(&mut self) -> Result<Result<String, Ending>, Failure> {
        let deadline = Deadline::after(self.limit);
        loop {
            match frame::decode(self.inbox.pending()) {
                Decoded::Text(text, length) => {
                    self.consume(length);
                    return Ok(Ok(text));
                }
                Decoded::Incomplete => {
                    if let Err(ending) = self.read_more(&deadline) {
                        return Ok(Err(ending));
                    }
                }
                Decoded::TooLong(length) => return Err(self.impossible_length(length)),
                Decoded::NotUtf8(_) => {
                    let headline = format!("«{}» recibió un marco que no es UTF-8.", self.name);
                    return Err(self.failure(headline));
                }
            }
        }
    }

    /// La cabecera de la respuesta: las provisionales (1xx) pueden ir delante, y no son la respuesta
    /// (RFC 9110, sección 15.2).
    pub(super) fn read_head(&mut self) -> Result<Head, Failure> {
        let deadline = Deadline::after(self.limit);
        loop {
            match response::parse_head(self.inbox.pending()) {
                Ok(Some(head)) if head.is_interim() => self.consume(head.length),
                Ok(Some(head)) => return Ok(head),
                Ok(None) => self
                    .read_more(&deadline)
                    .map_err(|ending| self.cut_short("una respuesta HTTP", None, ending))?,
                Err(why) => return Err(self.bad_response(&why)),
            }
        }
    }

    pub(super) fn read_body(&mut self, head: Head, framing: Framing) -> Result<Response, Failure> {
        let deadline = Deadline::after(self.limit);
        let is_error = head.response.status >= 400;
        let (body, length) = loop {
            let rest = &self.inbox.pending()[head.length..];
            if let Some(body) = framing.whole(rest).map_err(|why| self.bad_response(&why))? {
                break body;
            }
            match (framing, self.read_more(&deadline)) {
                (_, Ok(())) => {}
                (Framing::UntilEnd, Err(Ending::End)) => break self.rest_after(&head),
                // A quien se le rechaza algo, el reinicio puede alcanzarle tras la respuesta.
                (Framing::UntilEnd, Err(Ending::Reset)) if is_error => {
                    break self.rest_after(&head);
                }
                (_, Err(ending)) => {
                    return Err(self.cut_short("el cuerpo de una respuesta", None, ending));
                }
            }
        };
        self.consume(head.length + length);
        Ok(Response { body, ..head.response })
    }

    fn rest_after(&self, head: &Head) -> (Vec<u8>, usize) {
        let rest = &self.inbox.pending()[head.length..];
        (rest.to_vec(), rest.len())
    }

    /// Espera que la conexión acabe, o deje pasar el límite, sin que llegue nada más.
    pub(super) fn read_ending(&mut self) -> Result<Ending, Failure> {
        if self.inbox.is_empty()
            && let Err(ending) = self.read_more(&Deadline::after(self.limit))
        {
            return Ok(ending);
        }
        Err(self.something_extra("esperaba el fin de la conexión"))
    }

    // ---- Por dentro: el acta ---------------------------------------------------------------

    pub(super) fn consume(&mut self, count: usize) {
        self.record_pending(count);
        self.inbox.consume(count);
    }

    pub(super) fn record_pending(&mut self, count: usize) {
        if let Some(bytes) = self.inbox.record(count) {
            self.transcript.record(self.id, What::Received(bytes));
        }
    }

    pub(super) fn record_ending(&mut self, ending: Ending) {
        // Lo que nadie ha consumido llegó antes que el final, y así debe constar.
        self.record_pending(self.inbox.pending().len());
        let what = match ending {
            Ending::Reset => What::WasReset,
            _ => What::Ended,
        };
        self.transcript.record(self.id, what);
    }

    pub(super) fn record_silence(&mut self, limit: Duration) {
        self.record_pending(self.inbox.pending().len());
        self.transcript.record(self.id, What::Silence(limit));
    }

    pub(super) fn record_sent(&mut self, bytes: &[u8], sent: usize, manner: Manner) {
        let delivery = Delivery { bytes: bytes.to_vec(), sent, manner };
        self.transcript.record(self.id, What::Sent(delivery));
    }
}
