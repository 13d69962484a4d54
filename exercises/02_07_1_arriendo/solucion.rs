//! Un arriendo: renovarlo, y notar que se perdió. El enunciado está en enunciado.md, en esta misma
//! carpeta.
//!
//! Lo que se te da hecho está al lado: `broker.rs`, con lo que contesta el intermediario y lo que toca
//! hacer, y `holder.rs`, el programa que usa tu arriendo.

use std::time::{Duration, Instant};

use super::broker::{Answer, Step};

/// Algo que es nuestro mientras lo renovemos.
#[derive(Debug)]
pub struct Lease {
    /// Lo que dura cada concesión.
    length: Duration,
    /// La última pregunta: su número, y a qué hora se hizo.
    last: Option<(u64, Instant)>,
    /// Lo que tenemos: la ficha, y hasta cuándo vale.
    held: Option<(u64, Instant)>,
    /// Se perdió, y todavía no se ha dicho.
    lost: bool,
}

impl Lease {
    /// Aún no es nuestro: hay que pedirlo.
    pub fn new(length: Duration) -> Lease {
        Lease { length, last: None, held: None, lost: false }
    }

    /// Qué toca hacer a la hora `now`.
    pub fn step(&mut self, now: Instant) -> Step {
        // <tu código>
        if self.held.is_some() && self.token(now).is_none() {
            self.held = None;
            self.lost = true;
        }
        // Antes de pedir nada, lo que ya no es nuestro: hay quien cree que sí.
        if self.lost {
            self.lost = false;
            return Step::Lost;
        }
        let (number, ask_at) =
            self.last.map_or((1, now), |(last, when)| (last + 1, when + self.length / 3));
        if ask_at <= now {
            self.last = Some((number, now));
            return Step::Ask(number);
        }
        // Quien duerme hasta la próxima pregunta puede no ver que se perdió.
        let next = self.held.map_or(ask_at, |(_, until)| ask_at.min(until));
        Step::Sleep(next - now)
        // </tu código>
    }

    /// A la hora `now` se lee la respuesta a la pregunta `number`.
    pub fn on_answer(&mut self, number: u64, answer: Answer, now: Instant) {
        // <tu código>
        let Some((_, asked)) = self.last.filter(|(last, _)| *last == number) else { return };
        match answer {
            Answer::Granted { token } => {
                // El intermediario contó desde que le llegó la pregunta, que fue después de hacerla. Quien
                // cuente desde la respuesta seguirá creyéndose dueño cuando ya lo sea otro.
                let until = asked + self.length;
                if until > now {
                    self.lost |= self.held.is_some_and(|(held, _)| held != token);
                    self.held = Some((token, until));
                }
            }
            Answer::Denied => self.lost |= self.held.take().is_some(),
        }
        // </tu código>
    }

    /// La ficha, si a la hora `now` sigue siendo nuestro.
    pub fn token(&self, now: Instant) -> Option<u64> {
        // <tu código>
        self.held.filter(|(_, until)| now < *until).map(|(token, _)| token)
        // </tu código>
    }
}

/// La puerta de lo que se protege: pide la ficha a quien viene a escribir.
#[derive(Debug, Default)]
pub struct Door {
    /// La mayor que se ha visto.
    pub newest: u64,
}

impl Door {
    /// Si se deja pasar a quien trae `token`.
    pub fn admits(&mut self, token: u64) -> bool {
        // <tu código>
        // Quien trae una menor se quedó dormido: después de él, el arriendo fue de otro.
        let admits = token >= self.newest;
        self.newest = self.newest.max(token);
        admits
        // </tu código>
    }
}
