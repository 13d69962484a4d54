//! Un programa en marcha.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::ProcResult;
use procfs::process::{Process, Status};

use super::activity;
use super::family;
use super::output::{Missing, Output, Stream};
use crate::failure::Failure;
use crate::waiting::{self, DEFAULT_LIMIT, poll};
use crate::wording;

/// Con qué empieza la primera línea de todo servidor del curso.
const LISTENING: &str = "Escuchando en ";
/// Lo que se espera, al terminar un programa, a que acabe de llegar lo que escribió.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Un programa en marcha. Al soltarlo (`drop`) se mata, con los que haya arrancado, y se recoge.
///
/// Todos sus métodos toman `&self`: sirve desde varios hilos.
#[derive(Debug)]
pub struct Running {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    stdin: Mutex<Option<Sender<Vec<u8>>>>,
    stdout: Output,
    stderr: Output,
}

/// Nuestro lado de las tres tuberías de un programa.
pub(super) struct Pipes {
    pub(super) stdin: Option<Box<dyn Write + Send>>,
    pub(super) stdout: Option<Box<dyn Read + Send>>,
    pub(super) stderr: Option<Box<dyn Read + Send>>,
    /// De lo que escribe se lee solo la primera línea, por ahora.
    pub(super) held: bool,
}

/// Cómo terminó un programa, y todo lo que escribió.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// El código de salida; `None` si lo mató una señal.
    pub code: Option<i32>,
    /// La señal que lo mató, si fue una señal.
    pub signal: Option<Signal>,
    /// Lo que escribió en la salida estándar (lo que no sea UTF-8, como U+FFFD).
    pub stdout: String,
    /// Lo que escribió en la salida de errores.
    pub stderr: String,
}

impl Running {
    pub(super) fn new(name: &str, child: Child, pipes: Pipes) -> io::Result<Self> {
        let drain = |pipe: Option<Box<dyn Read + Send>>| match pipe {
            Some(pipe) => Output::drain(pipe, pipes.held),
            None => Ok(Output::ended()),
        };
        Ok(Self {
            name: name.to_owned(),
            pid: child.id(),
            child: Mutex::new(child),
            stdin: Mutex::new(pipes.stdin.map(spawn_typist).transpose()?),
            stdout: drain(pipes.stdout)?,
            stderr: drain(pipes.stderr)?,
        })
    }

    /// Su número de proceso.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    // ---- Su entrada y sus salidas ----------------------------------------------------------

    /// Le escribe en la entrada estándar, sin esperar a que lo lea.
    pub fn write_stdin(&self, text: impl AsRef<[u8]>) {
        if let Some(typist) = &*lock(&self.stdin) {
            // Si el programa ya no lee, no hay a quién decírselo.
            let _ = typist.send(text.as_ref().to_vec());
        }
    }

    /// Cierra su entrada estándar, después de lo que ya se le haya escrito.
    ///
    /// En una terminal esto no se nota: allí el final es teclear Ctrl-D (`"\x04"`).
    pub fn close_stdin(&self) {
        lock(&self.stdin).take();
    }

    /// Lo que ha escrito hasta ahora en la salida estándar.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Lo que ha escrito hasta ahora en la salida de errores.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Lee lo que haya escrito un programa [desatendido](crate::Program::unheeded), y lo que escriba
    /// desde ahora.
    pub fn read_on(&self) {
        self.stdout.read_on();
        self.stderr.read_on();
    }

    /// Espera a que haya una línea entera que contenga `substring`, y la devuelve.
    ///
    /// Mira todas desde el comienzo: también las que ya estaban.
    pub fn wait_for_line(
        &self,
        stream: Stream,
        substring: &str,
        limit: Duration,
    ) -> Result<String, Failure> {
        let find = |text: &str| {
            let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            lines.find(|line| line.contains(substring)).map(str::to_owned)
        };
        let what = format!("una línea con «{substring}» en {stream}");
        self.wait_for(stream, &what, limit, find)
    }

