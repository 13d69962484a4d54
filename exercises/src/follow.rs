//! Las órdenes de un enunciado, seguidas como las seguiría quien aprende, contra la solución.
//!
//! Se ejecuta lo que está escrito, letra por letra, salvo tres cosas: el puerto lo da el núcleo,
//! `cargo curso ejecutar` y `cargo run` son los ejecutables ya compilados, y en una terminal de
//! [`Hands::open`] un `sleep` dura hasta que se le despierta.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Exit, Failure, Program, Running, Stream, eventually};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::{Outcome, ensure, panics};

/// Lo que puede tardar cualquier cosa: la más lenta espera a que venza un plazo de cinco segundos.
const LIMIT: Duration = Duration::from_secs(60);

/// Los programas que usan los enunciados y pueden faltar.
const TOOLS: [&str; 5] = ["nc", "curl", "ss", "ps", "pgrep"];

/// Sigue con `script` las órdenes de `statement`: las de sus bloques `console` y las que cita entre
/// comillas de código y nombran el puerto. Todas: la que `script` no siga es un fallo.
///
/// # Errors
/// Una orden no termina bien, o no responde lo que dice el enunciado, o nadie la sigue.
pub fn follow(statement: &str, script: impl FnOnce(&mut Hands) -> Outcome) -> Outcome {
    let mut hands = Hands::before(statement)?;
    if let Some(why) = hands.impossible_here()? {
        // Directo al descriptor: una prueba que no prueba nada no debe pasar en silencio.
        writeln!(io::stderr(), "AVISO: sin seguir el enunciado de {}: {why}.", hands.id)?;
        return Ok(());
    }
    script(&mut hands).map_err(|failure| hands.explain(failure))?;
    hands.finish()
}

/// Una orden citada.
#[derive(Debug)]
struct Quoted {
    command: String,
    /// Lo que el enunciado dice que se ve después.
    answer: Vec<String>,
    followed: bool,
}

/// Quien sigue un enunciado: sus terminales y su teclado.
#[derive(Debug)]
pub struct Hands {
    id: String,
    commands: Vec<Quoted>,
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
    command: String,
    answer: Vec<String>,
    running: Running,
}

