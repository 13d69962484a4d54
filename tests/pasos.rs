//! Los pasos que llevan a cada lección, ante sus etapas: cuáles pasa cada uno, y con qué mensaje
//! falla la primera que no pasa, que es la razón del paso siguiente.
//!
//! Lo que se lee en `lessons/LECCIÓN/pasos/paso_N.txt` es lo que ocurre hoy. Si cambia a propósito,
//! `INSTA_UPDATE=always cargo test` lo escribe de nuevo.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::env;
use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{
    Conversation, DEFAULT_LIMIT, Failure, Program, Server, Signal, Stream, raise_descriptor_limit,
    stages,
};

type Outcome = Result<(), Failure>;

/// Lo que se espera, en la etapa que ha de fallar, a quien no va a contestar.
const PATIENCE: Duration = Duration::from_secs(2);

/// Un paso de una lección.
struct Step {
    folder: &'static str,
    number: usize,
    /// Las líneas que puede tener, si su lección promete que es breve.
    most_lines: usize,
    /// Cuántas etapas pasa antes de la primera que falla.
    passes: usize,
}

const STEPS: &[Step] = &[
    Step { folder: "02_02_threading", number: 1, most_lines: 30, passes: 6 },
    Step { folder: "02_02_threading", number: 2, most_lines: 40, passes: 10 },
    Step { folder: "02_02_threading", number: 3, most_lines: 80, passes: 11 },
    Step { folder: "02_03_select_chat", number: 1, most_lines: 90, passes: 2 },
    Step { folder: "02_03_select_chat", number: 2, most_lines: 120, passes: 3 },
    Step { folder: "02_03_select_chat", number: 3, most_lines: 170, passes: 4 },
    Step { folder: "02_03_select_chat", number: 4, most_lines: 250, passes: 19 },
    Step { folder: "02_04_epoll_web", number: 1, most_lines: 70, passes: 1 },
    Step { folder: "02_04_epoll_web", number: 2, most_lines: 100, passes: 2 },
    Step { folder: "02_04_epoll_web", number: 3, most_lines: 140, passes: 5 },
    Step { folder: "02_04_epoll_web", number: 4, most_lines: 180, passes: 12 },
];

#[test]
fn eco_1_uno_después_de_otro() -> Outcome {
    reaches("02_02", 1)
}

#[test]
fn eco_2_un_hilo_para_cada_uno() -> Outcome {
    reaches("02_02", 2)
}

#[test]
fn eco_3_con_nombre_y_con_final() -> Outcome {
    reaches("02_02", 3)
}

#[test]
fn chat_1_bytes_de_uno_a_los_demás() -> Outcome {
    reaches("02_03", 1)
}

#[test]
fn chat_2_en_marcos() -> Outcome {
    reaches("02_03", 2)
}

#[test]
fn chat_3_con_una_cola_para_quien_no_lee() -> Outcome {
    reaches("02_03", 3)
}

#[test]
fn chat_4_con_nombres() -> Outcome {
    reaches("02_03", 4)
}

#[test]
fn web_1_una_lectura_y_una_respuesta() -> Outcome {
    reaches("02_04", 1)
}

#[test]
fn web_2_la_petición_entera() -> Outcome {
    reaches("02_04", 2)
}

#[test]
fn web_3_muchas_peticiones_por_conexión() -> Outcome {
    reaches("02_04", 3)
}

#[test]
fn web_4_con_una_cola_para_quien_no_lee() -> Outcome {
    reaches("02_04", 4)
}

#[test]
fn cada_paso_es_breve_y_llega_más_lejos_que_el_anterior() {
    for step in STEPS {
        let lines = fs::read_to_string(step.file("rs")).unwrap().lines().count();
        assert!(lines <= step.most_lines, "{} tiene {lines} líneas", step.program());
    }
    for pair in STEPS.windows(2).filter(|pair| pair[0].folder == pair[1].folder) {
        assert!(pair[0].passes < pair[1].passes, "{}", pair[1].program());
    }
}

#[test]
fn sin_un_puerto_libre_lo_dicen_en_una_línea() -> Outcome {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.port().to_string();
    for step in STEPS {
        let expected = format!(
            "Di un puerto libre: cargo run --example {} {}\n",
            step.program(),
            match step.lesson() {
                "02_02" => 8802,
                "02_03" => 8800,
                _ => 8080,
            }
        );
        for argument in [None, Some("ochenta"), Some("-1"), Some("70000"), Some(taken.as_str())] {
            let program = Program::new(step.path()).args(argument);
            let exit = program.run_to_end("", DEFAULT_LIMIT)?;
            assert_eq!((exit.code, &exit.stderr), (Some(2), &expected), "{argument:?}\n{exit}");
            assert_eq!(exit.stdout, "");
        }
    }
    Ok(())
}

