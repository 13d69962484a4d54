//! El encargado: arranca cada prueba en un proceso, le pone un límite y junta los veredictos. No
//! ejecuta una línea de quien aprende.

use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::child::{Line, Said};
use super::printed::Printed;
use super::record::{Ending, Record, Verdict, key, open};
use super::{ONE, Test, complain};
use crate::secrecy;

/// Pruebas a la vez: más que procesadores, porque casi todas duermen.
const AT_ONCE: usize = 16;

/// Lo que puede durar una prueba. Cada una tiene sus propios límites, más cortos: aquí solo llega
/// un proceso que ni siquiera puede decir que se le acabó el tiempo.
const LIMIT: Duration = Duration::from_secs(20);

/// Lo que se concede al proceso de una prueba para terminar, una vez dicho su veredicto.
const GOODBYE: Duration = Duration::from_millis(500);

/// Lo más que puede contar una prueba, en bytes.
const LONGEST: u64 = 1 << 20;

/// Hace todas las pruebas, y se lo cuenta a quien está al otro lado de la entrada estándar.
pub(super) fn answer_the_judge(tests: &[Test]) -> ExitCode {
    secrecy::keep();
    let Ok(judge) = Line::on_stdin() else {
        return complain("Esto lo arranca «cargo curso», y nadie más.");
    };
    let names = tests.iter().map(|test| test.name.to_owned()).collect();
    let all: Vec<_> = tests.iter().collect();
    let answered = judge.say(&Record::Plan { tests: names }).and_then(|()| {
        run(&all, |_, verdict| judge.say(&Record::Verdict(verdict)))?;
        judge.say(&Record::End)
    });
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("No se pueden hacer las pruebas: {}.", reason(&error))),
    }
}