impl Hands {
    /// Lee el enunciado, y comprueba que hable del ejercicio que se está probando.
    fn before(statement: &str) -> Result<Hands, Failure> {
        panics::speak_spanish();
        let executable = env::current_exe()?;
        let name = executable.file_name().unwrap_or_default().to_string_lossy();
        let id = name.rsplit_once('-').map_or(&*name, |(id, _)| id).to_owned();
        let run = format!("cargo curso ejecutar {id}");
        let quoted_port: String = statement
            .split_once(&format!("{run} --port "))
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
            .unwrap_or_default();
        let mut commands = commands(statement, &quoted_port);
        let test = format!("cargo curso probar {id}");
        for quoted in &mut commands {
            // Es lo que se está haciendo.
            quoted.followed = quoted.command == test;
        }
        for order in [&test, &run] {
            ensure(commands.iter().any(|quoted| quoted.command.contains(order.as_str())), || {
                format!("El enunciado debe decir «{order}», y no lo dice.")
            })?;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        Ok(Hands {
            id,
            commands,
            quoted_port,
            port: 0,
            server: None,
            folder: folder.to_owned(),
            alarm: Alarm::new()?,
        })
    }

    /// Lo que sigue se ejecuta en `folder`, y no en la raíz del repositorio.
    pub fn stand_in(&mut self, folder: impl Into<PathBuf>) {
        self.folder = folder.into();
    }

    /// Arranca, con la orden que empieza por `start`, el servidor con el que hablan las demás.
    ///
    /// # Errors
    /// El enunciado no la cita, o no dice a tiempo dónde escucha.
    pub fn serve(&mut self, start: &str) -> Outcome {
        // Con `exec`, el proceso que se arranca es el servidor, y no quien lo arrancó.
        let command = format!("exec {}", self.take(start)?.0);
        let server = self.shell(&command, "").spawn()?;
        let line = server.wait_for_line(Stream::Stdout, "Escuchando en ", LIMIT)?;
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        self.port = port.ok_or_else(|| Failure::new(format!("No se entiende «{line}».")))?;
        self.server = Some(server);
        Ok(())
    }

    /// Ejecuta la orden que empieza por `start` hasta que termine, y devuelve lo que se ve.
    ///
    /// # Errors
    /// El enunciado no la cita, o dice que responde otra cosa, o la orden acaba mal.
    pub fn run(&mut self, start: &str) -> Result<String, Failure> {
        self.run_typing(start, "")
    }

    /// Lo mismo, con alguien que teclea `typed` y después Ctrl-D.
    ///
    /// # Errors
    /// Los de [`Hands::run`].
    pub fn run_typing(&mut self, start: &str, typed: &str) -> Result<String, Failure> {
        let (command, mut answer) = self.take(start)?;
        let exit = self.shell(&command, "").run_to_end(typed, LIMIT)?;
        let seen = on_screen(&exit);
        ensure(exit.code == Some(0), || format!("«{command}» acabó mal, y dijo:\n{seen}"))?;
        // En la terminal se ve también lo que se teclea.
        for line in typed.lines() {
            if let Some(at) = answer.iter().position(|shown| shown == line) {
                answer.remove(at);
            }
        }
        same(&command, &answer, &seen)?;
        Ok(seen)
    }

    /// La ejecuta en otra terminal, y vuelve cuando ya está en marcha. Si llega a un `sleep`, duerme
    /// hasta [`Hands::wake`]. El cliente de la lección, que escribe distinto en una terminal, la tiene
    /// de verdad.
    ///
    /// # Errors
    /// El enunciado no la cita, o no se puede arrancar.
    pub fn open(&mut self, start: &str) -> Result<Terminal, Failure> {
        let (command, answer) = self.take(start)?;
        let asleep = format!("sleep() {{ : < '{}'; }}; ", self.alarm.path.display());
        let mut program = self.shell(&command, &asleep);
        if start.starts_with("cargo run") {
            program = program.on_terminal(80, 24);
        }
        Ok(Terminal { command, answer, running: program.spawn()? })
    }

    /// Espera a que haya tantas conexiones con el servidor, aceptadas o no.
    ///
    /// # Errors
    /// No llegan a tiempo.
    pub fn wait_for_connections(&self, count: usize) -> Outcome {
        let what = format!("hubiera {count} conexiones con el servidor");
        eventually(&what, LIMIT, || unsent(self.port).is_ok_and(|all| all.len() == count))
    }

    /// Espera a que a alguien no le quepa ya lo que el servidor le envía.
    ///
    /// # Errors
    /// No ocurre a tiempo.
    pub fn wait_for_a_full_buffer(&self) -> Outcome {
        eventually("el servidor tuviera algo sin enviar", LIMIT, || {
            unsent(self.port).is_ok_and(|all| all.iter().any(|&bytes| bytes > 0))
        })
    }

    /// Espera a que el servidor escriba una línea con eso.
    ///
    /// # Errors
    /// No la escribe a tiempo.
    pub fn wait_for_server(&self, text: &str) -> Outcome {
        let server = self.server.as_ref().ok_or_else(|| Failure::new("No hay servidor."))?;
        server.wait_for_line(Stream::Stdout, text, LIMIT).map(drop)
    }

    /// Espera a que en alguna terminal alguien duerma en un `sleep`, y lo despierta.
    ///
    /// # Errors
    /// Nadie llega a dormirse.
    pub fn wake(&self) -> Outcome {
        eventually("alguien durmiera en un `sleep`", LIMIT, || self.alarm.ring().is_ok())
    }

    /// La deja sin ejecutar, por lo que dice `_why`.
    ///
    /// # Errors
    /// El enunciado no la cita.
    pub fn leave(&mut self, start: &str, _why: &str) -> Outcome {
        self.take(start).map(drop)
    }

    /// La orden que empieza así y aún no se ha seguido o, si ya se siguieron todas, otra vez la
    /// primera; lista para ejecutarse, y con lo que el enunciado dice que responde.
    fn take(&mut self, start: &str) -> Result<(String, Vec<String>), Failure> {
        let places =
            || (0..self.commands.len()).filter(|&at| self.commands[at].command.starts_with(start));
        let place = places().find(|&at| !self.commands[at].followed).or_else(|| places().next());
        let at = place.ok_or_else(|| {
            Failure::new(format!("El enunciado no cita ninguna orden que empiece por «{start}»."))
        })?;
        self.commands[at].followed = true;
        let answer = self.commands[at].answer.clone();
        Ok((self.as_here(&self.commands[at].command)?, answer))
    }

    /// La orden, con el puerto, los ejecutables y los números de proceso de aquí.
    fn as_here(&self, command: &str) -> Result<String, Failure> {
        let exercise = format!(
            "env CURSO_PUERTO={} '{}' --ignored --exact ejecutar --nocapture --test-threads=2",
            self.port,
            env::current_exe()?.display()
        );
        let run = format!("cargo curso ejecutar {} --port {}", self.id, self.port);
        let mut here = command.to_owned();
        if !self.quoted_port.is_empty() {
            here = here.replace(&self.quoted_port, &self.port.to_string());
        }
        here = here
            .replace(&run, &exercise)
            .replace("cargo run --bin ", &format!("'{}'/", lessons()?.display()))
            .replace(" -- ", " ");
        if let Some((before, rest)) = here.split_once("$(pgrep ") {
            let (question, after) = rest.split_once(')').unwrap_or((rest, ""));
            let names = |word: &str| self.id.starts_with(word) && word.len() > 5;
            ensure(question.split(' ').any(names), || {
                format!("«pgrep {question}» no encuentra el proceso de {}.", self.id)
            })?;
            let pid = self.server.as_ref().map_or(0, Running::pid);
            here = format!("{before}{pid}{after}");
        }
        Ok(here)
    }

    /// Una orden, en `bash`, sin intermediario (`http_proxy`). `curl`, como en una terminal: allí no
    /// enseña el progreso de lo que se ve llegar.
    fn shell(&self, command: &str, before: &str) -> Program {
        let prelude = "curl() { command curl -s \"$@\"; }; cd \"$0\" && exec 2>&1";
        let script = format!("{before}{prelude}; {command}");
        Program::new("bash").env("no_proxy", "*").arg("-c").arg(script).arg(&self.folder)
    }

    /// Por qué no se puede seguir en esta máquina, si no se puede.
    ///
    /// En la integración continua (variable `CI`), que instala las herramientas, no se perdona
    /// ninguna.
    fn impossible_here(&self) -> Result<Option<String>, Failure> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let installed =
            |tool: &str| env::split_paths(&folders).any(|folder| folder.join(tool).is_file());
        let uses = |tool: &str| {
            let words = |quoted: &Quoted| {
                quoted.command.split(|c: char| !c.is_alphanumeric()).any(|word| word == tool)
            };
            self.commands.iter().any(words)
        };
        let missing = TOOLS.into_iter().find(|tool| uses(tool) && !installed(tool));
        let mut why = missing.map(|tool| format!("no está «{tool}»"));
        for quoted in &self.commands {
            let lesson = quoted.command.strip_prefix("cargo run --bin ");
            let program = lesson.and_then(|rest| rest.split(' ').next());
            if program.is_some_and(|name| lessons().is_ok_and(|all| !all.join(name).is_file())) {
                why = why.or(Some("falta compilar la lección, con «cargo build»".to_owned()));
            }
        }
        match why {
            Some(why) if env::var_os("CI").is_some() => Err(Failure::new(format!("Aquí {why}."))),
            why => Ok(why),
        }
    }

