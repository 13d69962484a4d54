//! Ejecutar las pruebas de un ejercicio con un límite, y leer qué resulta.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::iter;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use ejercicios::runner::{Ending, JUDGED, Printed, Record, Verdict, key, open};
use multiplexacion::cli::Trouble;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Lo que pueden durar las pruebas de un ejercicio. Cada una tiene su propio límite, más corto.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Ejercicios que se prueban a la vez: casi todo el tiempo duermen.
pub(crate) const SIDE_BY_SIDE: usize = 4;

/// Cada cuánto se mira si alguien abandonó.
const GLANCE: Duration = Duration::from_millis(20);

/// Lo más que puede ocupar lo que se cuenta de un ejercicio, en bytes.
const LONGEST: u64 = 1 << 24;

/// Hace `examine` con cada uno, `at_once` a la vez, y da a `each` los resultados, en orden y en cuanto se
/// saben.
///
/// # Errors
/// El primero de `each`: entonces no se empieza ninguno más.
pub(crate) fn side_by_side<'a, T: Sync, R: Send, E>(
    items: &'a [T],
    at_once: usize,
    examine: impl Fn(&'a T) -> R + Sync,
    mut each: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let (sender, results) = channel();
    thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            let (sender, next, examine) = (sender.clone(), &next, &examine);
            scope.spawn(move || {
                let mut places = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                // Si ya nadie escucha, no hay que seguir.
                while let Some((place, item)) =
                    places.next().and_then(|at| Some((at, items.get(at)?)))
                    && sender.send((place, examine(item))).is_ok()
                {}
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (place, result) in results {
            early.insert(place, result);
            while let Some(result) = early.remove(&due) {
                each(result)?;
                due += 1;
            }
        }
        Ok(())
    })
}

/// Los resultados de todos, en orden, con `at_once` a la vez.
///
/// # Errors
/// El primero que haya: entonces no se empieza ninguno más.
pub(crate) fn all_side_by_side<'a, T: Sync, R: Send, E: Send>(
    items: &'a [T],
    at_once: usize,
    examine: impl Fn(&'a T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let mut results = Vec::with_capacity(items.len());
    side_by_side(items, at_once, examine, |result| result.map(|it| results.push(it)))?;
    Ok(results)
}

/// Lo que dijeron las pruebas de un ejercicio.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    /// En el orden de su archivo, que va de lo sencillo a lo difícil.
    pub(crate) tests: Vec<Test>,
    /// Por qué no se llegó al final, si no se llegó.
    pub(crate) broken: Option<String>,
}

/// Lo que dijo una prueba.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// Una frase: «devuelve bytes sean texto o no».
    pub(crate) name: String,
    /// El informe, si falló.
    pub(crate) failure: Option<String>,
    /// El puerto al que hablan las órdenes de «Para repetirlo a mano», si el informe las da.
    pub(crate) port: Option<u16>,
    /// Lo que tardó.
    pub(crate) time: Duration,
}

impl Trial {
    /// Ejecuta las pruebas que hay en `executable`, desde la carpeta `from`.
    pub(crate) fn run(executable: &Path, from: &Path) -> Result<Trial, Trouble> {
        Trial::run_unless(&AtomicBool::new(false), executable, from)
    }

    /// Lo mismo, y si alguien abandona, lo deja a medias.
    pub(crate) fn run_unless(
        abandoned: &AtomicBool,
        executable: &Path,
        from: &Path,
    ) -> Result<Trial, Trouble> {
        let mut command = Command::new(executable);
        command.current_dir(from);
        Trial::run_to_end(command, LIMIT, abandoned)
    }

    /// Lo mismo, con la orden ya preparada para ejecutar las pruebas.
    pub(crate) fn run_command(command: Command, limit: Duration) -> Result<Trial, Trouble> {
        Trial::run_to_end(command, limit, &AtomicBool::new(false))
    }

    fn run_to_end(
        mut command: Command,
        limit: Duration,
        abandoned: &AtomicBool,
    ) -> Result<Trial, Trouble> {
        let key = key()?;
        let (ours, theirs) = UnixStream::pair()?;
        // En su propio grupo: si hay que terminarlo, con lo que haya arrancado.
        command.arg(JUDGED).process_group(0);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // Con ella se va nuestra copia de su extremo del socket.
        drop(command);
        let complaints = child.stderr.take().map(Printed::from);
        let hearing = Hearing { stream: &ours, key: &key, deadline: Instant::now() + limit };
        let heard = hearing.to_end(abandoned);
        finish(&mut child)?;
        let complaints = complaints.map(Printed::collect).unwrap_or_default();
        Ok(heard.trial(limit, complaints.trim()))
    }

