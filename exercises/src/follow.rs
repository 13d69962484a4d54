//! Las órdenes de un enunciado, seguidas como las seguiría quien aprende, contra la solución.
//!
//! Se ejecuta lo que está escrito, letra por letra, salvo tres cosas: el puerto lo da el núcleo,
//! `cargo curso ejecutar` y `cargo run` son los ejecutables ya compilados, y en una terminal de
//! [`Hands::open`] un `sleep` dura hasta que se le despierta.

use std::env;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use harness::procfs::net::{TcpNetEntry, TcpState, tcp};
use harness::{Failure, Running, Stream, eventually, tools};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use prose::{LIMIT, Quoted, as_here, program, quoted, shell, with_process};

use crate::outcome::{Outcome, ensure};
use crate::runner::BY_HAND;

/// La prueba de que el enunciado de un ejercicio se puede seguir: [`follow`](follow()), contra la
/// solución.
#[macro_export]
macro_rules! follow {
    ($script:expr) => {
        #[cfg(feature = "soluciones")]
        fn el_enunciado_se_puede_seguir() -> $crate::Outcome {
            $crate::follow(include_str!("enunciado.md"), $script)
        }
    };
}

/// Sigue con `script` las órdenes de `statement`: las de sus bloques `console` y las que cita entre
/// comillas de código y nombran el puerto. Todas: la que `script` no siga es un fallo.
pub fn follow(statement: &str, script: impl FnOnce(&mut Hands) -> Outcome) -> Outcome {
    let mut hands = Hands::before(statement)?;
    if !hands.possible_here()? {
        return Ok(());
    }
    script(&mut hands).map_err(|failure| hands.explain(failure))?;
    hands.finish()
}

/// Quien sigue un enunciado: sus terminales y su teclado.
#[derive(Debug)]
pub struct Hands {
    id: String,
    /// Las órdenes, y si ya se siguieron.
    commands: Vec<(Quoted, bool)>,
    /// El puerto que nombra el enunciado, y el que dio el núcleo.
    quoted_port: String,
    port: u16,
    server: Option<Running>,
    /// Donde se ejecuta todo: la raíz del repositorio, si no se dice otra cosa.
    folder: PathBuf,
    /// Por donde se despierta a un `sleep`.
    alarm: Alarm,
}

/// Otra terminal, en la que hay algo en marcha. Al soltarla, se termina.
#[derive(Debug)]
pub struct Terminal {
    quoted: Quoted,
    running: Running,
}

impl Hands {
    /// Lee el enunciado, y comprueba que hable del ejercicio que se está probando.
    fn before(statement: &str) -> Result<Hands, Failure> {
        let executable = env::current_exe()?;
        let name = executable.file_name().unwrap_or_default().to_string_lossy();
        let id = name.rsplit_once('-').map_or(&*name, |(id, _)| id).to_owned();
        let run = format!("cargo curso ejecutar {id}");
        let quoted_port: String = statement
            .split_once(&format!("{run} --port "))
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
            .unwrap_or_default();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let test = format!("cargo curso probar {id}");
        let mut commands = quoted(&root.join(format!("exercises/{id}/enunciado.md")), statement)?;
        commands.retain(|quoted| {
            let names = |what: &str| !what.is_empty() && quoted.command.contains(what);
            !quoted.in_a_sentence || names(" ") && (names(&quoted_port) || names("$(pgrep "))
        });
        for order in [&test, &run] {
            ensure(commands.iter().any(|quoted| quoted.command.contains(order.as_str())), || {
                format!("El enunciado debe decir «{order}», y no lo dice.")
            })?;
        }
        // Probarlo es lo que se está haciendo.
        let followed = |quoted: Quoted| {
            let already = quoted.command == test;
            (quoted, already)
        };
        let commands = commands.into_iter().map(followed).collect();
        Ok(Hands {
            id,
            commands,
            quoted_port,
            port: 0,
            server: None,
            folder: root.to_owned(),
            alarm: Alarm::new()?,
        })
    }

    /// Lo que sigue se ejecuta en `folder`, y no en la raíz del repositorio.
    pub fn stand_in(&mut self, folder: impl Into<PathBuf>) {
        self.folder = folder.into();
    }

