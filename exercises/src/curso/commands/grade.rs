//! `evaluar`: un servidor cualquiera, ante las etapas de una lección.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use harness::procfs::net::{TcpNetEntry, TcpState};
use harness::{
    DEFAULT_LIMIT, Exit, Failure, Hindrance, Program, Running, Stage, Stranger, eventually, stages,
};
use multiplexacion::cli::{self, Trouble};

use crate::paint;

/// Lo que se espera a que abra su puerto un servidor que no lo anuncia.
const OPENING: Duration = Duration::from_secs(10);

/// Examina al servidor que arranca `order`, o al que ya escucha en `port`. Devuelve si pasó todas
/// las etapas pedidas.
pub(crate) fn grade(
    lesson: &str,
    number: Option<usize>,
    port: Option<u16>,
    order: &[OsString],
) -> Result<bool, Trouble> {
    let chosen = choose(lesson, number)?;
    let subject = Subject::start(port, order)?;
    let asked = chosen;
    let chosen = subject.able_to_pass(asked)?;
    paint::say(&format!("Lección {lesson}, {}\n", subject.describe(order)));
    let mut weaker = Weaker::default();
    for (index, stage) in chosen.iter().enumerate() {
        let outcome = subject.passes(stage).map(|hindrance| weaker.note(stage, hindrance));
        paint::say(&format!("  {} {stage}", paint::mark(outcome.is_ok())));
        if let Err(failure) = outcome {
            for pending in &chosen[index + 1..] {
                paint::say(&format!("  {} {}", paint::dim("·"), paint::dim(&pending.to_string())));
            }
            paint::say(&format!("\n{}\n\n{}", paint::rule(&stage.to_string()), failure));
            if let Some(first) = failure.replay().and_then(|_| subject.restart(order)) {
                paint::say(&first);
            }
            weaker.tell();
            return Ok(summarise(index, chosen.len()));
        }
    }
    for skipped in &asked[chosen.len()..] {
        paint::say(&paint::dim(&format!("  · {skipped} (solo si lo arranca «cargo curso»)")));
    }
    weaker.tell();
    Ok(summarise(chosen.len(), chosen.len()))
}

fn choose(lesson: &str, number: Option<usize>) -> Result<&'static [Stage], Trouble> {
    let all = stages(lesson);
    if all.is_empty() {
        return Err(Trouble::new(
            format!("no hay etapas para la lección «{lesson}»"),
            "las hay para 02_02, 02_03 y 02_04",
        ));
    }
    let Some(number) = number else { return Ok(all) };
    all.iter().position(|stage| stage.number == number).map(|index| &all[index..=index]).ok_or_else(
        || {
            Trouble::new(
                format!("la lección {lesson} no tiene etapa {number}"),
                format!("tiene de la 1 a la {}", all.len()),
            )
        },
    )
}

fn summarise(passed: usize, total: usize) -> bool {
    paint::say(&match (passed, total) {
        (1, 1) => "\nLa pasa.".to_owned(),
        (0, 1) => "\nNo la pasa.".to_owned(),
        _ if passed == total => format!("\nPasa las {total} etapas."),
        _ => format!("\nPasa {passed} de {total} etapas; se detuvo en la primera que falla."),
    });
    passed == total
}

/// Las etapas que probaron menos de lo que prueban con un servidor que arrancamos nosotros.
#[derive(Default)]
struct Weaker {
    stages: Vec<usize>,
    why: Option<Hindrance>,
}

impl Weaker {
    fn note(&mut self, stage: &Stage, hindrance: Option<Hindrance>) {
        if hindrance.is_some() {
            self.stages.push(stage.number);
            self.why = hindrance;
        }
    }

    /// Lo dice una sola vez, con lo que se puede hacer.
    fn tell(&self) {
        if let Some(why) = self.why {
            paint::say(&format!("\n{}", paint::dim(&weaker(&self.stages, why))));
        }
    }
}

fn weaker(stages: &[usize], why: Hindrance) -> String {
    let numbers: Vec<String> = stages.iter().map(usize::to_string).collect();
    let which = match &numbers[..] {
        [only] => format!("La etapa {only} probó"),
        [others @ .., last] => format!("Las etapas {} y {last} probaron", others.join(", ")),
        [] => return String::new(),
    };
    format!("{which} menos que si lo arranca «cargo curso»: {why}.")
}

/// A quién se examina.
enum Subject {
    /// Lo arrancamos.
    Started { running: Running, address: SocketAddr, announced: bool },
    /// Ya estaba en marcha.
    Foreign(Stranger),
}

impl Subject {
    fn start(port: Option<u16>, order: &[OsString]) -> Result<Subject, Trouble> {
        let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        match (order, address) {
            ([], None) => Err(Trouble::new(
                "falta decir a quién se evalúa",
                "escribe detrás de -- lo que arranca el servidor, o --port si ya está en marcha",
            )),
            ([], Some(address)) => {
                wait_for(address, None)?;
                Ok(Subject::Foreign(Stranger::listening_on(address)))
            }
            ([program, args @ ..], None) => {
                let running = start(program, args)?;
                let address = running.announced(DEFAULT_LIMIT).map_err(|why| {
                    if running.is_alive() { no_address(&why) } else { ended(&running) }
                })?;
                Ok(Subject::Started { running, address, announced: true })
            }
            ([program, args @ ..], Some(address)) => {
                // Si ya escucha otro, se examinaría al que no es.
                if is_open(address) {
                    return Err(Trouble::new(
                        format!("alguien escucha ya en {address}"),
                        "ciérralo o, si es al que quieres evaluar, quita la orden",
                    ));
                }
                let running = start(program, args)?;
                wait_for(address, Some(&running))?;
                Ok(Subject::Started { running, address, announced: false })
            }
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Subject::Started { address, .. } => *address,
            Subject::Foreign(stranger) => stranger.address(),
        }
    }

