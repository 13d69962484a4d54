//! Un programa de otro, en marcha mientras este viva, y no más.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors::reason;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::leash;

/// Lo que se espera a que un programa esté listo.
const START: Duration = Duration::from_secs(20);
/// Lo que se espera a que termine en orden; después se lo mata.
const FAREWELL: Duration = Duration::from_secs(4);
/// Cada cuánto se mira si ya terminó.
const GLANCE: Duration = Duration::from_millis(5);

/// Un programa en marcha. Al soltarlo se mata y se recoge.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Lo arranca [atado](leash) a este programa: si este muere, él también. Y en su propio grupo: Ctrl-C
    /// en la terminal es solo para este, que los termina en orden.
    ///
    /// Lo que diga por la salida de errores se repite con su nombre delante. Devuelve también sus
    /// líneas de la salida estándar. Errores: no se pudo.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        arguments: &[OsString],
    ) -> Result<(Process, Receiver<String>), Trouble> {
        let mut command = leash::command(program.as_os_str(), arguments)?;
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.spawn().and_then(|mut child| {
            let (sender, lines) = channel();
            if let Some(pipe) = child.stdout.take() {
                // Cuando nadie las espere ya, se leen igual: la tubería no debe llenarse.
                read_lines(pipe, move |line| drop(sender.send(line)))?;
            }
            if let Some(pipe) = child.stderr.take() {
                let name = name.to_owned();
                read_lines(pipe, move |line| {
                    let said = line.split_once("aplic_02_07: ").map_or(&*line, |(_, said)| said);
                    cli::complain(&format!("{name}: {said}"));
                })?;
            }
            Ok((Process { child }, lines))
        });
        started.map_err(|error| could_not_start(name, &reason(&error)))
    }

    /// Su número de proceso.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Cómo terminó, si terminó.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(describe)
    }

    /// Le envía una señal. Quien la envía es quien lo recoge: su número no puede ser ya de otro.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            // Falla si acaba de terminar: es lo que se quería.
            let _ = kill(Pid::from_raw(self.pid().cast_signed()), signal);
        }
    }

    /// Espera a que termine lo que se le pidió terminar, y si tarda lo mata.
    pub(crate) fn wait(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        while self.ended().is_none() {
            if Instant::now() >= deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(GLANCE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Espera una línea que contenga `text`. Errores: terminó sin decirla, o tarda demasiado.
pub(crate) fn wait_for_line(
    lines: &Receiver<String>,
    name: &str,
    text: &str,
) -> Result<(), Trouble> {
    let deadline = Instant::now() + START;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains(text) => return Ok(()),
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(could_not_start(name, "terminó nada más empezar"));
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(could_not_start(name, "tarda demasiado en estar listo"));
            }
        }
    }
}

/// Pregunta una y otra vez si ya está listo. Errores: terminó antes, o tarda demasiado.
pub(crate) fn wait_until(
    process: &mut Process,
    name: &str,
    mut ready: impl FnMut() -> bool,
) -> Result<(), Trouble> {
    let deadline = Instant::now() + START;
    while !ready() {
        if let Some(how) = process.ended() {
            return Err(could_not_start(name, &format!("terminó {how}")));
        }
        if Instant::now() >= deadline {
            return Err(could_not_start(name, "tarda demasiado en estar listo"));
        }
        thread::sleep(GLANCE);
    }
    Ok(())
}

fn could_not_start(name: &str, why: &str) -> Trouble {
    Trouble::new(format!("no arranca el {name}: {why}"), "lee lo que haya dicho, aquí arriba")
}

fn read_lines(
    pipe: impl Read + Send + 'static,
    mut each: impl FnMut(String) + Send + 'static,
) -> io::Result<()> {
    let reading = move || BufReader::new(pipe).lines().map_while(Result::ok).for_each(&mut each);
    thread::Builder::new().name("lee un programa".to_owned()).spawn(reading).map(drop)
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("con código {code}"),
        (None, Some(Ok(signal))) => format!("por {signal}"),
        _ => "sin código".to_owned(),
    }
}
