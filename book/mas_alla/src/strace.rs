//! Un servidor bajo `strace(1)`: qué llamadas al sistema hace, y cuántas.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{DEFAULT_LIMIT, Failure, Program, Server, eventually};

/// Cuánto ha de callar un servidor para dar por hecho que duerme.
const QUIET: Duration = Duration::from_millis(300);

/// Un servidor en marcha y lo que `strace` anota de él. Al soltarlo terminan los dos.
#[derive(Debug)]
pub struct Traced {
    server: Server,
    log: PathBuf,
}

impl Traced {
    /// Si se puede usar `strace` aquí. Si no, lo dice en la salida de errores: una prueba que no
    /// prueba nada no debe pasar en silencio.
    ///
    /// # Errors
    /// Falta, y esto es la integración continua (variable `CI`), que instala lo que hace falta.
    pub fn available(untested: &str) -> Result<bool, Failure> {
        let folders = env::var_os("PATH").unwrap_or_default();
        if env::split_paths(&folders).any(|folder| folder.join("strace").is_file()) {
            return Ok(true);
        }
        if env::var_os("CI").is_some() {
            return Err(Failure::new(format!("Sin probar {untested}: no está «strace».")));
        }
        skip(untested, "no está «strace»").map(|()| false)
    }

    /// Arranca `program` con esos argumentos y anota las llamadas de `calls`, como las nombra
    /// `strace -e trace=…`.
    ///
    /// # Errors
    /// No se pudo arrancar, o no escucha.
    pub fn start(program: &Path, arguments: &[&str], calls: &str) -> Result<Traced, Failure> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = env::temp_dir().join(format!("mas_alla_{}_{number}.strace", process::id()));
        // Con -D, quien observa es el nieto: el proceso que se arrancó es el servidor.
        let server = Program::new("strace")
            .without_inherited_descriptors()
            // Los errores, sin traducir: así se quitan de la traza.
            .env("LC_ALL", "C")
            .args(["-D", "-f", "-s", "64", "-e", &format!("trace={calls}")])
            .arg("-o")
            .arg(&log)
            .arg(program)
            .args(arguments)
            .start()?;
        Ok(Traced { server, log })
    }

    /// El servidor.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Las llamadas que ya han terminado, en orden, sin el número de proceso.
    ///
    /// # Errors
    /// No se puede leer lo anotado.
    pub fn calls(&self) -> Result<Vec<String>, Failure> {
        let text = fs::read_to_string(&self.log)?;
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
    ///
    /// # Errors
    /// No las hubo.
    pub fn wait_for(&self, text: &str, times: usize) -> Result<(), Failure> {
        self.server.eventually(&format!("hiciera {times} veces «{text}»"), DEFAULT_LIMIT, || {
            let calls = self.calls().unwrap_or_default();
            calls.iter().filter(|call| call.contains(text)).count() >= times
        })
    }

    /// Cuántas llamadas lleva, cuando deja de hacerlas.
    ///
    /// # Errors
    /// No deja de hacerlas.
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
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.log);
    }
}

/// Deja constancia de lo que esta máquina no permite probar, y por qué.
///
/// # Errors
/// No hay salida de errores en la que decirlo.
pub fn skip(untested: &str, why: &str) -> Result<(), Failure> {
    // Directo al descriptor: lo que imprime `eprintln!` solo se enseña si la prueba falla.
    writeln!(io::stderr(), "\nAVISO: sin probar {untested}: {why}.")?;
    Ok(())
}
