//! Ejecutar el código de quien aprende sin que pueda colgar las pruebas.

use std::fmt::Debug;
use std::mem;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Failure, Thread};

use crate::activity;
use crate::outcome::{Explain, Outcome, shown};
use crate::panics::{self, Panic};

/// Ante un fallo, lo que se espera a que el código termine y diga por qué.
const AFTERMATH: Duration = Duration::from_millis(50);

/// Veces que se mira a un hilo para saber si gira.
const GLANCES: u32 = 30;

/// Lo que ha de dormir de un tirón quien no tiene nada que hacer: más que cualquier plazo de los que se
/// ponen para mirar cada poco.
const NAP: Duration = Duration::from_millis(600);

/// Las siestas que se le conceden: lo último que le dijeron puede llegarle tarde y despertarlo.
const NAPS: usize = 3;

/// Ejecuta `work` en otro hilo y espera su resultado, como mucho `limit`.
///
/// `what` dice qué se hace, para el fallo: «atender a un cliente», «parar el servidor». Si el
/// tiempo se acaba, el hilo se abandona donde esté, y el fallo cuenta dónde está.
///
/// # Errors
/// Se acabó el tiempo, o `work` entró en pánico.
pub fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    Task::start(what, work)?.finish(limit)
}

/// Lo mismo que [`within`], con algo que se presta a `work` y que después vuelve a su lugar.
///
/// # Errors
/// Las de [`within`]; entonces, lo prestado se pierde.
pub fn lending<S: Default + Send + 'static, T: Send + 'static>(
    limit: Duration,
    what: &str,
    lent: &mut S,
    work: impl FnOnce(&mut S) -> T + Send + 'static,
) -> Result<T, Failure> {
    let mut taken = mem::take(lent);
    let (result, back) = within(limit, what, move || (work(&mut taken), taken))?;
    *lent = back;
    Ok(result)
}

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

/// Espera, como mucho `limit`, a que duerman a la vez todos los hilos del código de quien aprende: desde
/// entonces no avanza ninguno, mientras no ocurra algo. Devuelve si lo hicieron.
pub fn all_asleep(limit: Duration) -> bool {
    settle(limit, || activity::theirs().into_iter().any(is_awake))
}

/// Algo que se ejecuta en otro hilo mientras la prueba hace lo suyo: un servidor, casi siempre.
#[derive(Debug)]
pub struct Task<T> {
    what: String,
    outcome: Receiver<Result<T, Panic>>,
    thread: Option<Thread>,
}

impl<T: Send + 'static> Task<T> {
    /// Empieza a ejecutar `work`. `what` dice qué se hace, para el fallo.
    ///
    /// # Errors
    /// El sistema no da otro hilo.
    pub fn start(
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Task<T>, Failure> {
        panics::speak_spanish();
        let (report, outcome) = mpsc::channel();
        let (introduce, introduced) = mpsc::channel();
        thread::Builder::new().name(activity::OWN.to_owned()).spawn(move || {
            // Quien espera puede haberse ido: entonces ya contó su fallo.
            let _ = introduce.send(Thread::current());
            let _ = report.send(panics::contain(work));
        })?;
        let thread = introduced.recv().ok();
        Ok(Task { what: what.to_owned(), outcome, thread })
    }

    /// Espera a que termine, como mucho `limit`.
    ///
    /// # Errors
    /// Se acabó el tiempo, o el código entró en pánico.
    pub fn finish(self, limit: Duration) -> Result<T, Failure> {
        match self.outcome.recv_timeout(limit) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(Failure::new(panic.explanation)),
            Err(RecvTimeoutError::Timeout) => Err(self.is_stuck(limit)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::new(format!("Desapareció el hilo de esto: {}.", self.what)))
            }
        }
    }

    /// Si durante `span` su hilo apenas duerme: gira sin esperar a nada.
    ///
    /// Se le mira muchas veces en lugar de contar el procesador que gasta: en una máquina ocupada,
    /// quien gira gasta poco, pero siempre está despierto o en la cola para estarlo.
    pub fn spins(&self, span: Duration) -> bool {
        self.thread.is_some_and(|thread| glimpsed_awake(thread, span) > GLANCES / 2)
    }

    /// Comprueba que su hilo duerme de un tirón mientras nadie hace nada: ni gira, ni despierta cada poco
    /// a mirar, con un `sleep` o un plazo. `when` dice por qué no había nada que hacer.
    ///
    /// Lo segundo no lo ve [`spins`](Task::spins): quien mira cada milisegundo duerme casi siempre.
    ///
    /// # Errors
    /// Gira, y `spinning` dice en qué pensar; o despierta una y otra vez, y lo dice `waking`.
    pub fn sleeps_soundly(&self, when: &str, spinning: &str, waking: &str) -> Outcome {
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

    fn rest(&self) -> Rest {
        let Some(thread) = self.thread else { return Rest::Asleep };
        let mut rest = nap(thread);
        for _ in 1..NAPS {
            if rest == Rest::Asleep {
                break;
            }
            rest = nap(thread);
        }
        rest
    }

    /// Espera, como mucho `limit`, a que su hilo se quede dormido, o a que termine. Devuelve si lo hizo.
    ///
    /// Que se mire varias veces seguidas y siempre duerma no depende de lo ocupada que esté la máquina:
    /// quien hace cola para usar un procesador está despierto.
    pub fn settles(&self, limit: Duration) -> bool {
        self.thread.is_some_and(|thread| settle(limit, || is_awake(thread)))
    }

    /// Espera a que termine o a que ya solo espere, como mucho `limit`, y dice cuántos hilos del código
    /// de quien aprende le sobreviven: ninguno, si no ha terminado.
    ///
    /// Un hilo al que se esperó con `join` sigue un momento en la lista del núcleo, pero despierto: no se
    /// le cuenta.
    pub fn survivors(&self, limit: Duration) -> usize {
        all_asleep(limit);
        let left = activity::theirs();
        let is_waiting = self.thread.is_some_and(|own| left.contains(&own));
        if is_waiting { 0 } else { left.len() }
    }

    fn is_stuck(&self, limit: Duration) -> Failure {
        let headline = format!(
            "Se acabó el tiempo: pasaron {} y no terminó esto: {}.",
            seconds(limit),
            self.what
        );
        let Some(thread) = self.thread else { return Failure::new(headline) };
        let (lines, question) = activity::told_of(thread);
        let failure = Failure::new(headline).section("Dónde está", lines);
        question.map_or(failure.clone(), |question| failure.hint(question))
    }
}

