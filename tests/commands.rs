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

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use harness::{Failure, Program, Signal};
use prose::{LIMIT, Quoted, as_here, figures_named, possible, run, shell, with_process};
use socket2::{Domain, Socket, Type};

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
    ("02_02_threading/pasos/", "las escribe la prueba `pasos`"),
    ("02_02_threading/sesiones/demostracion.txt", "la compara la prueba `lesson_02_02`"),
    ("02_02_threading/sesiones/dos_terminales.txt", "hay que ir tecleando"),
    ("02_02_threading/sesiones/hilos.txt", "mira los hilos de esa conversación"),
    ("02_02_threading/sesiones/sin_hilos_clientes.txt", "quita memoria a un servidor; `t2_13`"),
    ("02_02_threading/sesiones/tope.txt", "es un servidor y sus clientes; `t2_05`"),
    ("02_04_epoll_web/pasos/", "las escribe la prueba `pasos`"),
    ("02_03_select_chat/sesiones/", "las escribe la prueba `pasos`"),
    ("02_04_epoll_web/sesiones/a_mano.txt", "hay que ir tecleando"),
    ("02_04_epoll_web/sesiones/dormido_clientes.txt", "hay que pulsar Ctrl-Z en otra terminal"),
    ("02_04_epoll_web/sesiones/lector_lento.txt", "mira los búferes mientras se llenan"),
    ("mas_alla/sesiones/reparto.txt", "reparte el núcleo, cada vez a su manera"),
    ("mas_alla/poll.md", "lo comprueba la prueba `etapas` de `mas_alla`"),
    ("cargo build", "está hecho cuando se ejecuta una prueba"),
    ("cargo test", "es lo que está ejecutando esta prueba"),
    ("cargo run --example mi_eco", "es lo que escribe quien lee; dónde, lo comprueba `pasos`"),
    ("02_07_many_machines/sesiones/", "las compara la prueba `sesiones` de ese paquete"),
    ("redis-server", "es el de quien lee; las pruebas arrancan el suyo"),
    ("cargo run -p mas_alla", "la prueba `etapas` de ese paquete es la suya"),
    ("target/release/medir", "mide: sus números son los de la máquina"),
    ("python3 lessons/", "lo comprueba la prueba `python`"),
    ("cargo curso", "lo comprueban las pruebas de `ejercicios`"),
    ("cargo lab", "lo comprueban las pruebas del laboratorio"),
    ("cargo libro", "lo comprueban las pruebas de `libro`"),
    ("cargo ver", "lo comprueban las pruebas de `ventana`"),
    ("python3 book/", "lo comprueba la prueba `recordings`"),
    ("curl --proto", "instala Rust"),
    ("sudo apt-get", "instala programas"),
    ("git clone", "descarga el curso"),
    ("docker", "pide Docker, y descarga una imagen"),
    ("cargo run --bin aplic_02_03 -- --name Ana", "hace falta otra Ana dentro; `t3_20`"),
    (
        "cargo run --example mi_chat",
        "lo escribe quien lee; la prueba `pasos` mira que se encuentre",
    ),
];

/// Trozos de las órdenes cuya respuesta lleva números de esta máquina o de este momento. Cada
/// número distinto pasa a ser `N1`, `N2`…: los que eran iguales han de seguir siéndolo.
const FIGURES_VARY: &[&str] = &["grep ^vol", "grep -E 'VmRSS", "cargo --version"];

/// Los capítulos del libro, los de las lecciones y el léeme. Los enunciados de los ejercicios no:
/// sus órdenes hablan con lo que escribe quien aprende, y las sigue, contra la solución, la prueba
/// `el_enunciado_se_puede_seguir` de cada uno.
fn chapters() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lessons = fs::read_dir(root.join("lessons")).unwrap().map(|entry| entry.unwrap().path());
    let mut chapters = vec![root.join("README.md")];
    for folder in lessons.chain([root.join("book/src"), root.join("book/src/mas_alla")]) {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        chapters.extend(files.filter(|file| file.extension().is_some_and(|ending| ending == "md")));
    }
    chapters.sort();
    chapters
}