    /// Arranca, con la orden que empieza por `start`, el servidor con el que hablan las demás.
    pub fn serve(&mut self, start: &str) -> Outcome {
        // Con `exec`, el proceso que se arranca es el servidor, y no quien lo arrancó.
        let command = format!("exec 2>&1; exec {}", self.take(start)?.command);
        let server = shell(&self.folder, &command).spawn()?;
        let line = server.wait_for_line(Stream::Stdout, "Escuchando en ", LIMIT)?;
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        self.port = port.ok_or_else(|| Failure::new(format!("No se entiende «{line}».")))?;
        self.server = Some(server);
        Ok(())
    }

    /// Ejecuta la orden que empieza por `start` hasta que termine, y devuelve lo que se ve. Es un fallo
    /// si acaba mal, o si no es lo que dice el enunciado.
    pub fn run(&mut self, start: &str) -> Result<String, Failure> {
        self.run_typing(start, "")
    }

    /// Lo mismo, con alguien que teclea `typed` y después Ctrl-D.
    pub fn run_typing(&mut self, start: &str, typed: &str) -> Result<String, Failure> {
        let mut quoted = self.take(start)?;
        let exit = prose::run(&self.folder, &quoted.command, typed)?;
        let seen = exit.stdout;
        ensure(exit.code == Some(0), || {
            format!("«{}» acabó mal, y dijo:\n{seen}", quoted.command)
        })?;
        // En la terminal se ve también lo que se teclea.
        for line in typed.lines() {
            if let Some(at) = quoted.answer.iter().position(|shown| shown == line) {
                quoted.answer.remove(at);
            }
        }
        same(&quoted, &seen)?;
        Ok(seen)
    }

    /// La ejecuta en otra terminal, y vuelve cuando ya está en marcha. Si llega a un `sleep`, duerme
    /// hasta [`Hands::wake`]. El cliente de la lección, que escribe distinto en una terminal, la tiene
    /// de verdad.
    pub fn open(&mut self, start: &str) -> Result<Terminal, Failure> {
        let quoted = self.take(start)?;
        let asleep = format!("sleep() {{ : < '{}'; }}", self.alarm.path.display());
        let script = format!("{asleep}; exec 2>&1; {}", quoted.command);
        let mut program = shell(&self.folder, &script);
        if start.starts_with("cargo run") {
            program = program.on_terminal(80, 24);
        }
        Ok(Terminal { quoted, running: program.spawn()? })
    }

    /// Espera a que haya tantas conexiones con el servidor, aceptadas o no.
    pub fn wait_for_connections(&self, count: usize) -> Outcome {
        let what = format!("hubiera {count} conexiones con el servidor");
        eventually(&what, LIMIT, || unsent(self.port).len() == count)
    }

    /// Espera a que a alguien no le quepa ya lo que el servidor le envía.
    pub fn wait_for_a_full_buffer(&self) -> Outcome {
        eventually("el servidor tuviera algo sin enviar", LIMIT, || {
            unsent(self.port).iter().any(|&bytes| bytes > 0)
        })
    }

    /// Espera a que el servidor escriba una línea con eso.
    pub fn wait_for_server(&self, text: &str) -> Outcome {
        let server = self.server.as_ref().ok_or_else(|| Failure::new("No hay servidor."))?;
        server.wait_for_line(Stream::Stdout, text, LIMIT).map(drop)
    }

    /// Espera a que en alguna terminal alguien duerma en un `sleep`, y lo despierta.
    pub fn wake(&self) -> Outcome {
        eventually("alguien durmiera en un `sleep`", LIMIT, || self.alarm.ring().is_ok())
    }

    /// La deja sin ejecutar, por lo que dice `_why`.
    pub fn leave(&mut self, start: &str, _why: &str) -> Outcome {
        self.take(start).map(drop)
    }

    /// La orden que empieza así y aún no se ha seguido o, si ya se siguieron todas, otra vez la
    /// primera; lista para ejecutarse, y con lo que el enunciado dice que responde.
    fn take(&mut self, start: &str) -> Result<Quoted, Failure> {
        let places = || {
            (0..self.commands.len()).filter(|&at| self.commands[at].0.command.starts_with(start))
        };
        let place = places().find(|&at| !self.commands[at].1).or_else(|| places().next());
        let at = place.ok_or_else(|| {
            Failure::new(format!("El enunciado no cita ninguna orden que empiece por «{start}»."))
        })?;
        self.commands[at].1 = true;
        let quoted = self.commands[at].0.clone();
        Ok(Quoted { command: self.as_here(&quoted.command)?, ..quoted })
    }

