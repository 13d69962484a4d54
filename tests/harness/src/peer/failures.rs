//! Lo que dice un participante cuando no recibe lo que esperaba.

use std::time::Duration;

use super::Peer;
use crate::comparison::{Comparison, Ending, Side};
use crate::failure::Failure;
use crate::frame;
use crate::sending::Unfinished;
use crate::transcript::MEANWHILE;
use crate::wording;

impl Peer {
    pub(super) fn could_not_send(&mut self, count: usize, unfinished: &Unfinished) -> Failure {
        let meanwhile = self.transcript.meanwhile();
        self.read_aftermath();
        self.failure(format!(
            "«{}» no pudo enviar {}: {}.",
            self.name,
            wording::bytes(count),
            unfinished.why()
        ))
        .section(MEANWHILE, meanwhile)
    }

    pub(super) fn got_other_bytes(&mut self, expected: &[u8]) -> Failure {
        self.read_aftermath();
        let comparison = Comparison {
            expected: Some(Side::bytes(expected)),
            got: Side::bytes(self.inbox.pending()),
            ending: None,
        };
        let lines = comparison.render();
        self.failure(format!("«{}» recibió otros bytes.", self.name)).comparing(lines)
    }

    pub(super) fn got_another_frame(&mut self, expected: &str, got: &str) -> Failure {
        self.read_aftermath();
        let comparison = Comparison {
            expected: Some(Side::frame(expected.as_bytes())),
            got: Side::frame(got.as_bytes()),
            ending: None,
        };
        self.failure(format!("«{}» recibió otro marco.", self.name)).comparing(comparison.render())
    }

    /// Lo esperado no llegó, o no entero.
    pub(super) fn cut_short(
        &mut self,
        what: &str,
        expected: Option<Side<'_>>,
        ending: Ending,
    ) -> Failure {
        let got = self.inbox.pending();
        let arrived = match expected.as_ref().filter(|side| side.label.is_empty()) {
            Some(side) if !got.is_empty() => {
                let all = wording::bytes(side.bytes.len());
                format!(" Llegaron {} de {all}.", wording::grouped(got.len()))
            }
            _ => String::new(),
        };
        let comparison = Comparison { expected, got: Side::bytes(got), ending: Some(ending) };
        let lines = comparison.render();
        let name = &self.name;
        let headline = match ending {
            Ending::End => format!("«{name}» esperaba {what}, y el servidor terminó la conexión."),
            Ending::Reset => {
                format!("«{name}» esperaba {what}, y el servidor reinició la conexión (RST).")
            }
            Ending::Silence(limit) => format!(
                "«{name}» esperaba {what}, y se acabó la espera ({}).",
                wording::duration(limit)
            ),
        };
        let failure = self.failure(headline + &arrived).comparing(lines);
        match ending {
            Ending::Silence(_) => {
                failure.by_silence().section(MEANWHILE, self.transcript.meanwhile())
            }
            Ending::End | Ending::Reset => failure,
        }
    }

    pub(super) fn something_extra(&mut self, what: &str) -> Failure {
        self.read_aftermath();
        let headline = format!(
            "«{}» {what}, y llegaron {}.",
            self.name,
            wording::bytes(self.inbox.pending().len())
        );
        self.failure(headline)
    }

    pub(crate) fn still_open(&mut self, limit: Duration) -> Failure {
        let headline = format!(
            "«{}» esperaba el fin de la conexión, y en {} no llegó.",
            self.name,
            wording::duration(limit)
        );
        self.failure(headline).section(MEANWHILE, self.transcript.meanwhile())
    }

    pub(super) fn bad_response(&mut self, why: &str) -> Failure {
        self.read_aftermath();
        let headline = format!(
            "«{}» esperaba una respuesta HTTP/1.1, y lo que llegó no lo es: {why}.",
            self.name
        );
        self.failure(headline)
    }

    pub(super) fn impossible_length(&mut self, length: u32) -> Failure {
        self.read_aftermath();
        let failure = self.failure(format!(
            "«{}» recibió la cabecera de un marco de {}: el máximo son {}.",
            self.name,
            wording::bytes(length as usize),
            wording::bytes(frame::MAX_TEXT)
        ));
        let swapped = length.swap_bytes() as usize;
        if swapped <= frame::MAX_TEXT {
            failure.hint(format!(
                "al revés serían {}; la longitud va en orden de red, el byte de más peso primero \
                 (`to_be_bytes`).",
                wording::bytes(swapped)
            ))
        } else if length.to_be_bytes().iter().all(u8::is_ascii_graphic) {
            failure.hint(format!(
                "esos cuatro bytes son «{}»: parece un texto sin su longitud delante.",
                length.to_be_bytes().escape_ascii()
            ))
        } else {
            failure
        }
    }
}
