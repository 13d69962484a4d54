//! Programas: arrancarlos, esperar a que escuchen, leer lo que escriben y saber dónde se atascan.

mod activity;
mod ctrl_c;
mod family;
mod output;
mod running;
mod still;
mod stillness;
mod terminal;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) use activity::activities;
pub(crate) use family::{in_foreground, listeners};
pub use output::Stream;
pub use running::{Exit, Running, Server};
pub(crate) use still::Still;
pub(crate) use stillness::let_settle;

use running::Pipes;

use crate::failure::Failure;
use crate::limits::raise_descriptor_limit;
use crate::waiting::DEFAULT_LIMIT;
use terminal::Terminal;

/// Un programa que se va a arrancar, con todo lo que hace falta para ello.
///
/// Su entrada estándar es una tubería que queda abierta mientras no se cierre, como la de quien
/// tiene el teclado delante y no escribe nada. Lo que escribe se lee siempre, aunque nadie lo
/// mire: nunca se queda bloqueado por eso.
///
/// ```no_run
/// # use harness::{Failure, Program};
/// # use std::time::Duration;
/// # fn main() -> Result<(), Failure> {
/// let server = Program::new("target/debug/aplic_02_03")
///     .args(["--name", "servidor", "--port", "0"])
///     .descriptor_limit(32)
///     .start()?;
/// println!("{}", server.address());
/// server.signal(harness::Signal::SIGTERM)?;
/// assert_eq!(server.wait(Duration::from_secs(5))?.code, Some(0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    shell: &'static str,
    preparations: Vec<String>,
    stdin: Stdin,
    held: bool,
}

#[derive(Debug, Clone, Copy)]
enum Stdin {
    Piped,
    Null,
    Terminal,
}

