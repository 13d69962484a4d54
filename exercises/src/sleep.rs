//! Si quien no tiene nada que hacer duerme: ni gira, ni despierta cada poco a mirar.

use std::thread;
use std::time::{Duration, Instant};

use harness::{Failure, Thread};

use crate::activity;
use crate::outcome::{Explain, Outcome};

/// Veces que se mira a un hilo para saber si gira.
const GLANCES: u32 = 30;

/// Lo que se le ve dormir: más que casi cualquier plazo de los que se ponen para mirar cada poco.
const NAP: Duration = Duration::from_millis(600);

/// Lo que se le deja para dormirse, antes de mirar cómo duerme: el acuse de recibo de lo último que envió,
/// que lo despierta un instante, puede tardar 40 ms (tcp(7), TCP_QUICKACK).
const SETTLING: Duration = Duration::from_millis(60);

/// Las siestas que se le conceden: lo último que le dijeron puede llegarle tarde y despertarlo.
const NAPS: usize = 3;

/// Espera, como mucho `limit`, a que duerman a la vez todos los hilos del código de quien aprende: desde
/// entonces no avanza ninguno, mientras no ocurra algo. Devuelve si lo hicieron.
pub fn all_asleep(limit: Duration) -> bool {
    settle(limit, || activity::theirs().into_iter().any(is_awake))
}

/// Un hilo del código de quien aprende que no tiene nada que hacer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sleeper(Thread);

/// Qué hace un hilo mientras nadie hace nada.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Duerme de un tirón.
    Asleep,
    /// Gira: casi nunca duerme.
    Spinning,
    /// Duerme, pero ha despertado todas esas veces.
    Waking(u64),
}

impl Sleeper {
    /// El hilo que llama.
    pub(crate) fn this_thread() -> Sleeper {
        Sleeper(Thread::current())
    }

    pub(crate) fn of(thread: Thread) -> Sleeper {
        Sleeper(thread)
    }

    /// Si durante `span` apenas duerme: gira sin esperar a nada.
    ///
    /// Se le mira muchas veces en lugar de contar el procesador que gasta: en una máquina ocupada,
    /// quien gira gasta poco, pero siempre está despierto o en la cola para estarlo.
    pub(crate) fn spins(self, span: Duration) -> bool {
        self.glimpsed_awake(span) > GLANCES / 2
    }

    /// Lo que promete [`Task::sleeps_soundly`](crate::Task::sleeps_soundly).
    ///
    /// Para verlo basta con contar sus despertares. Saber además qué plazo se ha puesto exigiría
    /// abrir la memoria del proceso, y en ella está la clave del veredicto.
    pub(crate) fn sleeps_soundly(self, when: &str, spinning: &str, waking: &str) -> Outcome {
        let failure = match self.rest() {
            Rest::Asleep => return Ok(()),
            Rest::Spinning => format!("{when}, y tu código no duerme. {spinning}"),
            Rest::Waking(times) => format!(
                "{when}, y tu código no duerme de un tirón: en {} despertó {} sin que nadie lo llamara. \
                 {waking}",
                seconds(NAP),
                if times == 1 { "una vez".to_owned() } else { format!("{times} veces") }
            ),
        };
        Err(Failure::new(failure)).meanwhile()
    }

    /// Espera, como mucho `limit`, a que se quede dormido, o a que termine. Devuelve si lo hizo.
    ///
    /// Que se mire varias veces seguidas y siempre duerma no depende de lo ocupada que esté la máquina:
    /// quien hace cola para usar un procesador está despierto.
    pub(crate) fn settles(self, limit: Duration) -> bool {
        settle(limit, || is_awake(self.0))
    }

    fn rest(self) -> Rest {
        thread::sleep(SETTLING);
        let mut rest = self.nap();
        for _ in 1..NAPS {
            if rest == Rest::Asleep {
                break;
            }
            rest = self.nap();
        }
        rest
    }

    /// Qué hace durante una siesta.
    fn nap(self) -> Rest {
        let times_asleep = || self.0.times_asleep().unwrap_or(0);
        let before = times_asleep();
        let awake = self.glimpsed_awake(NAP);
        match times_asleep().saturating_sub(before) {
            // Quien mira cada poco también puede estar siempre en la cola de una máquina ocupada; pero se
            // duerme muchas veces, y quien gira, casi ninguna.
            woken if awake > GLANCES / 2 && woken <= u64::from(awake) => Rest::Spinning,
            0 => Rest::Asleep,
            woken => Rest::Waking(woken),
        }
    }

    /// De las [`GLANCES`] veces que se le mira durante `span`, en cuántas está despierto.
    fn glimpsed_awake(self, span: Duration) -> u32 {
        let glance = |_| {
            thread::sleep(span / GLANCES);
            u32::from(is_awake(self.0))
        };
        (0..GLANCES).map(glance).sum()
    }
}

/// Si ahora mismo usa un procesador o hace cola para usarlo.
fn is_awake(thread: Thread) -> bool {
    thread.is_awake().unwrap_or(false)
}

/// Espera, como mucho `limit`, a que muchas veces seguidas no haya nadie despierto. Devuelve si ocurrió.
fn settle(limit: Duration, is_anyone_awake: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    let mut asleep = 0;
    while asleep < GLANCES && started.elapsed() < limit {
        thread::sleep(Duration::from_millis(1));
        asleep = if is_anyone_awake() { 0 } else { asleep + 1 };
    }
    asleep == GLANCES
}

/// `3 s`, `0,5 s`.
pub(crate) fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64()).replace('.', ",")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, RecvTimeoutError};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    /// Un hilo que hace eso, visto desde fuera.
    fn sleeper<T>(work: impl FnOnce() -> T + Send + 'static) -> Sleeper {
        let (introduce, introduced) = mpsc::channel();
        thread::Builder::new()
            .name(activity::OWN.to_owned())
            .spawn(move || {
                introduce.send(Sleeper::this_thread()).unwrap();
                let _ = work();
            })
            .unwrap();
        introduced.recv().unwrap()
    }

    /// Qué hace, según el primer renglón del informe.
    fn told(sleeper: Sleeper) -> String {
        let report = sleeper.sleeps_soundly("Nadie llamaba", "¿Giras?", "Espera.").unwrap_err();
        assert!(report.to_string().contains("Mientras tanto"), "{report}");
        report.headline().to_owned()
    }

    #[test]
    fn distingue_a_quien_gira_de_quien_duerme() {
        let (stop, stopped) = mpsc::channel::<()>();
        let spinning = sleeper(move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                thread::yield_now();
            }
        });
        let (wake, woken) = mpsc::channel::<()>();
        let sleeping = sleeper(move || woken.recv());
        assert!(spinning.spins(SHORT));
        assert_eq!(told(spinning), "Nadie llamaba, y tu código no duerme. ¿Giras?");
        assert!(!spinning.settles(SHORT));
        assert!(!sleeping.spins(SHORT));
        assert!(sleeping.sleeps_soundly("", "", "").is_ok());
        assert!(sleeping.settles(Duration::from_secs(10)));
        drop((stop, wake));
    }

    #[test]
    fn de_quien_mira_cada_poco_se_sabe_que_despierta() {
        let (_stop, stopped) = mpsc::channel::<()>();
        let glancing = sleeper(move || {
            while stopped.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
            }
        });
        assert!(!glancing.spins(SHORT));
        let told = told(glancing);
        let start = "Nadie llamaba, y tu código no duerme de un tirón: en 0,6 s despertó ";
        assert!(told.starts_with(start), "{told}");
        assert!(told.ends_with(" veces sin que nadie lo llamara. Espera."), "{told}");
    }
}
