//! Las órdenes que cita el texto, ejecutadas: lo que responden hoy es lo que está escrito.
//!
//! | la orden… | qué se hace con ella |
//! |---|---|
//! | está en [`BY_HAND`] | nada: ahí consta por qué |
//! | arranca un servidor que se queda | se arranca en un puerto libre, y ha de terminar bien con Ctrl-C |
//! | nombra el puerto de un servidor del curso | se ejecuta contra él, recién arrancado |
//! | no necesita nada | se ejecuta |
//!
//! Cada una en su carpeta, en su puerto y con su límite: van todas a la vez.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

mod quoted;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use harness::{Failure, Program, Running, Signal};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use quoted::{Quoted, chapters, commands};
use socket2::{Domain, Socket, Type};

/// Lo que puede tardar una orden: la más lenta espera a que venza un plazo de diez segundos.
const LIMIT: Duration = Duration::from_secs(60);

/// Un servidor del curso: el puerto con el que lo nombra el texto, y cómo se arranca.
struct OurServer {
    port: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
}

const SERVERS: [OurServer; 4] = [
    OurServer { port: "8080", program: "aplic_02_04", arguments: &["--port", "0"] },
    OurServer {
        port: "8800",
        program: "aplic_02_03",
        arguments: &["--name", "servidor", "--port", "0"],
    },
    OurServer { port: "8801", program: "paciente", arguments: &["0"] },
    OurServer { port: "8802", program: "aplic_02_02", arguments: &["--serve", "--port", "0"] },
];

/// Lo que no se ejecuta aquí, y por qué: cómo empieza la orden, o en qué sesión está.
const BY_HAND: &[(&str, &str)] = &[
    ("ejemplos/sesiones/", "las compara la prueba de `ejemplos`"),
    ("02_02_threading/sesiones/demostracion.txt", "la compara la prueba `lesson_02_02`"),
    ("02_02_threading/sesiones/dos_terminales.txt", "hay que ir tecleando"),
    ("02_02_threading/sesiones/hilos.txt", "mira los hilos de esa conversación"),
    ("02_02_threading/sesiones/sin_hilos_clientes.txt", "quita memoria a un servidor; `t2_13`"),
    ("02_02_threading/sesiones/tope.txt", "es un servidor y sus clientes; `t2_05`"),
    ("02_04_epoll_web/sesiones/a_mano.txt", "hay que ir tecleando"),
    ("02_04_epoll_web/sesiones/dormido_clientes.txt", "hay que pulsar Ctrl-Z en otra terminal"),
    ("02_04_epoll_web/sesiones/lector_lento.txt", "mira los búferes mientras se llenan"),
    ("mas_alla/sesiones/reparto.txt", "reparte el núcleo, cada vez a su manera"),
    ("mas_alla/poll.md", "lo comprueba la prueba `etapas` de `mas_alla`"),
    ("cargo build", "está hecho cuando se ejecuta una prueba"),
    ("cargo test", "es lo que está ejecutando esta prueba"),
    ("cargo run -p mas_alla", "la prueba `etapas` de ese paquete es la suya"),
    ("target/release/medir", "mide: sus números son los de la máquina"),
    ("cargo curso", "lo comprueban las pruebas de `ejercicios`"),
    ("cargo lab", "lo comprueban las pruebas del laboratorio"),
    ("cargo libro", "lo comprueban las pruebas de `libro`"),
    ("curl --proto", "instala Rust"),
    ("sudo apt-get", "instala programas"),
    ("docker", "pide Docker, y descarga una imagen"),
    ("cargo run --bin aplic_02_03 -- --name Ana", "hace falta otra Ana dentro; `t3_20`"),
];

/// Trozos de las órdenes cuya respuesta lleva números de esta máquina o de este momento. Cada
/// número distinto pasa a ser `N1`, `N2`…: los que eran iguales han de seguir siéndolo.
const FIGURES_VARY: &[&str] = &["grep ^vol", "cargo --version"];

fn quoted_commands() -> Vec<Quoted> {
    let quoted: Vec<Quoted> = chapters().iter().flat_map(|chapter| commands(chapter)).collect();
    assert!(quoted.len() > 40, "solo se encontraron {} órdenes", quoted.len());
    quoted
}

#[test]
fn las_órdenes_que_cita_el_texto_responden_lo_que_dice() {
    let quoted = quoted_commands();
    let failures: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = quoted
            .iter()
            .filter(|quoted| by_hand(quoted).is_none())
            .map(|quoted| (quoted, scope.spawn(|| check(quoted))))
            .collect();
        let outcomes = running.into_iter().map(|(quoted, thread)| (quoted, thread.join().unwrap()));
        outcomes.filter_map(|(quoted, outcome)| Some(report(quoted, &outcome.err()?))).collect()
    });
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[test]
fn lo_que_no_se_ejecuta_se_cita_en_alguna_parte() {
    let quoted = quoted_commands();
    let used: BTreeSet<&str> = quoted.iter().filter_map(by_hand).collect();
    let unused: Vec<_> = BY_HAND.iter().filter(|(start, _)| !used.contains(start)).collect();
    assert!(unused.is_empty(), "nadie lo cita ya: {unused:?}");
}

