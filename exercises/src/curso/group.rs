//! Un proceso y los que arranque: si hay que terminarlo, terminan todos.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Cada cuánto se mira si ha terminado.
const GLANCE: Duration = Duration::from_millis(3);

/// Cada cuánto mira quien lee una tubería si ya no hay nadie de quien esperar nada, en milisegundos.
const PEEK: u16 = 50;

/// Lo que se sigue leyendo, como mucho, cuando el proceso ya terminó: lo que dejó escrito.
const REMAINS: Duration = Duration::from_secs(1);

/// Lo arranca sin teclado y con sus dos salidas en tuberías.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Espera a que termine quien encabeza su grupo, como mucho `limit`; nada, si hubo que terminarlo por eso o porque alguien
/// abandonó. De su grupo no queda nadie.
pub(crate) fn wait(
    child: &mut Child,
    limit: Duration,
    abandoned: &AtomicBool,
) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut status = None;
    while status.is_none() && started.elapsed() < limit && !abandoned.load(Ordering::Relaxed) {
        status = child.try_wait()?;
        if status.is_none() {
            thread::sleep(GLANCE);
        }
    }
    let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    child.wait()?;
    Ok(status)
}

/// Alguien que lee una salida en otro hilo.
pub(crate) struct Gathering {
    thread: JoinHandle<String>,
    over: Arc<OnceLock<Instant>>,
}

/// Lee una salida en otro hilo, para que quien escribe no se detenga.
pub(crate) fn gather<R: Read + AsFd + Send + 'static>(
    pipe: Option<R>,
    read: impl FnOnce(Pipe<R>) -> String + Send + 'static,
) -> Gathering {
    let over = Arc::new(OnceLock::new());
    let pipe = pipe.map(|pipe| Pipe { pipe, over: Arc::clone(&over) });
    Gathering { thread: thread::spawn(move || pipe.map(read).unwrap_or_default()), over }
}

/// Lo que se leyó, una vez terminado quien escribía.
pub(crate) fn joined(gathering: Gathering) -> String {
    let _ = gathering.over.set(Instant::now());
    gathering.thread.join().unwrap_or_default()
}

/// Una salida que se acaba cuando termina el proceso, aunque un hijo suyo que se fue a otro grupo
/// la conserve abierta: ese no la cerraría nunca.
pub(crate) struct Pipe<R> {
    pipe: R,
    over: Arc<OnceLock<Instant>>,
}

impl<R: Read + AsFd> Read for Pipe<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let over = self.over.get().map(Instant::elapsed);
            let mut watched = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
            match poll(&mut watched, PollTimeout::from(PEEK)) {
                Ok(0) if over.is_some() => return Ok(0),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) if over.is_some_and(|over| over > REMAINS) => return Ok(0),
                Ok(_) => return self.pipe.read(bytes),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    /// Lo que dice `script`, que encabeza su grupo, y lo que se tardó en saberlo.
    fn said(script: &str) -> (String, Duration) {
        let started = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", script]).process_group(0);
        let mut child = spawn(&mut command).unwrap();
        let out =
            gather(child.stdout.take(), |pipe| io::read_to_string(pipe.take(1 << 20)).unwrap());
        wait(&mut child, Duration::from_secs(20), &AtomicBool::new(false)).unwrap();
        (joined(out), started.elapsed())
    }

    #[test]
    fn un_hijo_que_se_fue_y_conserva_la_salida_no_detiene_a_nadie() {
        let (text, took) = said("setsid sleep 15 & echo hola");
        assert_eq!(text, "hola\n");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn un_hijo_que_se_fue_y_no_deja_de_escribir_tampoco() {
        // Quien encabeza el grupo se va cuando el otro ya está escribiendo.
        let (text, took) = said(
            "f=$(mktemp -u); setsid timeout 15 sh -c \"echo y; touch $f; exec yes\" & \
             until [ -e $f ]; do sleep 0.01; done; rm $f; echo hola",
        );
        assert!(text.contains('y'));
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn lo_escrito_antes_de_terminar_se_lee_entero() {
        assert_eq!(said("seq 100000 | tail -n 50000").0.lines().count(), 50000);
    }
}
