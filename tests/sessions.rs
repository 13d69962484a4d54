//! Las sesiones que muestran los capítulos, repetidas: la misma conversación deja hoy las mismas
//! líneas, con `-v` y en `strace`.
//!
//! Una sesión es un extracto: sus líneas han de aparecer, en su orden, entre las de hoy. No se
//! comparan las horas, los puertos ni los números de proceso, que son de cada vez. Con varios
//! hilos, cada uno por su lado: cómo se turnan lo decide el núcleo.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use harness::{Conversation, Failure, Signal, chat};
use prose::{Traced, Varying, in_order, program};

/// Lo que se espera, como mucho, a que un servidor dé un paso.
const LIMIT: Duration = Duration::from_secs(20);

/// Las sesiones que no se repiten aquí, y quién las vigila o por qué nadie puede.
const NOT_HERE: &[(&str, &str)] = &[
    ("02_02_threading/demostracion", "`lesson_02_02`, que la compara entera"),
    ("02_02_threading/dos_terminales", "es `servidor_v` visto desde fuera"),
    ("02_02_threading/hilos", "`t2_05`, que cuenta los hilos; el resto es de `ps`"),
    ("02_02_threading/mil_hilos", "`commands`, que la repite"),
    ("02_02_threading/sin_hilos_clientes", "`t2_13`"),
    ("02_02_threading/sin_hilos_servidor", "`t2_13`"),
    ("02_02_threading/tope", "`t2_05`"),
    ("02_03_select_chat/conversacion", "`t3_23` y las pruebas de la terminal"),
    ("02_03_select_chat/lector_expulsado", "`t3_11`; los números son de cada núcleo"),
    ("02_03_select_chat/lector_lento", "`f3`; los números son de cada núcleo"),
    ("02_03_select_chat/media_linea", "`t3_23`"),
    ("02_03_select_chat/mezclados_1", "`pasos`, que la escribe"),
    ("02_03_select_chat/mezclados_2", "`pasos`, que la escribe"),
    ("02_03_select_chat/no_lee_2", "`pasos`, que la escribe"),
    ("02_03_select_chat/no_lee_3", "`pasos`, que la escribe"),
    ("02_03_select_chat/paso_1", "`pasos`, que la escribe"),
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
    let options = ["-f", "-Y", "-e", "signal=none"];
    let Some(watched) = Watched::start("02_02_threading", &arguments, trace, &options)? else {
        return Ok(());
    };
    let echo = Conversation::with(watched.traced.server().address());
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
    watched.traced.server().signal(Signal::SIGINT)?;
    watched.repeats(&["strace_arranque", "strace_clientes", "strace_fin"])
}

#[test]
fn el_chat_de_ana_y_beto() -> Result<(), Failure> {
    let trace = "network,pselect6,ioctl,read,close";
    let arguments = ["--name", "servidor", "--port", "0", "-v"];
    let options = ["-tt", "-s", "60"];
    let Some(watched) = Watched::start("02_03_select_chat", &arguments, trace, &options)? else {
        return Ok(());
    };
    let conversation = Conversation::in_frames(watched.traced.server().address());
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
    watched.traced.server().write_stdin("salir\n");
    watched.repeats(&["strace_arranque", "strace_cliente", "strace_mensaje", "strace_fin"])
}

#[test]
fn la_web_con_curl_y_a_mano() -> Result<(), Failure> {
    let trace = "network,epoll_create1,epoll_ctl,epoll_wait,fcntl,ioctl,close";
    let arguments = ["--port", "0", "-v"];
    let options = ["-t", "-s", "24"];
    let Some(watched) = Watched::start("02_04_epoll_web", &arguments, trace, &options)? else {
        return Ok(());
    };
    let web = Conversation::with(watched.traced.server().address());
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
    watched.traced.server().signal(Signal::SIGINT)?;
    watched.repeats(&["strace_arranque", "strace_cliente", "strace_a_mano", "strace_fin"])
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
    // Las del laboratorio salen de sus datos, y las de varias máquinas, de sus servidores: las compara
    // la prueba de su paquete, `commands/book.rs` y `tests/sesiones.rs`.
    let repeated = |name: &&String| {
        name.contains("/strace_")
            || name.ends_with("/servidor_v")
            || name.starts_with("02_05_laboratory/")
            || name.starts_with("02_07_many_machines/")
    };
    let listed: BTreeSet<String> = NOT_HERE.iter().map(|(name, _)| (*name).to_owned()).collect();
    let others: BTreeSet<String> =
        sessions.iter().filter(|name| !repeated(name)).cloned().collect();
    assert_eq!(others, listed);
}