#[test]
fn lo_que_escriba_quien_lee_en_examples_lo_encuentra_cargo() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    assert!(!manifest.contains("autoexamples"), "los capítulos piden crear examples/mi_chat.rs");
}

#[test]
fn chat_lo_que_se_ve_hablando_a_mano() -> Outcome {
    let (step, server) = chat_step(1)?;
    let Some(beto) = by_hand(&server, "nc 127.0.0.1 8800")? else { return Ok(()) };
    let alone = server.open_descriptors()?;
    let beto = beto.spawn()?;
    let ana = by_hand(&server, "nc 127.0.0.1 8800")?.unwrap().spawn()?;
    server.holds_descriptors(alone + 2)?;
    for (who, others, text) in [(&ana, &beto, "hola"), (&beto, &ana, "¿quién eres?")] {
        who.write_stdin(format!("{text}\n"));
        others.wait_for_line(Stream::Stdout, text, DEFAULT_LIMIT)?;
    }
    let typed = "nc 127.0.0.1 8800\nhola\n¿quién eres?";
    check_session("paso_1", &format!("{}\n\n{}\n", terminals(step, typed), terminal(3, typed)));
    Ok(())
}

#[test]
fn chat_lo_que_oye_beto_cuando_dos_hablan_a_la_vez() -> Outcome {
    for (number, listening, speaking) in [
        (
            1,
            "nc 127.0.0.1 8800",
            [
                "(printf 'ho'; sleep 2; printf 'la\\n') | nc -N 127.0.0.1 8800 &",
                "sleep 1; echo buenas | nc -N 127.0.0.1 8800",
            ],
        ),
        (
            2,
            "nc 127.0.0.1 8800 | cat -v",
            [
                r"(printf '\0\0\0\4ho'; sleep 2; printf 'la') | nc -N 127.0.0.1 8800 &",
                r"sleep 1; printf '\0\0\0\6buenas' | nc -N 127.0.0.1 8800",
            ],
        ),
    ] {
        let (step, server) = chat_step(number)?;
        let Some(beto) = by_hand(&server, listening)? else { return Ok(()) };
        let alone = server.open_descriptors()?;
        let beto = beto.spawn()?;
        beto.close_stdin();
        server.holds_descriptors(alone + 1)?;
        let speak = format!("{}\n{}\nwait", speaking[0], speaking[1]);
        let spoke = by_hand(&server, &speak)?.unwrap().run_to_end("", prose::LIMIT)?;
        // Al irse el servidor, también se va quien lo escucha.
        server.signal(harness::Signal::SIGTERM)?;
        let heard = beto.wait(prose::LIMIT)?.stdout;
        let heard = format!("{listening}\n{}", heard.trim_end());
        // También oye a los demás quien está a media palabra. De su marco se ve solo el texto.
        let overheard = spoke.stdout.replace(|it: char| it.is_control(), "");
        let spoken = format!("{}\n$ {}\n{overheard}", speaking[0], speaking[1]);
        let told = format!("{}\n\n{}\n", terminals(step, &heard), terminal(3, &spoken));
        check_session(&format!("mezclados_{number}"), &told);
    }
    Ok(())
}

#[test]
fn chat_con_uno_que_no_lee_el_paso_2_se_duerme_y_el_3_no() -> Outcome {
    let (listening, halt) = ("nc 127.0.0.1 8800 > /dev/null &", "kill -STOP $!");
    let end = "kill -KILL $!";
    let flood = r#"python3 -c "print(('\0\0\4\0' + 'a' * 1024) * 10_000, end='')" \
    | timeout 5 nc -N 127.0.0.1 8800; echo $?"#;
    if !harness::tools::available("python3", "los pasos del chat con uno que no lee")? {
        return Ok(());
    }
    for number in [2, 3] {
        let (step, server) = chat_step(number)?;
        let Some(typed) = by_hand(&server, "bash -s")? else { return Ok(()) };
        let alone = server.open_descriptors()?;
        let terminal = typed.spawn()?;
        terminal.write_stdin(by_port(&server, &format!("{listening}\n")));
        server.holds_descriptors(alone + 1)?;
        // El 3 no se duerme, pero en una máquina ocupada puede ir despacio.
        let patient =
            if number == 3 { flood.replace("timeout 5", "timeout 50") } else { flood.into() };
        terminal.write_stdin(by_port(&server, &format!("{halt}\n{patient}\n{end}\n")));
        terminal.close_stdin();
        let answer = terminal.wait(prose::LIMIT)?.stdout;
        let told = format!("{listening}\n$ {halt}\n$ {flood}\n{answer}$ {end}");
        check_session(&format!("no_lee_{number}"), &format!("{}\n", terminals(step, &told)));
    }
    Ok(())
}

