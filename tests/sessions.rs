//! Las sesiones que muestran los capítulos, repetidas: la misma conversación deja hoy las mismas
//! líneas, con `-v` y en `strace`.
//!
//! Una sesión es un extracto: sus líneas han de aparecer, en su orden, entre las de hoy. No se
//! comparan las horas, los puertos ni los números de proceso, que son de cada vez. Con varios
//! hilos, cada uno por su lado: cómo se turnan lo decide el núcleo.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::{Conversation, Failure, Program, Server, Signal, chat};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Lo que se espera, como mucho, a que un servidor dé un paso.
const LIMIT: Duration = Duration::from_secs(20);

/// Las sesiones que no se repiten aquí, y quién las vigila o por qué nadie puede.
const NOT_HERE: &[(&str, &str)] = &[
    ("02_02_threading/demostracion", "`lesson_02_02`, que la compara entera"),
    ("02_02_threading/dos_terminales", "es `servidor_v` visto desde fuera"),
    ("02_02_threading/hilos", "`t2_05`, que cuenta los hilos; el resto es de `ps`"),
    ("02_02_threading/sin_hilos_clientes", "`t2_13`"),
    ("02_02_threading/sin_hilos_servidor", "`t2_13`"),
    ("02_02_threading/tope", "`t2_05`"),
    ("02_03_select_chat/conversacion", "`t3_23` y las pruebas de la terminal"),
    ("02_03_select_chat/lector_expulsado", "`t3_11`; los números son de cada núcleo"),
    ("02_03_select_chat/lector_lento", "`t3_11`; los números son de cada núcleo"),
    ("02_03_select_chat/media_linea", "`t3_23`"),
    ("02_03_select_chat/reinicio", "`t3_12`"),
    ("02_04_epoll_web/a_mano", "es `servidor_v` visto desde fuera"),
    ("02_04_epoll_web/curl", "`commands`, que la repite"),
    ("02_04_epoll_web/dormido_clientes", "hay que pulsar Ctrl-Z"),
    ("02_04_epoll_web/dormido_servidor", "hay que pulsar Ctrl-Z"),
    ("02_04_epoll_web/escritura_parcial", "los números son de cada núcleo"),
    ("02_04_epoll_web/lector_lento", "los números son de cada núcleo"),
    ("02_04_epoll_web/reinicio", "`t4_02`"),
];

#[test]
fn el_eco_con_dos_clientes() -> Result<(), Failure> {
    let trace = "network,poll,clone3,read,write,close,exit";
    let arguments = ["--serve", "--port", "0", "-v"];
    let Some(watched) =
        Watched::start("02_02", &["-f", "-Y", "-e", "signal=none"], trace, &arguments)?
    else {
        return Ok(());
    };
    let echo = Conversation::with(watched.server.address());
    let mut ana = echo.peer("ana")?;
    ana.send("hola\n")?;
    ana.expect("hola\n")?;
    watched.has_told("write(6)", 1)?;
    let mut beto = echo.peer("beto")?;
    beto.send("¿hay alguien?\n")?;
    beto.expect("¿hay alguien?\n")?;
    watched.has_told("write(7)", 1)?;
    beto.half_close()?;
    beto.expect_end()?;
    watched.has_called("cliente-2> close(7)")?;
    ana.send("sigo aquí\n")?;
    ana.expect("sigo aquí\n")?;
    ana.half_close()?;
    ana.expect_end()?;
    watched.has_called("cliente-1> close(6)")?;
    let _eva = echo.peer("eva")?;
    watched.has_called("cliente-3> setsockopt(6, SOL_SOCKET, SO_SNDTIMEO")?;
    watched.press_ctrl_c()?;
    watched.repeats("02_02_threading", &["strace_arranque", "strace_clientes", "strace_fin"])
}