    fn explain(&self, failure: Failure) -> Failure {
        match &self.server {
            Some(server) => server.explain(failure),
            None => failure,
        }
    }

    /// Comprueba que se siguieron todas, y que el servidor ha sobrevivido.
    fn finish(self) -> Outcome {
        if let Some(quoted) = self.commands.iter().find(|quoted| !quoted.followed) {
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
    ///
    /// # Errors
    /// No aparece a tiempo.
    pub fn shows(&self, text: &str) -> Outcome {
        self.running.wait_for_text(Stream::Stdout, text, LIMIT)
    }

    /// Si lo que se arrancó sigue en marcha.
    pub fn is_busy(&self) -> bool {
        self.running.is_alive()
    }

    /// Ctrl-D, y espera a que termine: lo que se vio, y el código de salida.
    ///
    /// # Errors
    /// No termina a tiempo, o el enunciado dice que responde otra cosa.
    pub fn ends(self) -> Result<(String, Option<i32>), Failure> {
        self.running.close_stdin();
        let exit = self
            .running
            .wait(LIMIT)
            .map_err(|failure| failure.within(format!("En otra terminal, «{}».", self.command)))?;
        let seen = on_screen(&exit);
        same(&self.command, &self.answer, &seen)?;
        Ok((seen, exit.code))
    }
}

/// La carpeta de los programas de las lecciones: la de encima de la de las pruebas.
fn lessons() -> io::Result<PathBuf> {
    let ours = env::current_exe()?;
    Ok(ours.parent().and_then(Path::parent).unwrap_or(Path::new(".")).to_owned())
}

/// Lo que se ve, sin lo que dice por su cuenta el arnés de pruebas de Rust.
fn on_screen(exit: &Exit) -> String {
    let ours = |line: &&str| !line.starts_with("running ") && !line.starts_with("test ");
    exit.stdout.split_inclusive('\n').filter(ours).collect()
}

/// Comprueba que se vea lo que dice el enunciado, si lo dice.
fn same(command: &str, answer: &[String], seen: &str) -> Outcome {
    let (shown, got) = (as_compared(&answer.join("\n")), as_compared(seen));
    if shown.is_empty() || shown == got {
        return Ok(());
    }
    Err(Failure::new(format!("«{command}» no responde lo que dice el enunciado."))
        .section("El enunciado dice", shown.lines().map(str::to_owned))
        .section("Y responde", got.lines().map(str::to_owned)))
}

/// Sin espacios al final, y sin la fecha, que es siempre otra.
fn as_compared(text: &str) -> String {
    let undated = |line| if str::starts_with(line, "Date: ") { "Date: (ahora)" } else { line };
    let lines: Vec<&str> = text.lines().map(str::trim_end).map(undated).collect();
    lines.join("\n").trim().to_owned()
}

/// Las órdenes de un enunciado, por orden.
fn commands(statement: &str, port: &str) -> Vec<Quoted> {
    let mut found: Vec<Quoted> = Vec::new();
    let new =
        |command: &str| Quoted { command: command.to_owned(), answer: vec![], followed: false };
    let mut block = None;
    for line in statement.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            block = if block.is_none() { Some(kind == "console") } else { None };
        } else if block == Some(true) {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(new(command)),
                (None, Some(last)) => match last.command.strip_suffix('\\') {
                    Some(start) => last.command = format!("{start}{}", line.trim_start()),
                    None => last.answer.push(line.trim_end().to_owned()),
                },
                (None, None) => {}
            }
        } else if block.is_none() && !port.is_empty() {
            let quoted = line.split('`').skip(1).step_by(2);
            let orders = quoted.filter(|text| {
                text.contains(' ') && (text.contains(port) || text.contains("$(pgrep "))
            });
            found.extend(orders.map(new));
        }
    }
    found
}