#[test]
fn lo_que_dicen_los_programas_en_cada_sesión_lo_siguen_diciendo() {
    let said = said_in_code();
    assert!(said.len() > 100, "no se encuentran las frases");
    let mut stale = Vec::new();
    for lesson in ["02_02_threading", "02_03_select_chat", "02_04_epoll_web"] {
        let folder = root().join("lessons").join(lesson).join("sesiones");
        for session in fs::read_dir(folder).unwrap().flatten() {
            let text = fs::read_to_string(session.path()).unwrap();
            for line in text.lines().filter_map(spoken) {
                let unknown = unsaid(&line, &said);
                if !unknown.is_empty() {
                    let name = session.file_name().to_string_lossy().into_owned();
                    stale.push(format!("{lesson}/{name}: «{line}» ({unknown})"));
                }
            }
        }
    }
    assert!(stale.is_empty(), "ningún programa dice ya esto:\n{}", stale.join("\n"));
    let changed = "[servidor] acepta por detrás y da un hilo a cada cliente";
    assert!(unsaid(changed, &said).starts_with("acepta detrás"));
}

/// Lo que un programa del curso dice en una línea de una sesión, si es suya: sin lo que tecleó
/// alguien, ni lo que va entre comillas. En una traza, solo lo que escribe en la pantalla.
fn spoken(line: &str) -> Option<String> {
    let (_, written) = line.split_once("write(1, \"").unwrap_or(("", line));
    let ours = ["[ ", "[servidor]", "[cliente", "(", "Escuchando", "Escribe "];
    if !ours.iter().any(|start| written.starts_with(start)) || written.starts_with("[…]") {
        return None;
    }
    if let Some((start, _)) = written.split_once("\"...") {
        // Las letras que no son ASCII las escribe en octal: hasta la primera.
        let start = start.split('\\').next().unwrap_or_default();
        return Some(format!("{}…", start.trim_end()));
    }
    let unquoted: Vec<&str> = written.split('"').step_by(2).collect();
    Some(unquoted.join(" "))
}

/// Las palabras de una línea que no están en ninguna frase del código. Las cortas, los nombres de
/// persona y los de las llamadas y constantes del sistema no cuentan.
fn unsaid(line: &str, said: &[String]) -> String {
    // Lo que strace abrevia es el principio de una frase.
    if let Some((_, start)) = line.strip_suffix('…').and_then(|line| line.split_once("] ")) {
        let start = start.trim_start_matches(|letter: char| !letter.is_alphabetic());
        let is_said = said.iter().any(|phrase| phrase.starts_with(start));
        return if is_said { String::new() } else { start.to_owned() };
    }
    let rest = said.iter().fold(line.to_owned(), |rest, phrase| rest.replace(phrase, " "));
    let words = rest.split(|letter: char| !letter.is_alphabetic());
    let is_name = |word: &str| ["beto", "servidor", "cliente"].contains(&word);
    let counts = |word: &&str| {
        word.chars().count() > 3 && !is_name(word) && word.chars().any(char::is_lowercase)
    };
    words.filter(counts).collect::<Vec<_>>().join(" ")
}

/// Los trozos fijos de cuanto dicen los programas de las lecciones, de más a menos largos.
fn said_in_code() -> Vec<String> {
    let mut said = BTreeSet::new();
    for folder in ["src", "lessons"] {
        for file in rust_files(&root().join(folder)) {
            let code = fs::read_to_string(file).unwrap().replace("'\"'", "' '");
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = lines.collect::<Vec<_>>().join("\n").replace("\\\"", "'");
            for literal in code.split('"').skip(1).step_by(2) {
                // Lo que va en la línea siguiente, tras una barra, sigue a lo de esta.
                let literal = literal.split("\\\n").map(str::trim_start).collect::<String>();
                let fixed = literal.split('{').flat_map(|piece| piece.rsplit('}').take(1));
                let fixed = fixed.map(|piece| piece.replace("\\n", " ").trim().to_owned());
                said.extend(fixed.filter(|piece| piece.chars().count() > 3));
            }
        }
    }
    let mut said: Vec<String> = said.into_iter().collect();
    said.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    said
}

/// Los archivos de Rust de una carpeta y las de dentro, menos los pasos, que no dicen nada aquí.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("pasos") && !path.ends_with("target") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// El servidor de una lección, en marcha bajo la mirada de `strace`.
struct Watched {
    lesson: &'static str,
    traced: Traced,
}