#[test]
fn el_chat_de_ana_y_beto() -> Result<(), Failure> {
    let trace = "network,pselect6,ioctl,read,close";
    let arguments = ["--name", "servidor", "--port", "0", "-v"];
    let Some(watched) = Watched::start("02_03", &["-tt", "-s", "60"], trace, &arguments)? else {
        return Ok(());
    };
    let conversation = Conversation::in_frames(watched.server.address());
    let mut ana = chat::join(&conversation, "ana")?;
    watched.has_told("a dormir, con 1 cliente", 2)?;
    let beto = chat::join(&conversation, "beto")?;
    ana.expect_frame(chat::joined(2, &beto))?;
    watched.has_told("a dormir, con 2 clientes", 2)?;
    let mut beto = beto;
    ana.send_frame("hola")?;
    beto.expect_frame(chat::said(&ana, "hola"))?;
    watched.has_told("a dormir, con 2 clientes", 3)?;
    let farewell = chat::left(&beto);
    beto.close();
    ana.expect_frame(farewell)?;
    watched.has_told("a dormir, con 1 cliente\n", 3)?;
    watched.server.write_stdin("salir\n");
    let sessions = ["strace_arranque", "strace_cliente", "strace_mensaje", "strace_fin"];
    watched.repeats("02_03_select_chat", &sessions)
}

#[test]
fn la_web_con_curl_y_a_mano() -> Result<(), Failure> {
    let trace = "network,epoll_create1,epoll_ctl,epoll_wait,fcntl,ioctl,close";
    let arguments = ["--port", "0", "-v"];
    let Some(watched) = Watched::start("02_04", &["-tt", "-s", "48"], trace, &arguments)? else {
        return Ok(());
    };
    let web = Conversation::with(watched.server.address());
    let mut curl = web.peer("curl")?;
    curl.send(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
    )?;
    curl.expect_response()?;
    curl.close();
    watched.has_told("el cliente se fue", 1)?;
    let mut nc = web.peer("nc")?;
    watched.has_told("accept: cliente 2", 1)?;
    for (method, naps) in [("GET", 1), ("HEAD", 4)] {
        nc.send(format!("{method} / HTTP/1.1\n"))?;
        watched.has_told("a dormir, con 1 cliente", 3 + naps)?;
        nc.send("Host: 127.0.0.1\n")?;
        watched.has_told("a dormir, con 1 cliente", 4 + naps)?;
        nc.send("\n")?;
        if method == "GET" {
            nc.expect_response()?
        } else {
            nc.expect_response_to_head()?
        };
        watched.has_told("a dormir, con 1 cliente", 5 + naps)?;
    }
    nc.close();
    watched.has_told("el cliente se fue", 2)?;
    watched.press_ctrl_c()?;
    let sessions = ["strace_arranque", "strace_cliente", "strace_a_mano", "strace_fin"];
    watched.repeats("02_04_epoll_web", &sessions)
}

#[test]
fn cada_sesión_se_repite_o_consta_por_qué_no() {
    let mut sessions = BTreeSet::new();
    for lesson in fs::read_dir(root().join("lessons")).unwrap().flatten() {
        for session in fs::read_dir(lesson.path().join("sesiones")).into_iter().flatten().flatten()
        {
            let name = session.path().with_extension("");
            let name = name.file_name().unwrap().to_string_lossy().into_owned();
            sessions.insert(format!("{}/{name}", lesson.file_name().to_string_lossy()));
        }
    }
    // Las del laboratorio salen de sus datos: las compara su propia prueba, `chapter`.
    let repeated = |name: &&String| {
        name.contains("/strace_")
            || name.ends_with("/servidor_v")
            || name.starts_with("02_05_laboratory/")
    };
    let listed: BTreeSet<String> = NOT_HERE.iter().map(|(name, _)| (*name).to_owned()).collect();
    let others: BTreeSet<String> =
        sessions.iter().filter(|name| !repeated(name)).cloned().collect();
    assert_eq!(others, listed);
}

/// Por qué no se pueden repetir aquí las trazas, si no se puede. En la integración continua
/// (variable `CI`), que instala `strace`, que falte es un fallo.
fn impossible_here() -> Option<&'static str> {
    if cfg!(not(target_arch = "x86_64")) {
        return Some("las llamadas al sistema de este procesador tienen otros nombres");
    }
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Ok(outcome) if outcome.status.success() => None,
        Ok(_) => Some("strace no puede observar a otro proceso"),
        Err(_) if env::var_os("CI").is_some() => None,
        Err(_) => Some("no está «strace»"),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Un servidor en marcha bajo la mirada de `strace`.
struct Watched {
    server: Server,
    strace: PathBuf,
}

