//! La cinta: lo que se va grabando, mientras alguien lo mira.
//!
//! La llena quien graba y la leen, a la vez y cada uno por donde va, los navegadores: a quien no
//! lee no se le guarda nada aparte. De una ejecución larga quedan el principio y el final.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::keeper::{Gap, Keeper};
use crate::page;
use crate::recording::Record;

/// Lo grabado hasta ahora.
#[derive(Debug, Default)]
pub struct Tape {
    reel: Mutex<Reel>,
    grown: Condvar,
}

/// Un registro ya contado (con sus frases), y su número, desde 0.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Su número.
    pub number: u64,
    /// En JSON, en una línea.
    pub json: Arc<str>,
}

#[derive(Debug, Default)]
struct Reel {
    keeper: Keeper<Frame>,
    next: u64,
    ended: bool,
}

impl Tape {
    /// Añade un registro, con lo que se cuenta de él.
    pub fn push(&self, record: &Record, told: &Value) {
        let json = told.to_string().into();
        let mut reel = self.reel();
        let frame = Frame { number: reel.next, json };
        reel.next += 1;
        reel.keeper.push(record, frame);
        self.grown.notify_all();
    }

    /// No habrá más.
    pub fn end(&self) {
        self.reel().ended = true;
        self.grown.notify_all();
    }

    /// Si ya no habrá más.
    pub fn has_ended(&self) -> bool {
        self.reel().ended
    }

    /// Cuántas llamadas se quitaron, porque eran demasiadas.
    pub fn lost(&self) -> u64 {
        self.reel().keeper.gap().map_or(0, |gap| gap.count)
    }

    /// Todo lo que hay, en orden.
    pub fn told(&self) -> Vec<Value> {
        let frames = self.reel().from(0);
        frames.iter().filter_map(|frame| serde_json::from_str(&frame.json).ok()).collect()
    }

    /// Lo que haya desde el número `next`; lo espera, como mucho, `patience`. Nada, si no hay: `true`
    /// si además no habrá.
    pub fn read(&self, next: u64, patience: Duration) -> (Vec<Frame>, bool) {
        let idle = |reel: &mut Reel| reel.next <= next && !reel.ended;
        let waited = self.grown.wait_timeout_while(self.reel(), patience, idle);
        let reel = waited.unwrap_or_else(PoisonError::into_inner).0;
        let frames = reel.from(next);
        let over = frames.is_empty() && reel.ended;
        (frames, over)
    }

    fn reel(&self) -> MutexGuard<'_, Reel> {
        self.reel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reel {
    fn from(&self, next: u64) -> Vec<Frame> {
        let gap = self.gap();
        let all = self.keeper.before().chain(&gap).chain(self.keeper.after());
        let mut frames: Vec<_> = all.filter(|frame| frame.number >= next).cloned().collect();
        frames.sort_by_key(|frame| frame.number);
        frames
    }

    /// El registro que dice lo que falta: tiene el número de lo último que se quitó.
    fn gap(&self) -> Option<Frame> {
        let Gap { us, count } = self.keeper.gap()?;
        let number = self.keeper.after().next()?.number.saturating_sub(1);
        let omitted = page::told([Record::Omitted { us, count }]).into_iter().next()?;
        Some(Frame { number, json: omitted.to_string().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Call;
    use serde_json::json;

    fn push(tape: &Tape, count: u64) {
        for us in 0..count {
            let call = Call { us, took: Some(1), ..Call::default() };
            tape.push(&Record::Call(Box::new(call)), &json!({ "us": us }));
        }
    }

    #[test]
    fn quien_llega_tarde_a_una_ejecución_larga_sabe_cuánto_falta_y_quien_va_al_día_no_lo_nota() {
        let tape = Tape::default();
        push(&tape, 40_000);
        let (frames, _) = tape.read(0, Duration::ZERO);
        assert!(frames.windows(2).all(|pair| pair[0].number < pair[1].number));
        let gap = frames.iter().find(|frame| frame.json.contains("omitted")).unwrap();
        let gap: Value = serde_json::from_str(&gap.json).unwrap();
        assert_eq!(gap["count"], json!(tape.lost()));
        let (frames, _) = tape.read(39_998, Duration::ZERO);
        assert_eq!(frames.len(), 2);
    }

    #[test]
    fn quien_lee_espera_lo_nuevo_sigue_por_donde_iba_y_sabe_cuándo_no_hay_más() {
        let tape = Arc::new(Tape::default());
        push(&tape, 3);
        let (frames, over) = tape.read(1, Duration::ZERO);
        assert_eq!((frames.len(), frames[0].number, over), (2, 1, false));
        let other = Arc::clone(&tape);
        let reader = std::thread::spawn(move || other.read(3, Duration::from_secs(60)));
        push(&tape, 1);
        assert_eq!(reader.join().unwrap().0[0].number, 3);
        tape.end();
        assert!(tape.read(4, Duration::from_secs(60)).1);
    }
}
