//! Quién se ha dormido en una llamada. No se espera un tiempo: se pregunta al núcleo.

use std::collections::BTreeMap;

use procfs::process::Process;

use crate::strace::Call;

/// Las llamadas que aún no han terminado.
#[derive(Debug, Default)]
pub(super) struct Asleep {
    /// Por hilo; y si ya se ha dicho que duerme.
    open: BTreeMap<u32, (Call, bool)>,
}

impl Asleep {
    /// Una llamada empezó, o se sabe más de ella.
    pub(super) fn begun(&mut self, call: &Call) {
        match self.open.get_mut(&call.thread) {
            Some((open, _)) if open.at == call.at => open.clone_from(call),
            _ => {
                self.open.insert(call.thread, (call.clone(), false));
            }
        }
    }

    /// El hilo ya no está en ninguna. Dice si se le vio dormir.
    pub(super) fn ended(&mut self, thread: u32) -> bool {
        self.open.remove(&thread).is_some_and(|(_, told)| told)
    }

    /// Si hay alguna de la que aún no se sabe.
    pub(super) fn undecided(&self) -> bool {
        self.open.values().any(|(_, told)| !told)
    }

    /// Las llamadas en las que un hilo duerme, y no se había dicho.
    ///
    /// Puede que duerma ya en la siguiente, y que lo que falta por leer de strace lo diga: solo vale
    /// si, después de mirarlo, `nothing_more` está por leer.
    pub(super) fn new_ones(&mut self, nothing_more: impl FnOnce() -> bool) -> Vec<Call> {
        let untold = self.open.values_mut().filter(|(_, told)| !told);
        let sleeping: Vec<_> =
            untold.filter(|(call, _)| matches!(state(call.thread), Some('S' | 'D'))).collect();
        if sleeping.is_empty() || !nothing_more() {
            return Vec::new();
        }
        let mut calls: Vec<_> = sleeping
            .into_iter()
            .map(|(call, told)| {
                *told = true;
                call.clone()
            })
            .collect();
        calls.sort_unstable_by_key(|call| call.at);
        calls
    }
}

/// Lo que hace un hilo: `R`, en marcha; `S`, duerme; `t`, strace lo tiene detenido.
pub(super) fn state(thread: u32) -> Option<char> {
    Some(Process::new(thread.cast_signed()).ok()?.stat().ok()?.state)
}