fn by_hand(quoted: &Quoted) -> Option<&'static str> {
    let matches = |start: &&str| quoted.command.starts_with(start) || quoted.place.contains(start);
    BY_HAND.iter().map(|&(start, _)| start).find(matches)
}

fn report(quoted: &Quoted, failure: &Failure) -> String {
    format!("{}\n$ {}\n{failure}", quoted.place, quoted.command)
}

/// Ejecuta una orden y compara su respuesta con la del texto.
fn check(quoted: &Quoted) -> Result<(), Failure> {
    if let Some(why) = impossible_here(&quoted.command) {
        // Directo al descriptor: una prueba que no prueba nada no debe pasar en silencio.
        writeln!(io::stderr(), "AVISO: sin probar «{}»: {why}.", quoted.command)?;
        return Ok(());
    }
    let command = with_our_paths(&quoted.command);
    let server = SERVERS.iter().find(|server| names(&quoted.command, server));
    let answer = match server {
        None => run(&command)?,
        Some(server) if !starts(&quoted.command, server) => run_against(server, &command)?,
        Some(server) if command.contains("timeout ") => {
            let (_reservation, port) = reserved_port()?;
            run(&command.replace(server.port, &port))?.replace(&port, server.port)
        }
        Some(server) => start_and_stop(server, &command)?,
    };
    same(quoted, &answer)
}

fn names(command: &str, server: &OurServer) -> bool {
    command.contains(server.port) || command.contains(&process_of(server))
}

/// Cómo pregunta el texto por el proceso de un servidor.
fn process_of(server: &OurServer) -> String {
    format!("$(pgrep -ox {})", server.program)
}

/// Si la orden pone en marcha ese servidor, en vez de hablar con él.
fn starts(command: &str, server: &OurServer) -> bool {
    let plays_server = server.program != "aplic_02_03" || command.contains("--name servidor");
    plays_server && command.contains(server.program) && !command.contains("pgrep")
}

fn run_against(server: &OurServer, command: &str) -> Result<String, Failure> {
    let running = Program::new(path_of(server.program))
        .args(server.arguments)
        .descriptor_limit(2000)
        .start()?;
    let port = running.address().port().to_string();
    let command = command
        .replace(&process_of(server), &running.pid().to_string())
        .replace(server.port, &port);
    let answer = run(&command).map_err(|failure| running.explain(failure))?;
    if !running.is_alive() && server.program != "paciente" {
        return Err(running.explain(Failure::new("La orden terminó con el servidor.")));
    }
    Ok(answer.replace(&port, server.port))
}

fn start_and_stop(server: &OurServer, command: &str) -> Result<String, Failure> {
    let running = shell(&command.replace(server.port, "0"))?.start()?;
    let port = running.address().port().to_string();
    press_ctrl_c(&running)?;
    let exit = running.wait(LIMIT)?;
    // El paciente no sabe nada de señales.
    if exit.code != Some(0) && server.program != "paciente" {
        return Err(running.explain(Failure::new("No terminó bien con Ctrl-C.")));
    }
    Ok(exit.stdout.replace(&port, server.port))
}

/// Ctrl-C llega a todos los procesos de la terminal, y strace lo deja para el que vigila: si el
/// nuestro tiene un hijo, es para él.
fn press_ctrl_c(running: &Running) -> Result<(), Failure> {
    let pid = running.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    match children.split_whitespace().next().and_then(|child| child.parse().ok()) {
        Some(child) => Ok(kill(Pid::from_raw(child), Signal::SIGINT).map_err(io::Error::from)?),
        None => running.signal(Signal::SIGINT),
    }
}

/// Lo que escribe una orden, en las dos salidas, mezcladas como en una terminal.
fn run(command: &str) -> Result<String, Failure> {
    Ok(shell(&format!("exec 2>&1; {command}"))?.run_to_end("", LIMIT)?.stdout)
}

/// Una orden, en `bash`, en su propia carpeta y como en una terminal, la lance quien la lance: sin
/// más descriptores abiertos que los de siempre ni intermediario (`http_proxy`), con las señales
/// sin tocar (si no, Ctrl-C no haría nada en lo que se arranca en segundo plano) y con letras de
/// varios bytes. `curl` no enseña allí el progreso de lo que se ve llegar.
fn shell(command: &str) -> io::Result<Program> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("orden_{number}"));
    fs::create_dir_all(&folder)?;
    let script = format!("curl() {{ command curl -s \"$@\"; }}; cd \"$0\"; {command}");
    Ok(Program::new("env")
        .without_inherited_descriptors()
        .env("no_proxy", "*")
        .args(["--default-signal", "LC_ALL=C.UTF-8", "bash", "-c", &script])
        .arg(folder))
}

