//! strace(1), en marcha: con qué opciones, por dónde llega lo que ve y qué hacer si no puede.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus};

use multiplexacion::cli::Trouble;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::calls::CALLS;
use crate::python::Hook;
use crate::signals;

/// Si strace está, y puede mirar. `instead` es lo que se puede hacer sin él: «quita -v».
pub fn can_observe(instead: &str) -> Result<(), Trouble> {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let instead = if instead.is_empty() { String::new() } else { format!("; o {instead}") };
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(Trouble::new(
            "strace no puede mirar a otro programa en esta máquina",
            format!(
                "en un contenedor, arráncalo con --cap-add=SYS_PTRACE; si no, baja a 1 el número de /proc/sys/kernel/yama/ptrace_scope{instead}"
            ),
        )),
        Err(_) => Err(Trouble::new(
            "hace falta strace, que no está",
            format!("instálalo con «sudo apt-get install strace»{instead}"),
        )),
    }
}

/// El archivo que ejecuta una orden, como lo buscaría la terminal: execvp(3).
pub fn program(name: &OsStr) -> Result<PathBuf, Trouble> {
    let shown = name.to_string_lossy();
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if name.as_encoded_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match path.exists() {
            true if runs(&path) => Ok(path),
            true => Err(Trouble::new(
                format!("«{shown}» no se puede ejecutar"),
                format!(
                    "dale permiso con «chmod +x {shown}», o pon delante su intérprete, como python3"
                ),
            )),
            false => Err(not_found(&shown)),
        };
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| runs(path));
    found.ok_or_else(|| not_found(&shown))
}

fn not_found(name: &str) -> Trouble {
    Trouble::new(
        format!("no se encuentra la orden «{name}»"),
        "mira si está bien escrita; si es un archivo de esta carpeta, escribe ./ delante",
    )
}

/// Un strace que observa a un programa.
#[derive(Debug)]
pub(crate) struct Tracer {
    child: Child,
    pipe: PipeReader,
    /// Mientras strace no la abra por su cuenta, alguien ha de tener abierta su punta de la tubería.
    ours: Option<PipeWriter>,
}

impl Tracer {
    /// Arranca `command`, observado; con `stacks`, se sabe desde qué funciones llama; con `hook`, lo
    /// dice el propio Python. Errores: los de pipe(2) y fork(2).
    pub(crate) fn start(
        command: &[OsString],
        stacks: bool,
        hook: Option<&Hook>,
    ) -> io::Result<Tracer> {
        let (pipe, ours) = io::pipe()?;
        // strace la abre por su nombre: si la heredara, el programa tendría un descriptor de más.
        let output = format!("/proc/{}/fd/{}", process::id(), ours.as_raw_fd());
        let mut strace = Command::new("strace");
        strace.args(["-f", "-ttt", "-T", "-yy", "-q", "-s", "256", "--seccomp-bpf", "-I", "3"]);
        if stacks {
            strace.arg("-k");
        }
        let mut calls = CALLS.to_owned();
        if let Some(hook) = hook {
            calls.push_str(",?access,?faccessat,?faccessat2");
            strace.env("PYTHONPATH", hook.search_path());
        }
        strace.args(["-e", &calls, "-o", &output, "--"]).args(command);
        let child = signals::without_aside(|| strace.spawn())?;
        Ok(Tracer { child, pipe, ours: Some(ours) })
    }

    /// Lo que haya llegado. Vacío, si strace terminó.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; 64 * 1024];
        let count = self.pipe.read(&mut piece)?;
        piece.truncate(count);
        self.ours = None;
        Ok(piece)
    }

    /// Si no hay nada suyo por leer.
    pub(crate) fn is_silent(&self) -> bool {
        let mut watched = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut watched, PollTimeout::ZERO).is_ok_and(|ready| ready == 0)
    }

    /// Si strace terminó sin llegar a decir nada.
    pub(crate) fn gave_up(&mut self) -> bool {
        let over = self.child.try_wait().is_ok_and(|status| status.is_some());
        if over {
            self.ours = None;
        }
        over
    }

    /// Espera a que termine. Su estado es el del programa.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl AsFd for Tracer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
