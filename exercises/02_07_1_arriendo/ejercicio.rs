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
        todo!("Escribe esto en exercises/02_07_1_arriendo/ejercicio.rs")
    }

    /// A la hora `now` se lee la respuesta a la pregunta `number`.
    pub fn on_answer(&mut self, number: u64, answer: Answer, now: Instant) {
        todo!("Escribe esto en exercises/02_07_1_arriendo/ejercicio.rs")
    }

    /// La ficha, si a la hora `now` sigue siendo nuestro.
    pub fn token(&self, now: Instant) -> Option<u64> {
        todo!("Escribe esto en exercises/02_07_1_arriendo/ejercicio.rs")
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
        todo!("Escribe esto en exercises/02_07_1_arriendo/ejercicio.rs")
    }
}
