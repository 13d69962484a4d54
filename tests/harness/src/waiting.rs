//! Esperar un suceso, nunca un tiempo: toda espera tiene un límite, y al vencer dice qué esperaba.

use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::wording;

/// Cuánto espera el arnés mientras no se le diga otra cosa.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// Cada cuánto se mira lo que el núcleo no avisa (que un proceso haya terminado, `/proc`): muy a menudo al
/// principio, que es cuando suele ocurrir, y menos cuanto más se lleva esperando.
const POLL_INTERVAL: RangeInclusive<Duration> =
    Duration::from_millis(2)..=Duration::from_millis(20);

/// El instante en que se acaba la paciencia.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// Lo que queda, o `None` si ya venció: nunca cero, que para un socket significa «sin límite».
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.limit.checked_sub(self.started.elapsed()).filter(|left| !left.is_zero())
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}

/// Mira `condition` una y otra vez hasta que se cumpla.
///
/// `what` completa la frase «se esperaba que…» del fallo que se devuelve si pasa `limit` sin que
/// se cumpla.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> Result<(), harness::Failure> {
/// let mut tries = 0;
/// harness::eventually("se llegue a tres", Duration::from_secs(1), || {
///     tries += 1;
///     tries == 3
/// })
/// # }
/// ```
pub fn eventually(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> bool,
) -> Result<(), Failure> {
    poll(limit, || condition().then_some(())).ok_or_else(|| {
        Failure::new(format!(
            "Se esperaba que {what}, y pasaron {} sin que ocurriera.",
            wording::duration(limit)
        ))
    })
}

/// Pregunta hasta que haya respuesta o venza el límite.
pub(crate) fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        deadline.remaining()?;
        let pause = deadline.started.elapsed() / 8;
        thread::sleep(pause.clamp(*POLL_INTERVAL.start(), *POLL_INTERVAL.end()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn al_vencer_dice_qué_esperaba() {
        let failure = eventually("llueva", Duration::from_millis(5), || false).unwrap_err();
        assert_eq!(failure.headline(), "Se esperaba que llueva, y pasaron 5 ms sin que ocurriera.");
    }
}
