//! Ejecutar el código de quien aprende sin que pueda colgar las pruebas.

use std::fmt::Debug;
use std::mem;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use harness::{Failure, Thread};

use crate::activity;
use crate::outcome::{Explain, Outcome, shown};
use crate::panics::{self, Panic};
use crate::sleep::{Sleeper, all_asleep, seconds};

/// Ante un fallo, lo que se espera a que el código termine y diga por qué.
const AFTERMATH: Duration = Duration::from_millis(50);

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
    pub fn spins(&self, span: Duration) -> bool {
        self.sleeper().is_some_and(|sleeper| sleeper.spins(span))
    }

    /// Comprueba que su hilo duerme de un tirón mientras nadie hace nada: ni gira, ni despierta cada poco
    /// a mirar, con un `sleep` o un plazo. `when` dice por qué no había nada que hacer.
    ///
    /// # Errors
    /// Gira, y `spinning` dice en qué pensar; o despierta una y otra vez, y lo dice `waking`.
    pub fn sleeps_soundly(&self, when: &str, spinning: &str, waking: &str) -> Outcome {
        self.sleeper().map_or(Ok(()), |sleeper| sleeper.sleeps_soundly(when, spinning, waking))
    }

    /// Espera, como mucho `limit`, a que su hilo se quede dormido, o a que termine. Devuelve si lo hizo.
    pub fn settles(&self, limit: Duration) -> bool {
        self.sleeper().is_some_and(|sleeper| sleeper.settles(limit))
    }

    fn sleeper(&self) -> Option<Sleeper> {
        self.thread.map(Sleeper::of)
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