    pub(crate) fn passed(&self) -> bool {
        self.broken.is_none()
            && !self.tests.is_empty()
            && self.tests.iter().all(|test| test.failure.is_none())
    }

    /// Los puntos que merece un ejercicio que vale `worth`: en proporción a las pruebas que pasan,
    /// sin redondear hacia arriba. Si no se llegó al final, ninguno.
    pub(crate) fn points(&self, worth: u32) -> u32 {
        let total = u32::try_from(self.tests.len()).unwrap_or(u32::MAX);
        let failed = u32::try_from(self.failures().count()).unwrap_or(u32::MAX);
        if self.broken.is_some() || total == 0 {
            return 0;
        }
        worth * total.saturating_sub(failed) / total
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = (&Test, &str)> {
        self.tests.iter().filter_map(|test| Some((test, test.failure.as_deref()?)))
    }
}

/// Termina a quien pasa las pruebas, que ya no tiene nada que decir, y a lo que arrancó en su grupo.
fn finish(child: &mut Child) -> io::Result<()> {
    let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    child.wait().map(drop)
}

/// Quien escucha lo que se cuenta de las pruebas.
struct Hearing<'a> {
    stream: &'a UnixStream,
    key: &'a str,
    deadline: Instant,
}

/// Lo que se contó.
#[derive(Default)]
struct Heard {
    plan: Vec<String>,
    verdicts: Vec<Verdict>,
    ended: bool,
    late: bool,
}

impl Hearing<'_> {
    /// Dice la clave, y escucha hasta que no haya más, alguien abandone o se acabe el tiempo.
    fn to_end(&self, abandoned: &AtomicBool) -> Heard {
        let mut heard = Heard::default();
        let mut stream = self.stream;
        // Si ya murió, se nota al leer.
        let _ = writeln!(stream, "{}", self.key);
        let _ = stream.set_read_timeout(Some(GLANCE));
        let mut lines = BufReader::new(stream.take(LONGEST));
        let mut line = Vec::new();
        while !heard.ended && !abandoned.load(Ordering::Relaxed) {
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {
                    heard.take(open(self.key, &line));
                    line.clear();
                }
                // Lo que haya llegado de la línea queda en ella.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
            if Instant::now() > self.deadline {
                heard.late = true;
                break;
            }
        }
        heard
    }
}

impl Heard {
    /// Lo que no trae la clave no lo dice quien pasa las pruebas.
    fn take(&mut self, record: Option<Record>) {
        match record {
            Some(Record::Plan { tests }) if self.plan.is_empty() => self.plan = tests,
            Some(Record::Verdict(verdict)) => self.verdicts.push(verdict),
            Some(Record::End) => self.ended = true,
            _ => {}
        }
    }