/// Si el texto no escribe ninguna respuesta, basta con que la orden termine.
fn same(quoted: &Quoted, answer: &str) -> Result<(), Failure> {
    let vary = FIGURES_VARY.iter().any(|piece| quoted.command.contains(piece));
    let plain = |text: &str| if vary { with_figures_named(text) } else { text.to_owned() };
    let written = plain(&as_on_screen(&quoted.answer.join("\n")));
    let answer = plain(&as_on_screen(answer));
    if written.is_empty() || written == answer {
        return Ok(());
    }
    Err(Failure::new("La respuesta no es la que dice el texto.")
        .section("El texto dice", written.lines().map(str::to_owned))
        .section("Y responde", answer.lines().map(str::to_owned)))
}

/// Lo que se ve en una terminal: sin caracteres de control ni espacios al final. La fecha, que
/// es siempre otra, no se compara.
fn as_on_screen(answer: &str) -> String {
    let visible = |letter: &char| matches!(letter, '\n' | '\t') || !letter.is_control();
    let text: String = answer.chars().filter(visible).collect();
    let undated = |line| if str::starts_with(line, "Date: ") { "Date: (ahora)" } else { line };
    let lines: Vec<&str> = text.lines().map(str::trim_end).map(undated).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Cada número distinto, por su orden de aparición.
fn with_figures_named(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut named = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len());
        let (figure, after) = from.split_at(end);
        let index = seen.iter().position(|&other| other == figure).unwrap_or_else(|| {
            seen.push(figure);
            seen.len() - 1
        });
        let _ = write!(named, "{before}N{}", index + 1);
        rest = after;
    }
    named + rest
}

/// La orden, con los ejecutables de esta compilación en lugar de `cargo run` y `target/debug/`.
fn with_our_paths(command: &str) -> String {
    let programs = for_shell(&programs_folder().display().to_string());
    if command.contains("paciente") {
        path_of("paciente");
    }
    // En este orden: la carpeta de los ejecutables también puede llamarse `target/debug`.
    command
        .replace("target/debug/", &format!("{programs}/"))
        .replace("cargo run --bin ", &format!("{programs}/"))
        .replace(" -- ", " ")
}

/// Una ruta, como se escribe en una orden: puede llevar espacios.
fn for_shell(path: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    let escaped = |letter| if plain(letter) { String::from(letter) } else { format!("\\{letter}") };
    path.chars().map(escaped).collect()
}

fn programs_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_aplic_02_02")).parent().unwrap()
}

/// El ejecutable de un servidor. El paciente es de otro paquete, y hay que pedirlo.
fn path_of(program: &str) -> PathBuf {
    static PATIENT: LazyLock<()> = LazyLock::new(|| {
        let folder = programs_folder();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "ejemplos", "--bins", "--target-dir"]);
        build.arg(folder.parent().unwrap());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "no se pudo compilar `ejemplos`");
    });
    if program == "paciente" {
        LazyLock::force(&PATIENT);
    }
    programs_folder().join(program)
}

/// Un puerto para quien lo pida con SO_REUSEADDR, como todos los nuestros. Mientras este socket
/// viva, el núcleo no se lo da a nadie que no lo nombre.
fn reserved_port() -> io::Result<(Socket, String)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
    Ok((socket, port.to_string()))
}

/// Por qué esta máquina no puede ejecutar la orden, si no puede.
///
/// En la integración continua (variable `CI`), que instala las herramientas, no se perdona ninguna.
fn impossible_here(command: &str) -> Option<String> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let installed =
        |tool: &str| env::split_paths(&folders).any(|folder| folder.join(tool).is_file());
    let uses = |tool: &str| {
        command.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == tool)
    };
    let missing = ["curl", "nc", "ss", "strace", "pgrep"]
        .into_iter()
        .find(|tool| uses(tool) && !installed(tool));
    match missing {
        Some(tool) if env::var_os("CI").is_none() => Some(format!("no está «{tool}»")),
        None if uses("strace") && !strace_may_watch() => {
            Some("strace no puede observar a otro proceso".to_owned())
        }
        _ => None,
    }
}

/// En un contenedor sin CAP_SYS_PTRACE, `strace` no puede hacer nada (ptrace(2)).
fn strace_may_watch() -> bool {
    let watched = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    watched.is_ok_and(|outcome| outcome.status.success())
}