    /// Espera a que aparezca `substring`, aunque su línea no haya acabado (un `> ` que invita a
    /// escribir, por ejemplo).
    pub fn wait_for_text(
        &self,
        stream: Stream,
        substring: &str,
        limit: Duration,
    ) -> Result<(), Failure> {
        let what = format!("«{}» en {stream}", substring.escape_debug());
        self.wait_for(stream, &what, limit, |text| text.contains(substring).then_some(()))
    }

    fn wait_for<T>(
        &self,
        stream: Stream,
        what: &str,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        let output = match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        output.wait_for(limit, find).map_err(|missing| {
            let name = &self.name;
            self.explain(Failure::new(match missing {
                Missing::Ended => format!("Se esperaba {what}, y «{name}» terminó antes."),
                Missing::TimedOut => format!(
                    "Se esperaba {what}, y «{name}» no lo escribió en {}.",
                    wording::duration(limit)
                ),
            }))
        })
    }

    /// Espera a que diga dónde escucha: su primera línea en la salida estándar ha de ser
    /// `Escuchando en DIRECCIÓN:PUERTO`. Si no lo dice, el fallo cuenta lo que se sepa: que lo dijo por
    /// otro sitio, o que escucha y no lo ha dicho.
    pub fn announced(&self, limit: Duration) -> Result<SocketAddr, Failure> {
        let what = "la línea «Escuchando en …» en la salida estándar";
        let first_line = self
            .wait_for(Stream::Stdout, what, limit, |text| {
                text.split_once('\n').map(|(line, _)| line.to_owned())
            })
            .map_err(|failure| self.without_announcement(failure))?;
        listening_address(&first_line).ok_or_else(|| {
            self.without_announcement(self.explain(Failure::new(format!(
                "La primera línea de «{}» debía ser «{LISTENING}DIRECCIÓN:PUERTO», y fue \
                 «{first_line}».",
                self.name
            ))))
        })
    }

    fn without_announcement(&self, failure: Failure) -> Failure {
        if self.stderr().contains(LISTENING) {
            return failure.hint(
                "lo dijo por la salida de errores; ha de decirlo por la estándar (en Python, `print` \
                 sin `file=sys.stderr`).",
            );
        }
        match family::listening_ports(self.pid.cast_signed()).first() {
            Some(port) => failure.hint(format!(
                "escucha ya en el puerto {port}, pero no lo ha dicho: quizá lo que escribe se queda \
                 en su búfer cuando la salida no es una terminal (en Python, `print(…, flush=True)`; \
                 en C, `fflush(stdout)`)."
            )),
            None => failure,
        }
    }

    // ---- Su vida ---------------------------------------------------------------------------