impl<T: Debug> Task<T> {
    /// Comprueba que no ha terminado.
    ///
    /// # Errors
    /// Terminó, y cómo.
    pub fn goes_on(&self) -> Result<(), Failure> {
        match self.outcome.recv_timeout(AFTERMATH) {
            Ok(Ok(value)) => Err(Failure::new(self.end(&value))),
            Ok(Err(panic)) => Err(Failure::new(panic.explanation)),
            Err(_) => Ok(()),
        }
    }

    /// `Antes de tiempo terminó esto: el eco, y devolvió Ok(2).`
    fn end(&self, value: &T) -> String {
        let end = format!("Antes de tiempo terminó esto: {}", self.what);
        // Si no devuelve nada, no hay nada que contar.
        match shown(value) {
            nothing if nothing == "()" => format!("{end}."),
            value => format!("{end}, y devolvió {value}."),
        }
    }

    /// Si lo que se hacía mientras tanto falló, añade por qué terminó esta tarea, si terminó.
    pub fn explain<R>(&self, outcome: Result<R, Failure>) -> Result<R, Failure> {
        outcome.map_err(|failure| self.explain_end(failure).unwrap_or_else(|failure| failure))
    }

    /// Lo mismo que [`explain`](Task::explain), y si no terminó, dice qué hacen sus hilos.
    ///
    /// A los participantes de [`listening`](crate::listening) no les hace falta: si se les acaba la
    /// espera, ya lo cuentan. Solo tiene sentido si quienes hablaban siguen conectados: si no, lo que
    /// se ve es lo que hace después de que se fueran.
    pub fn explain_what_it_does<R>(&self, outcome: Result<R, Failure>) -> Result<R, Failure> {
        outcome.or_else(|failure| match self.explain_end(failure) {
            Ok(explained) => Err(explained),
            Err(failure) => Err(failure).meanwhile(),
        })
    }

    /// El mismo fallo, como error, si esta tarea no ha terminado.
    fn explain_end(&self, failure: Failure) -> Result<Failure, Failure> {
        // Si el servidor acaba de terminar, que le dé tiempo a contarlo.
        match self.outcome.recv_timeout(AFTERMATH) {
            Ok(Err(panic)) if panic.is_todo => Ok(Failure::new(panic.explanation)),
            Ok(Err(panic)) => Ok(failure.within(panic.explanation)),
            Ok(Ok(value)) => Ok(failure.within(self.end(&value))),
            Err(_) => Err(failure),
        }
    }
}

/// Si ahora mismo usa un procesador o hace cola para usarlo.
fn is_awake(thread: Thread) -> bool {
    thread.is_awake().unwrap_or(false)
}