impl Program {
    /// El ejecutable que hay en `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            args: Vec::new(),
            env: Vec::new(),
            shell: "sh",
            preparations: Vec::new(),
            stdin: Stdin::Piped,
            held: false,
        }
    }

    /// Añade un argumento.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Añade varios argumentos.
    pub fn args<Arg: Into<OsString>>(mut self, args: impl IntoIterator<Item = Arg>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Define una variable de entorno.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Cuántos descriptores de archivo puede tener abiertos (`ulimit -n`; getrlimit(2)), y
    /// [ninguno heredado](Self::without_inherited_descriptors): si no, le quedarían menos.
    pub fn descriptor_limit(self, count: u64) -> Self {
        self.without_inherited_descriptors().preparation(format!("ulimit -n {count}"))
    }

    /// Sin más descriptores abiertos que los tres de siempre, para que los números de los suyos no
    /// dependan de los que haya dejado abiertos quien ejecuta las pruebas.
    ///
    /// Necesita `bash`: otros intérpretes no saben cerrar el 10 ni los siguientes.
    pub fn without_inherited_descriptors(mut self) -> Self {
        self.shell = "bash";
        let close = "if [ ${open##*/} -gt 2 ]; then eval \"exec ${open##*/}>&-\"; fi";
        self.preparation(format!("for open in /proc/self/fd/*; do {close}; done"))
    }

    /// Sin entrada estándar: `/dev/null`.
    pub fn without_stdin(mut self) -> Self {
        self.stdin = Stdin::Null;
        self
    }

    /// Sin que nadie lea lo que escribe, salvo la primera línea de cada salida, hasta que se
    /// [siga leyendo](Running::read_on): la tubería se llena, y escribir puede hacerle esperar.
    pub fn unheeded(mut self) -> Self {
        self.held = true;
        self
    }

    /// Sin nadie que lea lo que escribe: escribir es EPIPE (pipe(7)).
    pub fn unread(self) -> Self {
        self.without_readers("exec >&3 2>&3 3>&-")
    }

    /// Como [`unread`](Self::unread), salvo la primera línea de su salida estándar: `| head -1`.
    pub fn heard_once(self) -> Self {
        self.without_readers("exec 2>&3 3>&- > >(head -n 1)")
    }

    /// El descriptor 3 es una tubería que ya no lee nadie.
    fn without_readers(mut self, redirection: &str) -> Self {
        self.shell = "bash";
        // Si ya había terminado cuando se le espera, bash lo cuenta a veces como un fallo: no lo es.
        self.preparation(format!("exec 3> >(:) && {{ wait $! || :; }} && {redirection}"))
    }

    /// Con una terminal de ese tamaño en vez de tuberías (pty(7)).
    ///
    /// Todo lo que dibuja aparece como salida estándar, sin interpretar. No es su terminal de
    /// control: Ctrl-C no envía la señal, hay que usar [`Running::signal`].
    pub fn on_terminal(mut self, columns: u16, rows: u16) -> Self {
        self.stdin = Stdin::Terminal;
        // Cambiar el tamaño desde aquí es un ioctl, y exigiría `unsafe`.
        self.env("TERM", "xterm").preparation(format!("stty cols {columns} rows {rows}"))
    }

    /// Lo arranca y espera a que diga dónde escucha.
    ///
    /// Su primera línea en la salida estándar ha de ser `Escuchando en DIRECCIÓN:PUERTO`.
    pub fn start(self) -> Result<Server, Failure> {
        Server::new(self.spawn()?, DEFAULT_LIMIT)
    }

    /// Lo arranca sin esperar nada: para programas que no son servidores.
    ///
    /// Antes sube [el límite de descriptores](crate::raise_descriptor_limit) de este proceso, que el
    /// programa hereda: los que puede abrir no dependen de la terminal.
    pub fn spawn(self) -> Result<Running, Failure> {
        raise_descriptor_limit();
        let name = self.name();
        let mut command = self.command();
        let result = match self.stdin {
            Stdin::Piped => spawn_with_pipes(&name, &mut command, Stdio::piped(), self.held),
            Stdin::Null => spawn_with_pipes(&name, &mut command, Stdio::null(), self.held),
            Stdin::Terminal => spawn_on_terminal(&name, &mut command, self.held),
        };
        result.map_err(|error| {
            let why = errors::reason(&error);
            Failure::new(format!("No se pudo arrancar «{name}»: {why}."))
        })
    }

    /// Lo arranca, le escribe `stdin`, cierra su entrada y espera a que termine.
    pub fn run_to_end(self, stdin: impl AsRef<[u8]>, limit: Duration) -> Result<Exit, Failure> {
        let running = self.spawn()?;
        running.write_stdin(stdin);
        running.close_stdin();
        running.wait(limit)
    }

    fn preparation(mut self, command: String) -> Self {
        self.preparations.push(command);
        self
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Con preparativos, pasa por un intérprete que los hace y se convierte (`exec`) en el programa: el
    /// número de proceso es el mismo. Hacerlos aquí, entre fork y exec, exigiría `unsafe`.
    fn command(&self) -> Command {
        let mut command = if self.preparations.is_empty() {
            Command::new(&self.path)
        } else {
            let script = format!("{} && exec \"$@\"", self.preparations.join(" && "));
            let mut shell = Command::new(self.shell);
            shell.arg("-c").arg(script).arg(self.shell).arg(&self.path);
            shell
        };
        command.args(&self.args).envs(self.env.iter().cloned());
        command
    }
}

fn spawn_with_pipes(
    name: &str,
    command: &mut Command,
    stdin: Stdio,
    held: bool,
) -> io::Result<Running> {
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pipes = Pipes {
        stdin: child.stdin.take().map(|pipe| Box::new(pipe) as _),
        stdout: child.stdout.take().map(|pipe| Box::new(pipe) as _),
        stderr: child.stderr.take().map(|pipe| Box::new(pipe) as _),
        held,
    };
    Running::new(name, child, pipes)
}

fn spawn_on_terminal(name: &str, command: &mut Command, held: bool) -> io::Result<Running> {
    let terminal = Terminal::open()?;
    let child = command
        .stdin(terminal.program_side()?)
        .stdout(terminal.program_side()?)
        .stderr(terminal.program_side()?)
        .spawn()?;
    let pipes = Pipes {
        stdin: Some(Box::new(terminal.our_side()?)),
        stdout: Some(Box::new(terminal.our_side()?)),
        stderr: None,
        held,
    };
    Running::new(name, child, pipes)
}
