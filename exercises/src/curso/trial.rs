//! Ejecutar las pruebas de un ejercicio con un límite, y leer qué dicen.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::AtomicBool;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use multiplexacion::cli::Trouble;
use nix::sys::signal::Signal;

use crate::group::{self, gather, joined};

/// Lo que pueden durar las pruebas de un ejercicio. Cada una tiene su propio límite, más corto:
/// aquí solo llega un proceso que ni siquiera puede decir que se le acabó el tiempo.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Pruebas a la vez: más que procesadores, porque casi todas duermen.
const AT_ONCE: &str = "--test-threads=8";

/// Ejercicios que se prueban a la vez: casi todo el tiempo duermen.
pub(crate) const SIDE_BY_SIDE: usize = 4;

/// Las líneas que se guardan, como mucho, de cada informe.
const KEPT: usize = 2000;

/// Lo más largo que se guarda de una vez, en bytes.
const LONGEST_LINE: u64 = 1 << 12;

/// Las líneas que se enseñan, como mucho, de lo que escribió el código antes de fallar.
const PRINTED: usize = 10;

/// Hace `examine` con cada uno, `at_once` a la vez, y devuelve los resultados en orden.
pub(crate) fn side_by_side<'a, T: Sync, R: Send>(
    items: &'a [T],
    at_once: usize,
    examine: impl Fn(&'a T) -> R + Sync,
) -> impl Iterator<Item = R> {
    items.chunks(at_once).flat_map(move |some| {
        thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|item| scope.spawn(|| examine(item))).collect();
            let finish = |thread: ScopedJoinHandle<'_, R>| match thread.join() {
                Ok(result) => result,
                Err(panic) => resume_unwind(panic),
            };
            threads.into_iter().map(finish).collect::<Vec<_>>()
        })
    })
}

/// Lo que dijeron las pruebas de un ejercicio.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) tests: Vec<Test>,
    /// Por qué el proceso no llegó al final, si no llegó.
    pub(crate) broken: Option<String>,
}

/// Lo que dijo una prueba.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// Una frase: «devuelve bytes sean texto o no».
    pub(crate) name: String,
    /// El informe, si falló.
    pub(crate) failure: Option<String>,
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
        // En su propio grupo: si hay que terminarlo, con todo lo que haya arrancado.
        command.arg(AT_ONCE).env_remove("RUST_BACKTRACE").process_group(0);
        let mut child = group::spawn(&mut command)?;
        let stdout = gather(child.stdout.take(), |pipe| condensed(pipe, KEPT));
        let stderr = gather(child.stderr.take(), |pipe| condensed(pipe, KEPT));
        let status = group::wait(&mut child, limit, abandoned)?;
        let (stdout, stderr) = (joined(stdout), joined(stderr));
        let tests = parse(&stdout);
        let broken = explain(status, limit, &stdout, &stderr).or_else(|| lost(&tests, &stdout));
        Ok(Trial { tests, broken })
    }

    /// Ordena las pruebas como en su archivo, que va de lo sencillo a lo difícil: el arnés las
    /// enseña según terminan.
    pub(crate) fn in_order_of(mut self, source: &str) -> Trial {
        self.tests.sort_by_key(|test| source.find(&format!("fn {}(", test.name.replace(' ', "_"))));
        self
    }

    pub(crate) fn passed(&self) -> bool {
        self.broken.is_none()
            && !self.tests.is_empty()
            && self.tests.iter().all(|test| test.failure.is_none())
    }

    /// Los puntos que merece un ejercicio que vale `worth`: en proporción a las pruebas que pasan,
    /// sin redondear hacia arriba. Si el proceso no llegó al final, ninguno: no se sabe qué faltaba.
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

/// Lo que se escribe por `pipe`, sin lo que nadie leería: del principio, qué pruebas pasan, y de
/// cada informe, sus últimas `kept` líneas. Se lee todo, para que el proceso no se detenga.
fn condensed(pipe: impl Read, kept: usize) -> String {
    let mut pipe = BufReader::new(pipe);
    let mut text = String::new();
    let mut section = VecDeque::new();
    let mut line = Vec::new();
    // Una línea sin final se parte: tampoco ella cabría.
    while pipe.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let shown = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        let title = shown.starts_with("---- ") && shown.ends_with(" stdout ----\n");
        if title || parse_line(shown.trim_end()).is_some() || shown.starts_with("failures:\n") {
            text.extend(section.drain(..));
            text.push_str(&shown);
        } else {
            section.push_back(shown);
        }
        if section.len() > kept {
            section.pop_front();
        }
    }
    text.extend(section);
    text
}