/// De las [`GLANCES`] veces que se le mira durante `span`, en cuántas está despierto.
fn glimpsed_awake(thread: Thread, span: Duration) -> u32 {
    let glance = |_| {
        thread::sleep(span / GLANCES);
        u32::from(is_awake(thread))
    };
    (0..GLANCES).map(glance).sum()
}

/// Qué hace durante una siesta.
fn nap(thread: Thread) -> Rest {
    let times_asleep = || thread.times_asleep().unwrap_or(0);
    let before = times_asleep();
    let awake = glimpsed_awake(thread, NAP);
    match times_asleep().saturating_sub(before) {
        // Quien mira cada poco también puede estar siempre en la cola de una máquina ocupada; pero se
        // duerme muchas veces, y quien gira, casi ninguna.
        woken if awake > GLANCES / 2 && woken <= u64::from(awake) => Rest::Spinning,
        0 => Rest::Asleep,
        woken => Rest::Waking(woken),
    }
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
fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64()).replace('.', ",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(200);

    #[test]
    fn devuelve_lo_que_devuelve_el_código() {
        assert_eq!(within(SHORT, "sumar", || 2 + 2).unwrap(), 4);
    }

    #[test]
    fn al_vencer_dice_en_qué_llamada_sigue() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let failure = within(SHORT, "aceptar", move || listener.accept().is_ok()).unwrap_err();
        let report = failure.to_string();
        assert!(report.contains(": descriptor "), "{report}");
        assert!(report.contains("(escucha en 127.0.0.1:"), "{report}");
        assert!(
            report.starts_with("Se acabó el tiempo: pasaron 0,2 s y no terminó esto: aceptar.")
        );
        assert!(report.contains("tu código sigue dentro de `accept`"), "{report}");
        assert!(report.contains("¿quién"), "{report}");
    }

    #[test]
    fn distingue_a_quien_gira_de_quien_duerme() {
        let (stop, stopped) = mpsc::channel::<()>();
        let spinning = Task::start("girar", move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                thread::yield_now();
            }
        });
        let (wake, woken) = mpsc::channel::<()>();
        let sleeping = Task::start("dormir", move || woken.recv()).unwrap();
        let spinning = spinning.unwrap();
        assert!(spinning.spins(SHORT));
        assert_eq!(spinning.rest(), Rest::Spinning);
        assert!(!spinning.settles(SHORT));
        assert!(!sleeping.spins(SHORT));
        assert_eq!(sleeping.rest(), Rest::Asleep);
        assert!(sleeping.settles(Duration::from_secs(10)));
        drop((stop, wake));
    }

    #[test]
    fn de_quien_mira_cada_poco_se_sabe_que_despierta() {
        let (_stop, stopped) = mpsc::channel::<()>();
        let glancing = Task::start("mirar", move || {
            while stopped.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
            }
        });
        let glancing = glancing.unwrap();
        assert!(!glancing.spins(SHORT));
        let failure = glancing.sleeps_soundly("Nadie llamaba", "¿Giras?", "Espera.").unwrap_err();
        let report = failure.to_string();
        let start = "Nadie llamaba, y tu código no duerme de un tirón: en 0,6 s despertó ";
        assert!(report.starts_with(start), "{report}");
        assert!(report.contains(" veces sin que nadie lo llamara. Espera."), "{report}");
        assert!(report.contains("Mientras tanto"), "{report}");
    }

    #[test]
    fn lo_que_termina_antes_de_tiempo_dice_qué_devolvió() {
        let told = |failure: Failure| failure.to_string().lines().next().unwrap_or("").to_owned();
        let late = || io::Result::<u8>::Err(io::Error::from_raw_os_error(11));
        let task = Task::start("atender", late).unwrap();
        let failure = task.explain::<()>(Err(Failure::new("Nada."))).unwrap_err();
        assert_eq!(
            told(failure),
            "Antes de tiempo terminó esto: atender, y devolvió Err(WouldBlock)."
        );
        let task = Task::start("parar", || ()).unwrap();
        let failure = task.explain::<()>(Err(Failure::new("Nada."))).unwrap_err();
        assert_eq!(told(failure), "Antes de tiempo terminó esto: parar.");
    }

    #[test]
    fn un_pánico_dice_dónde_y_sin_inglés() {
        let failure = within(SHORT, "nada", || -> () { todo!("Escribe esto") }).unwrap_err();
        let headline = failure.headline();
        assert!(headline.starts_with("Escribe esto"), "{headline}");
        let failure = within(SHORT, "nada", || -> () { panic!("¡ay!") }).unwrap_err();
        let headline = failure.headline();
        assert!(headline.contains("entró en pánico"), "{headline}");
        assert!(headline.contains("limit.rs:"), "{headline}");
        assert!(headline.ends_with("¡ay!"), "{headline}");
    }
}