impl Watched {
    /// Lo arranca; nada si esta máquina no puede, y entonces lo dice.
    fn start(
        lesson: &str,
        options: &[&str],
        trace: &str,
        arguments: &[&str],
    ) -> Result<Option<Self>, Failure> {
        if let Some(why) = impossible_here() {
            // Directo al descriptor: una prueba que no prueba nada no debe pasar en silencio.
            writeln!(io::stderr(), "AVISO: sin repetir las sesiones de {lesson}: {why}.")?;
            return Ok(None);
        }
        let program =
            Path::new(env!("CARGO_BIN_EXE_aplic_02_02")).with_file_name(format!("aplic_{lesson}"));
        let strace = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{lesson}.strace"));
        let server = Program::new("strace")
            .without_inherited_descriptors()
            .arg("-o")
            .arg(&strace)
            .args(["-e", &format!("trace={trace}")])
            .args(options.iter().copied())
            .arg(program)
            .args(arguments.iter().copied())
            .start()?;
        Ok(Some(Self { server, strace }))
    }

    /// Espera a que `-v` haya dicho `text` tantas veces.
    fn has_told(&self, text: &str, times: usize) -> Result<(), Failure> {
        let what = format!("{times} veces «{}»", text.trim_end());
        self.server.eventually(&what, LIMIT, || self.server.stderr().matches(text).count() >= times)
    }

    /// Espera a que `strace` haya visto una llamada que empieza así.
    fn has_called(&self, call: &str) -> Result<(), Failure> {
        let seen = || fs::read_to_string(&self.strace).is_ok_and(|text| text.contains(call));
        self.server.eventually(&format!("la llamada «{call}»"), LIMIT, seen)
    }

    /// `strace` deja la señal para quien vigila: es para su hijo.
    fn press_ctrl_c(&self) -> Result<(), Failure> {
        let child = self.watched_process().unwrap();
        Ok(kill(child, Signal::SIGINT).map_err(io::Error::from)?)
    }

    fn watched_process(&self) -> Option<Pid> {
        let strace = self.server.pid();
        let children = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
    }

    /// Espera a que termine, y compara cada sesión con lo de hoy.
    fn repeats(self, lesson: &str, strace_sessions: &[&str]) -> Result<(), Failure> {
        let exit = self.server.wait(LIMIT)?;
        assert_eq!(exit.code, Some(0), "{exit}");
        for (from, today) in [(true, &exit.stderr), (false, &exit.stdout)] {
            let session = recorded(lesson, "servidor_v");
            let chosen = session.lines().filter(|line| line.starts_with("[ ") == from);
            // «salir» lo escribe quien está en la terminal del servidor.
            let lines: Vec<String> = chosen.filter(|line| *line != "salir").map(plain).collect();
            follows(
                &format!("{lesson}/servidor_v"),
                &lines,
                &today.lines().map(plain).collect::<Vec<_>>(),
            );
        }
        let today = by_thread(&fs::read_to_string(&self.strace)?);
        for session in strace_sessions {
            for (thread, lines) in by_thread(&recorded(lesson, session)) {
                let name = format!("{lesson}/{session}, hilo «{thread}»");
                follows(&name, &lines, today.get(&thread).map_or(&[], Vec::as_slice));
            }
        }
        Ok(())
    }
}

/// Si la prueba falla, que no quede el servidor: al morir, `strace` lo deja seguir.
impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(child) = self.watched_process() {
            let _ = kill(child, Signal::SIGKILL);
        }
    }
}

/// Las líneas de la sesión están, en su orden, entre las de hoy.
fn follows(session: &str, recorded: &[String], today: &[String]) {
    let mut rest = today.iter();
    for line in recorded {
        assert!(
            rest.any(|now| now == line),
            "{session}: hoy falta, o no está en su sitio,\n  {line}\nentre\n  {}",
            today.join("\n  ")
        );
    }
}

fn recorded(lesson: &str, session: &str) -> String {
    fs::read_to_string(root().join(format!("lessons/{lesson}/sesiones/{session}.txt"))).unwrap()
}

// ---- Lo que cambia de una vez a otra -------------------------------------------------------