    /// Le envía una señal (kill(2)).
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        self.signal_all(signal, &[self.pid.cast_signed()])
    }

    /// Se la envía a esos procesos, que son él o los que arrancó. Los que ya no existan no la reciben.
    pub(super) fn signal_all(&self, signal: Signal, processes: &[i32]) -> Result<(), Failure> {
        let mut child = lock(&self.child);
        // Con el cerrojo tomado nadie lo recoge, y su número no puede ser ya el de otro.
        if child.try_wait()?.is_some() {
            drop(child);
            let headline = format!("«{}» ya había terminado al enviarle {signal}.", self.name);
            return Err(self.explain(Failure::new(headline)));
        }
        for pid in processes {
            match kill(Pid::from_raw(*pid), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(())
    }

    /// Se la envía al programa que este arrancó: un intérprete de órdenes o `strace`, por ejemplo,
    /// la dejan para él.
    pub fn signal_child(&self, signal: Signal) -> Result<(), Failure> {
        let child = self.ask_kernel(family::children)?.first().copied().ok_or_else(|| {
            self.explain(Failure::new(format!("«{}» no ha arrancado nada.", self.name)))
        })?;
        Ok(kill(Pid::from_raw(child), signal).map_err(io::Error::from)?)
    }

    /// Le pide con esa señal que termine, y espera a que lo haga.
    pub fn stop(&self, signal: Signal) -> Result<Exit, Failure> {
        self.signal(signal)?;
        self.wait(DEFAULT_LIMIT)
    }

    /// Lo detiene mientras ocurre `script`, para que después lo encuentre todo a la vez.
    pub fn while_stopped<T>(
        &self,
        script: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.signal(Signal::SIGSTOP)?;
        self.eventually("se detuviera", DEFAULT_LIMIT, || {
            let status = self.ask_kernel(Process::status);
            status.is_ok_and(|status| status.state.starts_with(['t', 'T']))
        })?;
        let outcome = script()?;
        self.signal(Signal::SIGCONT)?;
        Ok(outcome)
    }

    /// Si sigue en marcha.
    pub fn is_alive(&self) -> bool {
        self.status().is_none()
    }

    /// Espera a que termine.
    pub fn wait(&self, limit: Duration) -> Result<Exit, Failure> {
        let status = poll(limit, || self.status()).ok_or_else(|| {
            self.explain(Failure::new(format!(
                "Se esperaba que «{}» terminara, y en {} no lo hizo.",
                self.name,
                wording::duration(limit)
            )))
        })?;
        self.hear_last_words();
        Ok(Exit {
            code: status.code(),
            signal: status.signal().and_then(|number| Signal::try_from(number).ok()),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        })
    }

    fn status(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }

    // ---- Lo que el núcleo cuenta de él -----------------------------------------------------

    /// El procesador que ha gastado, en modo usuario y en modo núcleo (de 10 en 10 ms).
    pub fn cpu_time(&self) -> Result<Duration, Failure> {
        self.ask_kernel(activity::cpu_time)
    }

    /// Cuántos descriptores de archivo tiene abiertos.
    pub fn open_descriptors(&self) -> Result<usize, Failure> {
        self.ask_kernel(Process::fd_count)
    }

    /// Espera a que tenga abiertos exactamente tantos.
    pub fn holds_descriptors(&self, count: usize) -> Result<(), Failure> {
        let what = format!("el programa tuviera abiertos {count} descriptores");
        let holds = || self.open_descriptors().is_ok_and(|open| open == count);
        self.eventually(&what, DEFAULT_LIMIT, holds)
    }

    /// Una medida de su memoria, en KiB: `memory(|told| told.vmrss)` (proc(5), «status»).
    pub fn memory(&self, which: impl FnOnce(&Status) -> Option<u64>) -> Result<u64, Failure> {
        // Un proceso que ha terminado y nadie ha recogido no tiene memoria de la que hablar.
        which(&self.ask_kernel(Process::status)?).ok_or_else(|| {
            self.explain(Failure::new("El núcleo no dice cuánta memoria tiene el proceso."))
        })
    }

    /// Los nombres de sus hilos, en orden de creación (el núcleo los corta a 15 bytes).
    pub fn threads(&self) -> Result<Vec<String>, Failure> {
        self.ask_kernel(activity::thread_names)
    }

    /// Cualquier otra cosa que el núcleo cuente de él: `ask_kernel(Process::status)?.vmrss`.
    pub fn ask_kernel<T>(
        &self,
        question: impl FnOnce(&Process) -> ProcResult<T>,
    ) -> Result<T, Failure> {
        self.process().and_then(|process| question(&process)).map_err(|_| {
            let headline = format!("El núcleo ya no sabe nada de «{}».", self.name);
            self.explain(Failure::new(headline))
        })
    }

    fn process(&self) -> ProcResult<Process> {
        Process::new(self.pid.cast_signed())
    }

    // ---- Cuando algo no sale ---------------------------------------------------------------

    /// Como [`eventually`](crate::eventually), y si no se cumple, cuenta además qué hacía el
    /// programa.
    pub fn eventually(
        &self,
        what: &str,
        limit: Duration,
        condition: impl FnMut() -> bool,
    ) -> Result<(), Failure> {
        waiting::eventually(what, limit, condition).map_err(|failure| self.explain(failure))
    }

    /// Añade a un fallo qué hacía el programa: en qué llamada está cada hilo, y qué ha escrito.
    pub fn explain(&self, failure: Failure) -> Failure {
        let activities = self.activities(failure.doing());
        let doing = format!("Qué hacía «{}» (proceso {})", self.name, self.pid);
        failure
            .section(doing, activities)
            .section("Lo último de su salida estándar", self.stdout.last_lines())
            .section("Lo último de su salida de errores", self.stderr.last_lines())
    }

    /// Lo que se apuntó cuando ocurrió, si sigue vivo; si no se apuntó nada, lo que hace ahora.
    fn activities(&self, noted: Option<&[String]>) -> Vec<String> {
        // Quien acaba de cerrar su salida puede tardar un instante en terminar del todo.
        let patience = if self.stdout.has_ended() { LAST_WORDS } else { Duration::ZERO };
        let Some(status) = poll(patience, || self.status()) else {
            let now = || activity::activities(&[self.pid]).unwrap_or_default();
            return noted.map_or_else(now, <[String]>::to_vec);
        };
        self.hear_last_words();
        vec![describe(status)]
    }

    /// Espera a que acabe de llegar lo que escribió antes de terminar.
    fn hear_last_words(&self) {
        // Ya no hay a quién hacer esperar.
        self.read_on();
        self.stdout.wait_for_end(LAST_WORDS);
        self.stderr.wait_for_end(LAST_WORDS);
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("había terminado, con código {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("lo había matado {signal}"),
            Err(_) => format!("lo había matado la señal {number}"),
        },
        (None, None) => "había terminado".to_owned(),
    }
}

/// Quien escribe en la entrada del programa: otro hilo, porque él puede no leerla nunca.
fn spawn_typist(mut pipe: Box<dyn Write + Send>) -> io::Result<Sender<Vec<u8>>> {
    let (sender, receiver): (_, Receiver<Vec<u8>>) = channel();
    thread::Builder::new().name("escribe a un programa".to_owned()).spawn(move || {
        for text in receiver {
            if pipe.write_all(&text).and_then(|()| pipe.flush()).is_err() {
                break;
            }
        }
    })?;
    Ok(sender)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Running {
    fn drop(&mut self) {
        // Que no quede un hilo esperando para siempre.
        self.read_on();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Si ya había terminado y se recogió, su número puede ser ya el de otro.
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        // Hay servidores de varios procesos, y los hijos no se van con su padre.
        let descendants = family::descendants(self.pid.cast_signed());
        let _ = child.kill();
        for descendant in descendants {
            let _ = kill(Pid::from_raw(descendant), Signal::SIGKILL);
        }
        let _ = child.wait();
    }
}

/// Un [`Running`] que ya escucha: se usa como él, y además tiene dirección.
#[derive(Debug)]
pub struct Server {
    running: Running,
    address: SocketAddr,
}

impl Server {
    pub(super) fn new(running: Running, limit: Duration) -> Result<Self, Failure> {
        let address = running.announced(limit)?;
        Ok(Self { running, address })
    }

    /// Dónde escucha, según él mismo.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    line.strip_prefix(LISTENING)?.parse().ok()
}

impl Deref for Server {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Exit {
    /// La única línea con la que se quejó, después de comprobar que es la única y que salió con
    /// ese código.
    pub fn complaint(&self, code: i32) -> Result<&str, Failure> {
        let one_line = self.stderr.ends_with('\n') && self.stderr.lines().count() == 1;
        if self.code == Some(code) && self.stdout.is_empty() && one_line {
            return Ok(&self.stderr);
        }
        Err(Failure::new(format!("Se esperaba una línea y el código {code}:\n{self}")))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => writeln!(f, "código de salida: {code}")?,
            (None, Some(signal)) => writeln!(f, "lo mató {signal}")?,
            (None, None) => writeln!(f, "terminó sin código")?,
        }
        writeln!(f, "--- salida estándar\n{}", self.stdout)?;
        write!(f, "--- salida de errores\n{}", self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_dirección_puede_ser_de_las_dos_familias() {
        let port = |line| listening_address(line).map(|address| address.port());
        assert_eq!(port("Escuchando en 127.0.0.1:8800"), Some(8800));
        assert_eq!(port("Escuchando en [::1]:8800"), Some(8800));
        assert_eq!(port("Listening on 127.0.0.1:8800"), None);
        assert_eq!(port("Escuchando en localhost:8800"), None);
    }
}