/// Un paso del chat, en marcha.
fn chat_step(number: usize) -> Result<(&'static Step, Server), Failure> {
    let mut steps = STEPS.iter().filter(|step| step.lesson() == "02_03");
    let step = steps.find(|step| step.number == number).unwrap();
    let program = Program::new("env").arg("--default-signal=TERM").arg(step.path());
    Ok((step, program.arg("0").start()?))
}

/// Lo que se teclea en una terminal, hacia el puerto de verdad. `None` si faltan los programas.
fn by_hand(server: &Server, orders: &str) -> Result<Option<Program>, Failure> {
    if !prose::possible([orders], "lo que se ve de los pasos del chat")? {
        return Ok(None);
    }
    let orders = by_port(server, orders);
    Ok(Some(prose::shell(Path::new(env!("CARGO_TARGET_TMPDIR")), &orders)))
}

fn by_port(server: &Server, orders: &str) -> String {
    orders.replace("8800", &server.address().port().to_string())
}

/// La terminal del servidor, y otra.
fn terminals(step: &Step, second: &str) -> String {
    let first =
        format!("cargo run --example {} 8800\nEscuchando en 127.0.0.1:8800", step.program());
    format!("{}\n\n{}", terminal(1, &first), terminal(2, second))
}

fn terminal(number: usize, text: &str) -> String {
    format!("# terminal {number}\n$ {text}")
}

fn check_session(name: &str, told: &str) {
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
    check(&lessons.join(format!("02_03_select_chat/sesiones/{name}.txt")), told);
}

/// Pasa las etapas que dice la tabla, y falla la siguiente como cuenta su archivo.
fn reaches(lesson: &str, number: usize) -> Outcome {
    let mut steps = STEPS.iter().filter(|step| step.lesson() == lesson);
    let step = steps.find(|step| step.number == number).unwrap();
    raise_descriptor_limit();
    // Quien ejecuta las pruebas en segundo plano puede tener apartado Ctrl-C, y esto se hereda.
    let program = Program::new("env").arg("--default-signal=INT").arg(step.path());
    let server = program.arg("0").start()?;
    let mut told = String::new();
    let (passed, others) = stages(lesson).split_at(step.passes);
    for stage in passed {
        server.passes(stage)?;
        writeln!(told, "✓ {stage}").unwrap();
    }
    if let Some(stage) = others.first() {
        let conversation = stage.conversation(server.address()).limit(PATIENCE);
        let failure = server.passes_in(stage, &conversation).expect_err("la etapa debía fallar");
        writeln!(told, "✗ {stage}\n\n{}", what_matters(&failure)).unwrap();
    }
    check(&step.file("txt"), &told);
    Ok(())
}

/// El informe, sin el acta ni lo que le sigue: tienen momentos, puertos y números de proceso.
fn what_matters(failure: &Failure) -> String {
    let report = failure.to_string();
    let (matters, _) = report.split_once("\nLa conversación con ").unwrap();
    matters.trim_end().lines().map(folded).collect::<Vec<_>>().join("\n")
}

/// Una línea, doblada como cabe en la página.
fn folded(line: &str) -> String {
    const WIDTH: usize = 88;
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let last = lines.last_mut().unwrap();
        if last.chars().count() + word.trim_end().chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            last.push_str(word);
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Compara con lo que muestra el libro, o lo escribe de nuevo si así se pide.
fn check(file: &Path, told: &str) {
    if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(file, told).unwrap();
    }
    let written = fs::read_to_string(file).unwrap_or_default();
    assert_eq!(written, told, "{} no dice lo que ocurre hoy", file.display());
}

impl Step {
    fn lesson(&self) -> &'static str {
        &self.folder[..5]
    }

    fn program(&self) -> String {
        format!("paso_{}_{}", self.lesson(), self.number)
    }

    fn file(&self, extension: &str) -> PathBuf {
        let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
        lessons.join(self.folder).join(format!("pasos/paso_{}.{extension}", self.number))
    }

    /// El ejecutable, junto a los de las lecciones. `cargo test` lo compila; con `--test pasos`, no.
    fn path(&self) -> PathBuf {
        let path = Path::new(env!("CARGO_BIN_EXE_aplic_02_02"))
            .with_file_name("examples")
            .join(self.program());
        let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        let fresh = time(&path) >= time(&self.file("rs"));
        assert!(fresh, "{} no está al día: antes, «cargo build --examples»", self.program());
        path
    }
}