fn explain(
    status: Option<ExitStatus>,
    limit: Duration,
    stdout: &str,
    stderr: &str,
) -> Option<String> {
    let Some(status) = status else {
        return Some(format!("Las pruebas no terminaron en {} s.", limit.as_secs()));
    };
    if stdout.contains("\ntest result: ") {
        return None;
    }
    // Lo que escribe la biblioteca estándar antes de abortar.
    if stderr.contains("memory allocation of ") {
        return Some(
            "El proceso de las pruebas se quedó sin memoria: ¿hay un bucle que no termina, y que \
             guarda o imprime algo en cada vuelta?"
                .to_owned(),
        );
    }
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let name =
                Signal::try_from(signal).map_or_else(|_| signal.to_string(), |it| it.to_string());
            format!("lo mató la señal {name}")
        }
        (_, Some(code)) => format!("terminó con el código {code}"),
        _ => "desapareció".to_owned(),
    };
    let last = stderr.trim();
    let last = if last.is_empty() { String::new() } else { format!("\n\n{last}") };
    Some(format!("El proceso de las pruebas no llegó al final: {how}.{last}"))
}

/// Si el arnés cuenta más pruebas de las que se le han entendido.
fn lost(tests: &[Test], stdout: &str) -> Option<String> {
    let (_, counts) = stdout.rsplit_once("\ntest result: ")?;
    let count = |what: &str| -> Option<usize> {
        counts.split_once(what)?.0.rsplit(' ').next()?.parse().ok()
    };
    let lost = (count(" passed")? + count(" failed")?).checked_sub(tests.len());
    (lost != Some(0)).then(|| {
        "No se entiende qué pruebas pasan: tu código escribe directamente en `io::stdout()`, y se \
         mezcla con lo que dicen ellas. Escribe con `println!` o `eprintln!`."
            .to_owned()
    })
}

/// Lee lo que escribe el arnés de pruebas de Rust: `test NOMBRE ... ok`, y detrás los informes.
fn parse(output: &str) -> Vec<Test> {
    let mut tests: Vec<Test> = output.lines().filter_map(parse_line).collect();
    let names: Vec<_> = tests.iter().map(|test| test.name.clone()).collect();
    for (name, test) in names.iter().zip(&mut tests) {
        if test.failure.is_some() {
            test.failure = Some(report(output, name).unwrap_or_default());
        }
        test.name = name.rsplit("::").next().unwrap_or(name).replace('_', " ");
    }
    tests
}

fn parse_line(line: &str) -> Option<Test> {
    // Delante puede estar, sin su salto de línea, lo que el código escribió por su cuenta.
    let (_, line) = line.rsplit_once("test ")?;
    let (name, outcome) = line.split_once(" ... ")?;
    let failure = match outcome {
        "ok" => None,
        "FAILED" => Some(String::new()),
        _ => return None,
    };
    Some(Test { name: name.to_owned(), failure })
}

fn report(output: &str, name: &str) -> Option<String> {
    let (_, rest) = output.split_once(&format!("\n---- {name} stdout ----\n"))?;
    let end = ["\n---- ", "\nfailures:\n"].iter().filter_map(|mark| rest.find(mark)).min();
    let text = rest[..end.unwrap_or(rest.len())].trim_end();
    // «Error: » lo pone el arnés delante de lo que devuelve la prueba, tras lo que imprimió.
    let (printed, failure) =
        text.rsplit_once("\nError: ").or_else(|| text.split_once("Error: ")).unwrap_or((text, ""));
    Some(format!("{}{failure}", last_lines(printed)).trim_end().to_owned())
}

