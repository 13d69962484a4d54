//! Lo que cabe en una grabación: el principio, el final y, entre ellos, cuánto falta.

use std::collections::{BTreeMap, VecDeque};

use crate::recording::Record;

/// Cuántos bytes puede medir: menos de 2 MB, contando el código.
const WHOLE: usize = 1_990_000;

/// Cuántos se guardan del principio.
const FIRST: usize = WHOLE / 2;

/// Guarda una grabación sin pasar de su tope: de cada línea, un `T`, que puede ser ella misma.
#[derive(Debug)]
pub(crate) struct Keeper<T> {
    /// La cabecera y el código: hacen falta siempre.
    about: Vec<T>,
    first: Vec<T>,
    last: VecDeque<(T, Removal)>,
    /// Lo que mide todo.
    size: usize,
    /// Las llamadas en las que alguien duerme todavía, por hilo: las que terminan van enteras.
    sleeping: BTreeMap<u32, T>,
    omitted: Option<Gap>,
}

/// Lo que falta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Cuándo empezó la primera llamada que no cabe.
    pub(crate) us: u64,
    /// Cuántas son.
    pub(crate) count: u64,
}

/// Lo que hay que saber de una línea para quitarla.
#[derive(Debug)]
struct Removal {
    size: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Call { us: u64 },
    Thread,
    Other,
}

impl<T> Default for Keeper<T> {
    fn default() -> Keeper<T> {
        Keeper {
            about: Vec::new(),
            first: Vec::new(),
            last: VecDeque::new(),
            size: 0,
            sleeping: BTreeMap::new(),
            omitted: None,
        }
    }
}

impl<T> Keeper<T> {
    /// Una línea más, y lo que se guarda de ella.
    pub(crate) fn push(&mut self, record: &Record, item: T) {
        let size = serde_json::to_string(record).map_or(0, |line| line.len() + 1);
        let kind = match record {
            Record::Recording(_) | Record::Source { .. } => {
                self.size += size;
                return self.about.push(item);
            }
            Record::Call(call) if call.took.is_none() => {
                self.sleeping.insert(call.thread, item);
                return;
            }
            Record::Call(call) => {
                self.sleeping.remove(&call.thread);
                Kind::Call { us: call.us }
            }
            Record::Thread { .. } => Kind::Thread,
            _ => Kind::Other,
        };
        self.size += size;
        if self.last.is_empty() && self.omitted.is_none() && self.size <= FIRST {
            return self.first.push(item);
        }
        self.last.push_back((item, Removal { size, kind }));
        while self.size > WHOLE {
            let Some((gone, Removal { size, kind })) = self.last.pop_front() else { break };
            self.size -= size;
            self.forget(gone, kind);
        }
    }

    /// Los hilos se recuerdan siempre: sus llamadas del final los nombran.
    fn forget(&mut self, gone: T, kind: Kind) {
        match kind {
            Kind::Call { us } => {
                let gap = self.omitted.unwrap_or(Gap { us, count: 0 });
                self.omitted = Some(Gap { count: gap.count + 1, ..gap });
            }
            Kind::Thread => self.first.push(gone),
            Kind::Other => {}
        }
    }

    /// Lo que hay antes de lo que falta.
    pub(crate) fn before(&self) -> impl Iterator<Item = &T> {
        self.about.iter().chain(&self.first)
    }

    /// Lo que falta, si falta algo.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.omitted
    }

    /// Lo que hay después.
    pub(crate) fn after(&self) -> impl Iterator<Item = &T> {
        self.last.iter().map(|(item, _)| item).chain(self.sleeping.values())
    }
}

impl Keeper<Record> {
    /// La grabación, en orden.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        let gap = self.omitted.map(|Gap { us, count }| Record::Omitted { us, count });
        self.before().cloned().chain(gap).chain(self.after().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Call;

    #[test]
    fn de_una_ejecución_larga_quedan_el_principio_y_el_final_y_se_dice_cuánto_falta() {
        let mut keeper = Keeper::default();
        let thread = |us| Record::Thread { us, thread: 2, parent: 1, process: false, name: None };
        for us in 0..40_000 {
            let call = Call { us, took: Some(1), ..Call::default() };
            let record = if us == 20_000 { thread(us) } else { Record::Call(Box::new(call)) };
            keeper.push(&record, record.clone());
        }
        let Gap { us, count } = keeper.gap().unwrap();
        let size: usize =
            keeper.records().map(|record| serde_json::to_string(&record).unwrap().len() + 1).sum();
        assert!(size < WHOLE + 1000 && count > 0, "{size}");
        let kept = keeper.records().filter(|record| matches!(record, Record::Call(_))).count();
        assert_eq!(kept as u64 + count, 39_999);
        let before = keeper.before().filter(|record| matches!(record, Record::Call(_))).count();
        assert_eq!(before as u64, us, "lo primero que falta va detrás de lo primero que queda");
        assert!(keeper.before().any(|record| *record == thread(20_000)));
    }
}