    /// Una línea por cada prueba prevista: de la que no se supo nada, que no pasa.
    fn trial(self, limit: Duration, complaints: &str) -> Trial {
        let tests = self.plan.iter().map(|name| {
            let verdict = self.verdicts.iter().find(|verdict| verdict.name == *name);
            Test {
                name: name.replace('_', " "),
                failure: match verdict {
                    Some(verdict) if verdict.ending == Ending::Passed => None,
                    Some(verdict) => Some(verdict.whole_report()),
                    None => Some("No se llegó a saber su resultado.".to_owned()),
                },
                port: verdict.and_then(|verdict| verdict.port),
                time: Duration::from_millis(verdict.map_or(0, |verdict| verdict.milliseconds)),
            }
        });
        let said = if complaints.is_empty() { String::new() } else { format!("\n\n{complaints}") };
        let broken = if self.ended {
            None
        } else if self.late {
            Some(format!("Las pruebas no terminaron en {} s.", limit.as_secs()))
        } else {
            Some(format!("Alguien terminó el proceso que pasa las pruebas.{said}"))
        };
        Trial { tests: tests.collect(), broken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ejercicios::runner::seal;

    fn heard(records: &[Record]) -> Heard {
        let mut heard = Heard::default();
        for record in records {
            heard.take(Some(record.clone()));
        }
        heard
    }

    fn verdict(name: &str, ending: Ending) -> Record {
        let record = format!(r#"{{"record":"verdict","name":"{name}","ending":"passed"}}"#);
        let Ok(Record::Verdict(verdict)) = serde_json::from_str(&record) else { unreachable!() };
        Record::Verdict(Verdict { ending, ..verdict })
    }

    fn plan(names: &[&str]) -> Record {
        Record::Plan { tests: names.iter().map(|&name| name.to_owned()).collect() }
    }

    #[test]
    fn pasa_si_pasan_todas_las_previstas_y_se_dice_que_no_hay_más() {
        let all = [
            plan(&["una_que", "otra"]),
            verdict("otra", Ending::Passed),
            verdict("una_que", Ending::Passed),
            Record::End,
        ];
        let trial = heard(&all).trial(LIMIT, "");
        assert!(trial.passed());
        assert_eq!(trial.tests[0].name, "una que");
        assert!(!heard(&all[..3]).trial(LIMIT, "").passed(), "faltaba el final");
        assert!(!heard(&[&all[..2], &all[3..]].concat()).trial(LIMIT, "").passed(), "faltaba una");
        assert!(!heard(&all[3..]).trial(LIMIT, "").passed(), "no había ninguna");
    }

    #[test]
    fn de_cada_prueba_vale_lo_primero_que_se_dijo() {
        let records = [
            plan(&["una"]),
            verdict("una", Ending::Failed),
            verdict("una", Ending::Passed),
            Record::End,
        ];
        assert!(!heard(&records).trial(LIMIT, "").passed());
    }

    #[test]
    fn unos_al_lado_de_otros_conservan_el_orden() {
        let numbers: Vec<u64> = (1..=9).collect();
        // El primero acaba el último.
        let slow = |number: &u64| {
            thread::sleep(Duration::from_millis(90 - 10 * number));
            Ok::<_, ()>(number * 2)
        };
        let doubled = all_side_by_side(&numbers, 4, slow);
        assert_eq!(doubled, Ok(vec![2, 4, 6, 8, 10, 12, 14, 16, 18]));
    }

    #[test]
    fn tras_el_primer_error_no_se_empieza_ninguno_más() {
        let begun = AtomicUsize::new(0);
        let fails = |number: &usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(*number)
        };
        let numbers: Vec<usize> = (0..100_000).collect();
        assert_eq!(all_side_by_side(&numbers, 1, fails), Err(0));
        assert!(begun.into_inner() < numbers.len());
    }

    #[test]
    fn los_puntos_van_con_las_pruebas() {
        let records = [
            plan(&["una", "otra"]),
            verdict("una", Ending::Passed),
            verdict("otra", Ending::Died),
            Record::End,
        ];
        let mut trial = heard(&records).trial(LIMIT, "");
        assert_eq!(trial.points(25), 12);
        trial.broken = Some("murió".to_owned());
        assert_eq!(trial.points(25), 0);
    }

    /// Lo que resulta de un programa que hace de encargado.
    fn run(script: &str, limit: Duration) -> Trial {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Trial::run_command(command, limit).unwrap()
    }

    #[test]
    fn un_proceso_que_muere_lo_dice() {
        let broken = run("echo ay >&2; kill -9 $$", LIMIT).broken.unwrap();
        assert_eq!(broken, "Alguien terminó el proceso que pasa las pruebas.\n\nay");
    }

    #[test]
    fn lo_que_no_trae_la_clave_no_se_cree() {
        let forged = [plan(&["una"]), verdict("una", Ending::Passed), Record::End];
        let lines: String = forged.iter().map(|it| seal("0", it).unwrap()).collect();
        let trial = run(&format!("cat >&0 <<'FIN'\n{lines}FIN\n"), LIMIT);
        assert!(trial.broken.is_some() && trial.tests.is_empty(), "{trial:?}");
    }

    #[test]
    fn un_proceso_que_no_termina_se_termina() {
        let trial = run("sleep 100", Duration::from_millis(50));
        assert_eq!(trial.broken.as_deref(), Some("Las pruebas no terminaron en 0 s."));
    }

    #[test]
    fn quien_sobrevive_con_la_salida_abierta_no_hace_esperar() {
        let trial = run("setsid sleep 5 & exit 0", LIMIT);
        assert!(trial.broken.is_some());
    }
}