/// Lo último que se imprimió: en un bucle que no termina puede haber miles de líneas.
fn last_lines(printed: &str) -> String {
    let lines: Vec<_> = printed.lines().collect();
    let omitted = lines.len().saturating_sub(PRINTED);
    let mut text = String::new();
    if omitted > 0 {
        text.push_str("… (tu código escribió antes más líneas)\n");
    }
    for line in &lines[omitted..] {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
test una_que_pasa ... ok
test otra::que_falla ... FAILED
test ejecutar ... ignored, a mano

failures:

---- otra::que_falla stdout ----
El hilo «x» entró en pánico.
Error: Pasó algo.

  detalle


failures:
    otra::que_falla

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out
";

    #[test]
    fn se_leen_los_nombres_y_los_informes() {
        let test = |name: &str, failure: Option<&str>| Test {
            name: name.to_owned(),
            failure: failure.map(str::to_owned),
        };
        let report = "El hilo «x» entró en pánico.\nPasó algo.\n\n  detalle";
        let expected = [test("una que pasa", None), test("que falla", Some(report))];
        assert_eq!(parse(OUTPUT), expected);
    }

    #[test]
    fn quien_imprime_mucho_lee_lo_último_y_por_qué_falló() {
        let lines = (1..=500).map(|number| format!("Error: línea {number}\n"));
        let printed = lines.collect::<Vec<_>>().concat();
        let output = OUTPUT.replace("El hilo «x» entró en pánico.\n", &printed);
        let failure = parse(&output)[1].failure.clone().unwrap();
        let lines: Vec<_> = failure.lines().collect();
        assert_eq!(lines[0], "… (tu código escribió antes más líneas)");
        assert_eq!((lines[1], lines[10]), ("Error: línea 491", "Error: línea 500"));
        assert_eq!(lines[11..], ["Pasó algo.", "", "  detalle"]);
    }

    #[test]
    fn de_lo_que_no_cabe_quedan_las_pruebas_y_el_final_de_cada_informe() {
        assert_eq!(condensed(OUTPUT.as_bytes(), KEPT), OUTPUT);
        let flood = "leí 0 bytes\n".repeat(100);
        let output = OUTPUT
            .replace("running", &format!("{flood}running"))
            .replace("El hilo «x»", &format!("{flood}El hilo «x»"));
        let cut = condensed(output.as_bytes(), 10);
        assert!(cut.lines().count() < 40, "{cut}");
        let reports = |text: &str| {
            let tests = parse(text).into_iter().map(|test| (test.name, test.failure));
            tests.collect::<Vec<_>>()
        };
        let shown = reports(&cut)[1].1.clone().unwrap();
        assert!(
            shown.ends_with("El hilo «x» entró en pánico.\nPasó algo.\n\n  detalle"),
            "{shown}"
        );
        assert_eq!(reports(&cut).len(), 2);
        assert_eq!(lost(&parse(&cut), &cut), None);
    }

    #[test]
    fn lo_que_se_escribe_sin_pasar_por_el_arnés_no_esconde_una_prueba() {
        let output = OUTPUT.replace("test otra::que_falla ...", "leí 3test otra::que_falla ...");
        assert_eq!(parse(&output), parse(OUTPUT));
        assert_eq!(lost(&parse(&output), &output), None);
        let output = OUTPUT.replace("una_que_pasa ... ok", "una_que_pasa ... leí 3ok");
        assert!(lost(&parse(&output), &output).unwrap().contains("io::stdout()"));
    }

    #[test]
    fn unos_al_lado_de_otros_conservan_el_orden() {
        let doubled: Vec<_> = side_by_side(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 4, |it| it * 2).collect();
        assert_eq!(doubled, [2, 4, 6, 8, 10, 12, 14, 16, 18]);
    }

    #[test]
    fn los_puntos_van_con_las_pruebas() {
        let mut trial = Trial { tests: parse(OUTPUT), broken: None };
        assert_eq!(trial.points(25), 12);
        trial.broken = Some("murió".to_owned());
        assert_eq!(trial.points(25), 0);
    }

    #[test]
    fn un_proceso_que_muere_lo_dice() {
        let mut command = Command::new("sh");
        command.args(["-c", "kill -9 $$"]);
        let trial = Trial::run_command(command, LIMIT).unwrap();
        assert_eq!(
            trial.broken.as_deref(),
            Some("El proceso de las pruebas no llegó al final: lo mató la señal SIGKILL.")
        );
    }

    #[test]
    fn un_proceso_sin_memoria_lo_dice_en_español() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$"]);
        let broken = Trial::run_command(command, LIMIT).unwrap().broken.unwrap();
        assert!(broken.contains("se quedó sin memoria"), "{broken}");
        assert!(!broken.contains("allocation"), "{broken}");
    }

    #[test]
    fn un_proceso_que_no_termina_se_termina() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 100"]);
        let trial = Trial::run_command(command, Duration::from_millis(50)).unwrap();
        assert_eq!(trial.broken.as_deref(), Some("Las pruebas no terminaron en 0 s."));
    }
}