/// Los bytes que están sin enviar, o sin confirmar, en cada conexión que ese puerto de esta máquina
/// tiene establecida, según el núcleo (proc(5)).
fn unsent(port: u16) -> io::Result<Vec<u32>> {
    let table = fs::read_to_string("/proc/net/tcp")?;
    let local = format!(":{port:04X}");
    let of_connection = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().take(5).collect();
        let &[_, address, _, "01", queues] = fields.as_slice() else { return None };
        let (sending, _) = queues.split_once(':').filter(|_| address.ends_with(&local))?;
        u32::from_str_radix(sending, 16).ok()
    };
    Ok(table.lines().filter_map(of_connection).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_órdenes_están_en_los_bloques_y_entre_comillas() {
        let statement = "Usa `nc 127.0.0.1 8802` y mira `write`.\n\n```console\n$ uno \\\n    dos\n\
                         responde\n$ tres\n```\n\n```text\n$ esto no\n```\n\
                         Abre `http://127.0.0.1:8802/`.\n";
        let found = commands(statement, "8802");
        let texts: Vec<&str> = found.iter().map(|quoted| quoted.command.as_str()).collect();
        assert_eq!(texts, ["nc 127.0.0.1 8802", "uno dos", "tres"]);
        assert_eq!(found[1].answer, ["responde"]);
    }
}