impl Watched {
    /// Lo arranca; nada si esta máquina no puede, y entonces lo dice.
    fn start(
        lesson: &'static str,
        arguments: &[&str],
        trace: &str,
        options: &[&str],
    ) -> Result<Option<Self>, Failure> {
        if !Traced::comparable(&format!("las sesiones de {lesson}"))? {
            return Ok(None);
        }
        let program = program(&format!("aplic_{}", &lesson[..5]))?;
        let traced = Traced::start(&program, arguments, trace, options)?;
        Ok(Some(Self { lesson, traced }))
    }

    /// Espera a que `-v` haya dicho `text` tantas veces.
    fn has_told(&self, text: &str, times: usize) -> Result<(), Failure> {
        let what = format!("{times} veces «{}»", text.trim_end());
        let server = self.traced.server();
        server.eventually(&what, LIMIT, || server.stderr().matches(text).count() >= times)
    }

    /// Espera a que `strace` haya visto una llamada que empieza así.
    fn has_called(&self, call: &str) -> Result<(), Failure> {
        let seen = || self.traced.log().is_ok_and(|text| text.contains(call));
        self.traced.server().eventually(&format!("la llamada «{call}»"), LIMIT, seen)
    }

    /// Espera a que termine, y compara cada sesión con lo de hoy.
    fn repeats(self, strace_sessions: &[&str]) -> Result<(), Failure> {
        let (exit, log) = self.traced.ended()?;
        assert_eq!(exit.code, Some(0), "{exit}");
        for (from, today) in [(true, &exit.stderr), (false, &exit.stdout)] {
            let session = self.recorded("servidor_v");
            let chosen = session.lines().filter(|line| line.starts_with("[ ") == from);
            // «salir» lo escribe quien está en la terminal del servidor.
            let lines: Vec<String> = chosen.filter(|line| *line != "salir").map(plain).collect();
            let today: Vec<String> = today.lines().map(plain).collect();
            in_order(&lines, &today)
                .map_err(|failure| failure.within(format!("{}/servidor_v", self.lesson)))?;
        }
        let today = by_thread(&log);
        for session in strace_sessions {
            for (thread, lines) in by_thread(&self.recorded(session)) {
                let name = format!("{}/{session}, hilo «{thread}»", self.lesson);
                in_order(&lines, today.get(&thread).map_or(&[], Vec::as_slice))
                    .map_err(|failure| failure.within(name))?;
            }
        }
        Ok(())
    }

    fn recorded(&self, session: &str) -> String {
        let file = format!("lessons/{}/sesiones/{session}.txt", self.lesson);
        fs::read_to_string(root().join(file)).unwrap()
    }
}

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

/// Lo que es de cada vez.
const VARYING: &[(&str, &str)] = &[
    // `[   0.123456] ` y `22:41:05.117239 `.
    (r"^\[ .*?\] ", ""),
    (r"^[0-9][^ ]*:[^ ]* ", ""),
    (
        r#"\{sa_family=AF_INET, sin_port=htons\(.*?\), sin_addr=inet_addr\("127.0.0.1"\)\}"#,
        "{127.0.0.1:0}",
    ),
    (r"127\.0\.0\.1:[0-9]*", "127.0.0.1:P"),
    (r"data=\{u32=.*?u64=", "data="),
    (r"\}\}", "}"),
    (r#""<\\0.*?""#, r#""<…""#),
    (r"\{tv_sec=.*?\}", "{…}"),
    // Dónde se habría escrito la dirección de quien no había.
    (r"^accept4\(4, 0x.*", "accept4(4, …) = -1 EAGAIN"),
    // Un plazo de epoll_wait(2).
    (r", 256, [0-9]*\) = ", ", 256, T) = "),
    // Cuántas veces sonó el timbre del eco antes de que alguien lo oyera.
    (r#"read\(5, "\\.*?\\"#, r#"read(5, "\1\"#),
    // Lo que se escribe en la terminal lleva puertos dentro, y mide lo que midan; y de `clone3`, lo
    // que se explica es la pila.
    (r"^write\(1, .*", "write(1, …)"),
    (r"^.* stack_size=([^, ]*).*", "clone3(stack_size=$1)"),
    (r"\s+", " "),
];

/// Una línea, sin lo que es de cada vez.
fn plain(line: &str) -> String {
    static ERASED: LazyLock<Varying> = LazyLock::new(|| Varying::new(VARYING));
    ERASED.erased(line).trim().to_owned()
}