#[test]
fn eco_lo_que_se_ve_con_alguien_callado_dentro() -> Outcome {
    let orders = "(sleep 4 | nc -N 127.0.0.1 8802 &); sleep 1\n\
                  echo hola | timeout 2 nc -N 127.0.0.1 8802; echo \"código $?\"";
    if !prose::possible([orders], "lo que se ve de los pasos del eco")? {
        return Ok(());
    }
    for number in [1, 2] {
        let (step, server) = echo_step(number)?;
        let typed = orders.replace("8802", &server.address().port().to_string());
        let answer = prose::run(Path::new(env!("CARGO_TARGET_TMPDIR")), &typed, "")?.stdout;
        let told = format!("$ {}\n{answer}", orders.replace('\n', "\n$ "));
        check(&step.file("rs").with_file_name(format!("callado_{number}.txt")), &told);
        // Quien callaba se fue a los cuatro segundos: vuelve a haber sitio para otro.
        let mut late = Conversation::with(server.address()).peer("eva")?;
        late.send("hola\n")?;
        late.expect("hola\n")?;
    }
    Ok(())
}

#[test]
fn eco_lo_que_dice_el_tercer_paso_de_dos_que_entran_y_de_ctrl_c() -> Outcome {
    let (step, server) = echo_step(3)?;
    let conversation = Conversation::with(server.address());
    let told = |line| server.wait_for_line(Stream::Stdout, line, DEFAULT_LIMIT);
    let _silent = conversation.peer("ana")?;
    told("[cliente-1] entra")?;
    let beto = conversation.peer("beto")?;
    told("[cliente-2] entra")?;
    beto.close();
    told("[cliente-2] se va")?;
    let before = server.stdout();
    let exit = server.stop(Signal::SIGINT)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    let after = exit.stdout.strip_prefix(&before).unwrap();
    let told = format!("$ cargo run --example {} 8802\n{before}^C{after}", step.program());
    let told = told.replace(&server.address().port().to_string(), "8802");
    check(&step.file("rs").with_file_name("nombres_3.txt"), &told);
    Ok(())
}

/// Un paso del eco, en marcha.
fn echo_step(number: usize) -> Result<(&'static Step, Server), Failure> {
    let mut steps = STEPS.iter().filter(|step| step.lesson() == "02_02");
    let step = steps.find(|step| step.number == number).unwrap();
    let program = Program::new("env").arg("--default-signal=INT").arg(step.path());
    Ok((step, program.arg("0").start()?))
}

#[test]
fn lo_que_escriba_quien_lee_en_examples_no_lo_ve_git() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "/examples"));
}

#[test]
fn web_lo_que_se_ve_de_una_petición_a_medias() -> Outcome {
    let half = "(printf 'GET / HT'; sleep 1) | nc -N 127.0.0.1 8080 | head -n 1";
    web_session(1, "curl", "curl -i http://127.0.0.1:8080/")?;
    web_session(1, "media", half)?;
    web_session(2, "media", half)
}

#[test]
fn web_lo_que_se_ve_de_dos_peticiones_encadenadas() -> Outcome {
    let both = r#"r='GET / HTTP/1.1\r\nHost: x\r\n'
$ printf "$r\r\n${r}Connection: close\r\n\r\n" | nc 127.0.0.1 8080 | grep -c Hola"#;
    web_session(2, "encadenadas", both)?;
    web_session(3, "encadenadas", both)
}

#[test]
fn web_lo_que_se_ve_con_uno_que_no_lee() -> Outcome {
    let flood = r#"exec 3<>/dev/tcp/127.0.0.1/8080
$ (yes $'GET / HTTP/1.1\r\nHost: x\r\n\r' | head -n 300000 >&3 &); sleep 2
$ curl -s -m 2 http://127.0.0.1:8080/; echo "código $?""#;
    web_session(3, "no_lee", flood)?;
    web_session(4, "no_lee", flood)
}

#[test]
fn web_lo_que_se_ve_de_una_cabecera_sin_final() -> Outcome {
    let endless = r"head -c 3000000 /dev/zero | tr '\0' a | nc -N 127.0.0.1 8080 | wc -c";
    web_session(4, "sin_final", endless)
}

/// Lo que se teclea en una terminal, frente a un paso de la web, y lo que responde al final.
fn web_session(number: usize, name: &str, typed: &str) -> Outcome {
    let mut steps = STEPS.iter().filter(|step| step.lesson() == "02_04");
    let step = steps.find(|step| step.number == number).unwrap();
    if !prose::possible([typed], "lo que se ve de los pasos de la web")? {
        return Ok(());
    }
    let server = Program::new(step.path()).arg("0").start()?;
    let port = server.address().port().to_string();
    let orders = typed.replace("\n$ ", "\n").replace("8080", &port);
    let exit = prose::run(Path::new(env!("CARGO_TARGET_TMPDIR")), &orders, "")?;
    let answer = exit.stdout.replace('\r', "").replace(&port, "8080");
    let session = format!("$ {typed}\n{answer}");
    check(&step.file("rs").with_file_name(format!("{name}_{number}.txt")), &session);
    Ok(())
}