    /// La orden, con el puerto, los ejecutables y los números de proceso de aquí.
    fn as_here(&self, command: &str) -> Result<String, Failure> {
        let mut here = command.to_owned();
        if !self.quoted_port.is_empty() {
            here = here.replace(&self.quoted_port, &self.port.to_string());
        }
        let run = format!("cargo curso ejecutar {} --port {}", self.id, self.port);
        let exercise =
            format!("env CURSO_PUERTO={} '{}' {BY_HAND}", self.port, env::current_exe()?.display());
        let here = as_here(&here)?.replace(&run, &exercise);
        with_process(&here, &self.id, self.server.as_ref().map_or(0, Running::pid))
    }

    /// Si se puede seguir en esta máquina. Si no, lo dice.
    fn possible_here(&self) -> Result<bool, Failure> {
        let untested = format!("el enunciado de {}", self.id);
        let commands = || self.commands.iter().map(|(quoted, _)| &*quoted.command);
        for lesson in commands().filter_map(|command| command.strip_prefix("cargo run --bin ")) {
            let name = lesson.split(' ').next().unwrap_or_default();
            if !program(name)?.is_file() {
                return tools::missing("falta compilar la lección, con «cargo build»", &untested);
            }
        }
        prose::possible(commands(), &untested)
    }

    fn explain(&self, failure: Failure) -> Failure {
        match &self.server {
            Some(server) => server.explain(failure),
            None => failure,
        }
    }

    /// Comprueba que se siguieron todas, y que el servidor ha sobrevivido.
    fn finish(self) -> Outcome {
        if let Some((quoted, _)) = self.commands.iter().find(|(_, followed)| !followed) {
            return Err(Failure::new(format!(
                "El enunciado cita «{}», y la prueba no la sigue.",
                quoted.command
            )));
        }
        match &self.server {
            Some(server) if !server.is_alive() => {
                Err(self.explain(Failure::new("Al seguir el enunciado, el servidor terminó.")))
            }
            _ => Ok(()),
        }
    }
}

impl Terminal {
    /// Teclea algo.
    pub fn types(&self, text: &str) {
        self.running.write_stdin(text);
    }

    /// Espera a que se vea eso.
    pub fn shows(&self, text: &str) -> Outcome {
        self.running.wait_for_text(Stream::Stdout, text, LIMIT)
    }

    /// Si lo que se arrancó sigue en marcha.
    pub fn is_busy(&self) -> bool {
        self.running.is_alive()
    }

    /// Ctrl-D, y espera a que termine: lo que se vio, y el código de salida.
    pub fn ends(self) -> Result<(String, Option<i32>), Failure> {
        self.running.close_stdin();
        let exit = self.running.wait(LIMIT).map_err(|failure| {
            failure.within(format!("En otra terminal, «{}».", self.quoted.command))
        })?;
        same(&self.quoted, &exit.stdout)?;
        Ok((exit.stdout, exit.code))
    }
}

/// Comprueba que se vea lo que dice el enunciado, si lo dice.
fn same(quoted: &Quoted, seen: &str) -> Outcome {
    let compared = quoted.answers(seen, |text| text.trim().to_owned());
    compared.map_err(|failure| failure.within(format!("{}: «{}»", quoted.place, quoted.command)))
}

/// Los bytes que están sin enviar, o sin confirmar, en cada conexión que ese puerto de esta máquina
/// tiene establecida, según el núcleo (proc(5)).
fn unsent(port: u16) -> Vec<u32> {
    let open = |socket: &TcpNetEntry| {
        socket.local_address.port() == port && socket.state == TcpState::Established
    };
    tcp().into_iter().flatten().filter(open).map(|socket| socket.tx_queue).collect()
}

/// Una tubería con nombre: abrirla para leer duerme hasta que alguien la abra para escribir.
#[derive(Debug)]
struct Alarm {
    path: PathBuf,
}

impl Alarm {
    fn new() -> io::Result<Alarm> {
        let path = env::temp_dir().join(format!("curso-alarma-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        mkfifo(&path, Mode::S_IRWXU)?;
        Ok(Alarm { path })
    }

    /// Si nadie espera, no se puede abrir (ENXIO; fifo(7)).
    fn ring(&self) -> io::Result<()> {
        let flags = OFlag::O_NONBLOCK.bits();
        OpenOptions::new().write(true).custom_flags(flags).open(&self.path).map(drop)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