/// Hace unas pruebas, unas cuantas a la vez, y cuenta cómo resulta cada una según terminan.
pub(super) fn run(
    tests: &[&Test],
    mut tell: impl FnMut(usize, Verdict) -> io::Result<()>,
) -> io::Result<()> {
    let executable = env::current_exe()?;
    let (next, (report, reported)) = (AtomicUsize::new(0), mpsc::channel());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(tests.len()) {
            let (report, next, executable) = (report.clone(), &next, &executable);
            scope.spawn(move || {
                while let place = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(test) = tests.get(place)
                {
                    // Si ya nadie escucha, las que queden no hacen falta.
                    if report.send((place, attempt(executable, test.name))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(report);
        reported.into_iter().try_for_each(|(place, verdict)| tell(place, verdict))
    })
}

/// Hace una prueba. Que no se pueda ni empezar es cosa suya, y no de las demás.
fn attempt(executable: &Path, name: &str) -> Verdict {
    one(executable, name).unwrap_or_else(|error| Verdict {
        report: Some(format!("No se puede hacer esta prueba: {}.", reason(&error))),
        ..Verdict::new(name, Ending::Died)
    })
}

fn one(executable: &Path, name: &str) -> io::Result<Verdict> {
    let key = key()?;
    let (ours, theirs) = UnixStream::pair()?;
    let (output, writer) = io::pipe()?;
    let mut command = Command::new(executable);
    command.args([ONE, name]).env_remove("RUST_BACKTRACE").process_group(0);
    command.stdin(OwnedFd::from(theirs)).stdout(writer.try_clone()?).stderr(writer);
    let started = Instant::now();
    let mut child = command.spawn()?;
    // Con ella se van nuestras copias de sus extremos: lo que llegue es de la prueba.
    drop(command);
    let printed = Printed::from(output);
    let heard = writeln!(&ours, "{key}").and_then(|()| hear(&ours, &key));
    let status = end(&mut child, heard.as_ref().is_ok_and(|heard| heard.verdict.is_some()))?;
    let mut verdict = judge(name, heard.unwrap_or_default(), status);
    verdict.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    verdict.printed = printed.collect();
    Ok(explained(verdict))
}

/// Lo que contó una prueba.
#[derive(Default)]
struct Heard {
    verdict: Option<Verdict>,
    gave_up: bool,
    late: bool,
}

/// Escucha a una prueba hasta su veredicto, hasta que se vaya o hasta que venza el límite.
fn hear(stream: &UnixStream, key: &str) -> io::Result<Heard> {
    let deadline = Instant::now() + LIMIT;
    let mut lines = BufReader::new(stream.take(LONGEST));
    let mut heard = Heard::default();
    let mut line = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Cero sería esperar sin límite.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(heard),
            Ok(_) => match open(key, &line) {
                Some(Said::Verdict(verdict)) => {
                    heard.verdict = Some(verdict);
                    return Ok(heard);
                }
                Some(Said::WillNotPass) => heard.gave_up = true,
                // Sin la clave, no lo dice la prueba.
                None => {}
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                heard.late = true;
                return Ok(heard);
            }
            Err(error) => return Err(error),
        }
        line.clear();
    }
}

/// Termina lo que quede de una prueba, con lo que arrancó en su grupo. `spoke` es que ya dijo su
/// veredicto: va a terminar sola, y nada de lo que haga importa.
fn end(child: &mut Child, spoke: bool) -> io::Result<Option<ExitStatus>> {
    let status = if spoke { None } else { soon(child)? };
    let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    child.wait()?;
    Ok(status)
}

/// Cómo terminó, si termina enseguida.
fn soon(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + GOODBYE;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() > deadline {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn judge(name: &str, heard: Heard, status: Option<ExitStatus>) -> Verdict {
    let with =
        |ending, report: String| Verdict { report: Some(report), ..Verdict::new(name, ending) };
    match heard.verdict {
        Some(verdict) if verdict.ending == Ending::Passed && heard.gave_up => {
            with(Ending::Failed, "Tu código no terminó a tiempo lo que se le pidió.".to_owned())
        }
        Some(verdict) => Verdict { name: name.to_owned(), ..verdict },
        None if heard.late => with(
            Ending::Late,
            format!("La prueba no terminó en {} s, y se abandonó.", LIMIT.as_secs()),
        ),
        None => with(Ending::Died, death(status)),
    }
}

/// Cómo murió el proceso de una prueba.
fn death(status: Option<ExitStatus>) -> String {
    let how = match status.map(|status| (status.signal(), status.code())) {
        Some((Some(signal), _)) => match Signal::try_from(signal) {
            Ok(signal) => format!("lo mató la señal {signal}"),
            Err(_) => format!("lo mató la señal {signal}"),
        },
        Some((_, Some(code))) => format!(
            "terminó con el código {code} (¿`std::process::exit`?): quien llama a tu código espera \
             que vuelva"
        ),
        _ => "dejó de contestar".to_owned(),
    };
    format!("El proceso de esta prueba no llegó al final: {how}.")
}

/// Lo que la biblioteca estándar escribe en inglés antes de abortar, explicado.
fn explained(mut verdict: Verdict) -> Verdict {
    if verdict.ending != Ending::Died {
        return verdict;
    }
    let why = if verdict.printed.contains("memory allocation of ") {
        "El proceso de esta prueba se quedó sin memoria: ¿hay un bucle que no termina, y que guarda \
         algo en cada vuelta?"
    } else if verdict.printed.contains("has overflowed its stack") {
        "El proceso de esta prueba desbordó la pila: ¿hay una función que se llama a sí misma sin \
         fin, o una variable enorme?"
    } else {
        return verdict;
    };
    verdict.report = Some(why.to_owned());
    let english = ["memory allocation of ", "has overflowed its stack", "fatal runtime error"];
    let spanish = |line: &&str| !english.iter().any(|words| line.contains(words));
    verdict.printed = verdict.printed.split_inclusive('\n').filter(spanish).collect();
    verdict
}

fn reason(error: &io::Error) -> String {
    multiplexacion::errors::reason(error)
}
