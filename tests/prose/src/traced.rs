//! Un servidor bajo `strace(1)`: qué llamadas al sistema hace, y cuántas.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{DEFAULT_LIMIT, Exit, Failure, Program, Server, eventually, tools};

use crate::shell::possible;

/// Cuánto ha de callar un servidor para dar por hecho que duerme.
const QUIET: Duration = Duration::from_millis(300);

/// Un servidor en marcha y lo que `strace` anota de él. Al soltarlo terminan los dos.
#[derive(Debug)]
pub struct Traced {
    server: Server,
    log: PathBuf,
}

impl Traced {
    /// Si aquí se puede comparar con las trazas del texto, que son de Linux en x86-64. Si no, deja
    /// constancia de que queda `untested` sin probar; en la integración continua, que lo instala, es
    /// un fallo.
    pub fn comparable(untested: &str) -> Result<bool, Failure> {
        if cfg!(target_arch = "x86_64") {
            return possible(["strace"], untested);
        }
        tools::skip("en otra arquitectura las llamadas son otras", untested).map(|()| false)
    }

    /// Arranca `program` con esos argumentos y anota las llamadas de `calls`, como las nombra
    /// `strace -e trace=…`, con las demás opciones de `options`.
    pub fn start(
        program: &Path,
        arguments: &[&str],
        calls: &str,
        options: &[&str],
    ) -> Result<Traced, Failure> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = env::temp_dir().join(format!("traza_{}_{number}.strace", process::id()));
        // Con -D, quien observa es el nieto: el proceso que se arrancó es el servidor.
        let server = Program::new("strace")
            .without_inherited_descriptors()
            // Los errores, sin traducir: así se quitan de la traza.
            .env("LC_ALL", "C")
            .args(["-D", "-e", &format!("trace={calls}")])
            .args(options.iter().copied())
            .arg("-o")
            .arg(&log)
            .arg(program)
            .args(arguments.iter().copied())
            .start()?;
        Ok(Traced { server, log })
    }

    /// El servidor.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Lo que ha anotado `strace`, tal como lo escribe.
    pub fn log(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Las llamadas que ya han terminado, en orden, sin el número de proceso que añade `strace -f`.
    pub fn calls(&self) -> Result<Vec<String>, Failure> {
        let text = self.log()?;
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let calls = lines.filter_map(|line| Some(line.split_once(' ')?.1.trim_start()));
        // Las señales (`---`) y el final (`+++`) no son llamadas; las interrumpidas por la de otro
        // hilo ocupan dos líneas; y las que cortó una señal se repiten.
        let whole = |call: &&str| {
            call.starts_with(|c: char| c.is_ascii_lowercase())
                && ![" resumed>", "ERESTART", "EINTR"].iter().any(|mark| call.contains(mark))
        };
        Ok(calls.filter(whole).map(str::to_owned).collect())
    }

    /// Espera a que haya al menos `times` llamadas que contengan `text`.
    pub fn wait_for(&self, text: &str, times: usize) -> Result<(), Failure> {
        self.server.eventually(&format!("hiciera {times} veces «{text}»"), DEFAULT_LIMIT, || {
            let calls = self.calls().unwrap_or_default();
            calls.iter().filter(|call| call.contains(text)).count() >= times
        })
    }

    /// Cuántas llamadas lleva, cuando deja de hacerlas.
    pub fn settled(&self) -> Result<usize, Failure> {
        let (mut count, mut since) = (0, Instant::now());
        eventually("el servidor se durmiera", DEFAULT_LIMIT, || {
            let now = self.calls().unwrap_or_default().len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
            since.elapsed() > QUIET
        })?;
        Ok(count)
    }

    /// Espera a que terminen el servidor y, después, quien lo observaba: cómo acabó, y todo lo
    /// anotado.
    pub fn ended(&self) -> Result<(Exit, String), Failure> {
        let exit = self.server.wait(DEFAULT_LIMIT)?;
        eventually("strace anotara el final", DEFAULT_LIMIT, || {
            self.log().is_ok_and(|log| log.ends_with(" +++\n"))
        })?;
        Ok((exit, self.log()?))
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.log);
    }
}