fn quoted_commands() -> Vec<Quoted> {
    let of_chapter =
        |chapter: &PathBuf| prose::quoted(chapter, &fs::read_to_string(chapter).unwrap()).unwrap();
    let mut quoted: Vec<Quoted> = chapters().iter().flat_map(of_chapter).collect();
    quoted.retain(|quoted| !quoted.in_a_sentence);
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
    let command = &quoted.command;
    if !possible([&**command], &format!("«{command}»"))? {
        return Ok(());
    }
    let server = SERVERS.iter().find(|server| names(command, server));
    if server.is_some_and(|server| server.program == "paciente") {
        LazyLock::force(&PATIENT);
    }
    let answer = match server {
        None => answer_to(command)?,
        Some(server) if !starts(command, server) => run_against(server, command)?,
        Some(server) if command.contains("timeout ") => {
            let (_reservation, port) = reserved_port()?;
            answer_to(&command.replace(server.port, &port))?.replace(&port, server.port)
        }
        Some(server) => start_and_stop(server, command)?,
    };
    let vary = FIGURES_VARY.iter().any(|piece| command.contains(piece));
    quoted.answers(&answer, if vary { figures_named } else { str::to_owned })
}

fn names(command: &str, server: &OurServer) -> bool {
    command.contains(server.port) || command.contains(&process_of(server))
}

/// Cómo pregunta el texto por el proceso de un servidor.
fn process_of(server: &OurServer) -> String {
    format!("$(pgrep -ox {})", server.program)
}

/// Si la orden pone en marcha ese servidor o un paso de su lección, en vez de hablar con él.
fn starts(command: &str, server: &OurServer) -> bool {
    if command.contains(&server.program.replace("aplic_", "--example paso_")) {
        return true;
    }
    let plays_server = server.program != "aplic_02_03" || command.contains("--name servidor");
    plays_server && command.contains(server.program) && !command.contains("pgrep")
}

fn run_against(server: &OurServer, command: &str) -> Result<String, Failure> {
    let running = Program::new(prose::program(server.program)?)
        .args(server.arguments)
        .descriptor_limit(2000)
        .start()?;
    let port = running.address().port().to_string();
    let command = command.replace(server.port, &port);
    let answer = with_process(&command, server.program, running.pid())
        .and_then(|command| answer_to(&command))
        .map_err(|failure| running.explain(failure))?;
    if !running.is_alive() && server.program != "paciente" {
        return Err(running.explain(Failure::new("La orden terminó con el servidor.")));
    }
    Ok(answer.replace(&port, server.port))
}

fn start_and_stop(server: &OurServer, command: &str) -> Result<String, Failure> {
    let command = as_here(&command.replace(server.port, "0"))?;
    let running = shell(&folder(), &command).start()?;
    let port = running.address().port().to_string();
    // Ctrl-C llega a todos los procesos de la terminal, y strace lo deja para el que vigila.
    running.signal_child(Signal::SIGINT).or_else(|_| running.signal(Signal::SIGINT))?;
    let exit = running.wait(LIMIT)?;
    // El paciente no sabe nada de señales, ni los primeros pasos.
    let knows_signals = server.program != "paciente" && !command.contains("/paso_");
    if exit.code != Some(0) && knows_signals {
        return Err(running.explain(Failure::new("No terminó bien con Ctrl-C.")));
    }
    Ok(exit.stdout.replace(&port, server.port))
}

fn answer_to(command: &str) -> Result<String, Failure> {
    Ok(run(&folder(), &as_here(command)?, "")?.stdout)
}

fn folder() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("orden_{number}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// El paciente es de otro paquete, y hay que pedirlo.
static PATIENT: LazyLock<()> =
    LazyLock::new(|| prose::build(&["test", "--no-run", "--test", "ejemplos"]).unwrap());

/// Un puerto para quien lo pida con SO_REUSEADDR, como todos los nuestros. Mientras este socket
/// viva, el núcleo no se lo da a nadie que no lo nombre.
fn reserved_port() -> Result<(Socket, String), Failure> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
    Ok((socket, port.to_string()))
}