    fn describe(&self, order: &[OsString]) -> String {
        let words: Vec<_> = order.iter().map(|word| word.to_string_lossy()).collect();
        if words.is_empty() {
            format!("el servidor que escucha en {}", self.address())
        } else {
            format!("«{}» en {}", words.join(" "), self.address())
        }
    }

    /// Sin la última, que lo para, si no lo arrancamos nosotros.
    fn able_to_pass(&self, chosen: &'static [Stage]) -> Result<&'static [Stage], Trouble> {
        match (self, chosen) {
            (Subject::Foreign(_), [stage]) if stage.stops_program() => Err(Trouble::new(
                format!(
                    "la etapa {} detiene el servidor, y este ya estaba en marcha",
                    stage.number
                ),
                "escribe detrás de -- lo que lo arranca",
            )),
            (Subject::Foreign(_), [others @ .., stage]) if stage.stops_program() => Ok(others),
            _ => Ok(chosen),
        }
    }

    /// Qué hacer antes de repetir a mano la conversación, si el servidor se va con la evaluación.
    fn restart(&self, order: &[OsString]) -> Option<String> {
        let words: Vec<_> = order.iter().map(|word| for_shell(&word.to_string_lossy())).collect();
        let mut text = paint::suggest("Arráncalo antes", &words.join(" "));
        let Subject::Started { address, announced, .. } = self else { return None };
        if *announced {
            let port = address.port();
            let _ = write!(text, "\n  Y en vez de {port}, escribe el puerto que diga esta vez.");
        }
        Some(text)
    }

    /// Si la pasa, dice también si se probó menos, y por qué.
    fn passes(&self, stage: &Stage) -> Result<Option<Hindrance>, Failure> {
        match self {
            Subject::Started { running, address, .. } => {
                running.passes_in(stage, &stage.conversation(*address)).map(|()| None)
            }
            Subject::Foreign(stranger) => stranger.passes(stage),
        }
    }
}

fn start(program: &OsStr, args: &[OsString]) -> Result<Running, Trouble> {
    Program::new(program).args(args.iter().cloned()).spawn().map_err(|failure| {
        let why = failure.headline().trim_end_matches('.').replacen("No se", "no se", 1);
        Trouble::new(
            why,
            "revisa cómo se escribe la orden; si es un archivo de esta carpeta, escribe ./ delante",
        )
    })
}

fn wait_for(address: SocketAddr, running: Option<&Running>) -> Result<(), Trouble> {
    let is_over = || running.is_some_and(|running| !running.is_alive());
    let open = || is_open(address);
    let waited = if running.is_some() { OPENING } else { Duration::ZERO };
    let opened = eventually("el servidor escuche", waited, || open() || is_over());
    if opened.is_ok() && open() {
        return Ok(());
    }
    if let Some(running) = running.filter(|_| is_over()) {
        return Err(ended(running));
    }
    Err(Trouble::new(
        format!("nadie escucha en {address}"),
        "revisa --port, y que el servidor escuche en 127.0.0.1",
    ))
}

/// Si alguien escucha en ese puerto, sin llamarlo: hay servidores que solo atienden a uno.
fn is_open(address: SocketAddr) -> bool {
    let Ok(all) = harness::connections() else { return TcpStream::connect(address).is_ok() };
    let port = address.port();
    let listens =
        |entry: TcpNetEntry| entry.local_address.port() == port && entry.state == TcpState::Listen;
    all.into_iter().any(listens)
}

/// Una palabra, como se escribe en una orden.
fn for_shell(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn ended(running: &Running) -> Trouble {
    let told = running.wait(OPENING).map(|exit: Exit| exit.to_string());
    cli::complain(told.unwrap_or_else(|failure| failure.to_string()).trim_end());
    Trouble::new("el servidor terminó antes de escuchar", "arráncalo a mano y mira qué dice")
}

fn no_address(failure: &Failure) -> Trouble {
    cli::complain(failure.to_string().trim_end());
    Trouble::new(
        "no se supo dónde escucha el servidor",
        "haz que la primera línea de su salida estándar sea «Escuchando en 127.0.0.1:PUERTO», o indica --port",
    )
}

#[cfg(test)]
mod tests {
    use harness::{Listener, Port};

    use super::*;

    #[test]
    fn se_sabe_quién_escucha_sin_llamarlo() {
        let port = Port::reserve().unwrap();
        assert!(!is_open(port.address()));
        let listener = Listener::at(port.address()).unwrap();
        listener.set_nonblocking(true).unwrap();
        assert!(is_open(port.address()));
        assert!(listener.accept().is_err(), "lo llamaron");
    }

    #[test]
    fn se_dice_qué_etapas_probaron_menos() {
        let one = weaker(&[9], Hindrance::InForeground);
        assert!(one.starts_with("La etapa 9 probó menos que si"), "{one}");
        let several = weaker(&[3, 9, 20], Hindrance::Unseen);
        assert!(several.starts_with("Las etapas 3, 9 y 20 probaron menos que si"), "{several}");
    }

    #[test]
    fn una_orden_con_espacios_se_puede_copiar() {
        assert_eq!(for_shell("python3"), "python3");
        assert_eq!(for_shell("mi eco.py"), "'mi eco.py'");
        assert_eq!(for_shell("d'or"), r"'d'\''or'");
    }
}