/// Las líneas de cada hilo. Las llamadas que `strace` parte en dos (`<unfinished ...>`) porque
/// otro hilo se coló en medio vuelven a ser una; las que empiezan antes del extracto no cuentan.
fn by_thread(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut threads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut halves: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let (thread, call) = thread_and_call(line);
        let call = if let Some(start) = call.strip_suffix("<unfinished ...>") {
            halves.insert(thread, format!("{} ", start.trim_end()));
            continue;
        } else if let Some(end) = call.strip_prefix("<... ") {
            let Some(start) = halves.remove(&thread) else { continue };
            let end = end.split_once(" resumed>").unwrap_or_default().1;
            if end.starts_with(')') { format!("{}{end}", start.trim_end()) } else { start + end }
        } else {
            call.to_owned()
        };
        // El timbre es de todos los hilos del eco: lo cierra el último que lo suelte.
        if thread.is_empty() || call != "close(5) = 0" {
            threads.entry(thread).or_default().push(plain(&call));
        }
    }
    threads
}

/// Quién hace la llamada: `8393<servidor> read(…)` en `strace -f -Y`, y `servidor    read(…)` en
/// la sesión. Sin `-f`, nadie.
fn thread_and_call(line: &str) -> (String, &str) {
    let Some((first, rest)) = line.split_once(' ') else { return (String::new(), line) };
    let number = first.find(|letter: char| !letter.is_ascii_digit());
    let name = match number.map(|end| &first[end..]) {
        Some(name) if name.starts_with('<') => name.trim_matches(['<', '>']),
        _ if first.contains(['(', ':', '+']) => return (String::new(), line),
        _ => first,
    };
    (name.to_owned(), rest.trim_start())
}

/// Una línea, sin lo que es de cada vez.
fn plain(line: &str) -> String {
    let mut line = without_time(line).to_owned();
    let address = ("{sa_family=AF_INET, sin_port=htons(", "), sin_addr=inet_addr(\"127.0.0.1\")}");
    line = between(&line, address.0, address.1, "{127.0.0.1:0}");
    line = figures_after(&line, "127.0.0.1:");
    line = between(&line, "data={u32=", "u64=", "data=").replace("}}", "}");
    line = between(&line, "\"<\\0", "\"", "\"<…\"");
    line = between(&line, "{tv_sec=", "}", "{…}");
    line = between(
        &line,
        ", 256, ",
        ") = ",
        if line.contains("256, -1)") { ", -1) = " } else { ", T) = " },
    );
    // Cuántas veces sonó el timbre del eco antes de que alguien lo oyera.
    line = between(&line, "read(5, \"\\", "\\", "read(5, \"\\1\\");
    // Lo que se escribe en la terminal lleva puertos dentro, y mide lo que midan; de `clone3`, lo
    // que se explica es la pila; y quién manda en la terminal depende de si la hay.
    if line.starts_with("write(1, ") {
        "write(1, …)".to_owned()
    } else if let Some((_, rest)) = line.split_once(" stack_size=") {
        format!("clone3(stack_size={})", rest.split([',', ' ']).next().unwrap_or_default())
    } else if line.starts_with("ioctl(0, TIOCGPGRP") {
        "ioctl(0, TIOCGPGRP, …)".to_owned()
    } else {
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Sin `[   0.123456] ` ni `22:41:05.117239 ` delante.
fn without_time(line: &str) -> &str {
    let digits = |word: &str| word.starts_with(|letter: char| letter.is_ascii_digit());
    if let Some((_, rest)) = line.strip_prefix("[ ").and_then(|rest| rest.split_once("] ")) {
        return rest;
    }
    match line.split_once(' ') {
        Some((time, rest)) if digits(time) && time.contains(':') => rest,
        _ => line,
    }
}

/// Cada trozo desde `start` hasta `end`, ambos incluidos, pasa a ser `new`.
fn between(text: &str, start: &str, end: &str, new: &str) -> String {
    let mut changed = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(start) {
        let Some((_, after)) = after.split_once(end) else { break };
        changed = changed + before + new;
        rest = after;
    }
    changed + rest
}

/// El número que sigue a `mark` pasa a ser `P`.
fn figures_after(text: &str, mark: &str) -> String {
    let pieces = text.split(mark).enumerate().map(|(index, piece)| match index {
        0 => piece.to_owned(),
        _ => format!("{mark}P{}", piece.trim_start_matches(|letter: char| letter.is_ascii_digit())),
    });
    pieces.collect()
}
