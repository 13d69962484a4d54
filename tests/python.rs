//! Los tres programas de los apuntes en Python, con los mismos contratos que los de Rust.
//!
//! Se prueban por fuera, con las etapas del arnés y como los usaría una persona. Donde no hay
//! `python3` se dice, y no se prueba nada.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{
    Conversation, Exit, Failure, Program, Server, Signal, Stream, chat, frame, stages, tools,
};

/// Ninguna espera debe llegar aquí.
const LIMIT: Duration = Duration::from_secs(20);

/// Lo que se lee de un programa en dos pantallas, una frente a otra.
const MAX_LINES: usize = 199;
/// Lo que cabe en media pantalla.
const MAX_COLUMNS: usize = 88;

const LESSONS: [(&str, &str, &str); 3] = [
    ("02_02", "02_02_threading", "--serve"),
    ("02_03", "02_03_select_chat", "--name=servidor"),
    ("02_04", "02_04_epoll_web", "--host=127.0.0.1"),
];

type Outcome = Result<(), Failure>;

fn folder(lesson: &str) -> PathBuf {
    let (_, folder, _) = LESSONS.iter().find(|(id, ..)| *id == lesson).unwrap();
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons").join(folder).join("python")
}

/// El programa de una lección, o `None` si aquí no hay `python3`.
fn program(lesson: &str) -> Result<Option<Program>, Failure> {
    if !tools::available("python3", &format!("el programa de {lesson} en Python"))? {
        return Ok(None);
    }
    let script = folder(lesson).join(format!("aplic_python_{lesson}.py"));
    // Varias pruebas a la vez escribirían el mismo `__pycache__`.
    Ok(Some(Program::new("python3").env("PYTHONDONTWRITEBYTECODE", "1").arg(script)))
}

/// El servidor de una lección, en un puerto que elige el núcleo.
fn server(lesson: &str) -> Result<Option<Server>, Failure> {
    let (_, _, option) = LESSONS.iter().find(|(id, ..)| *id == lesson).unwrap();
    let Some(program) = program(lesson)? else { return Ok(None) };
    program.args([*option, "--port", "0"]).start().map(Some)
}

fn passes_every_stage(lesson: &str) -> Outcome {
    let Some(server) = server(lesson)? else { return Ok(()) };
    assert!(!stages(lesson).is_empty());
    stages(lesson).iter().try_for_each(|stage| server.passes(stage))
}

#[test]
fn el_eco_pasa_todas_las_etapas() -> Outcome {
    passes_every_stage("02_02")
}

#[test]
fn el_chat_pasa_todas_las_etapas() -> Outcome {
    passes_every_stage("02_03")
}

#[test]
fn la_web_pasa_todas_las_etapas() -> Outcome {
    passes_every_stage("02_04")
}

#[test]
fn la_demostración_dice_qué_hilo_atendió_a_quién_y_qué_recibió_cada_cual() -> Outcome {
    let Some(program) = program("02_02")? else { return Ok(()) };
    let exit = program.run_to_end("", LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    let lines: Vec<&str> = exit.stdout.lines().collect();
    let saying = |text: &str| -> Vec<&str> {
        lines.iter().copied().filter(|line| line.contains(text)).collect()
    };
    assert!(lines[0].starts_with("Escuchando en 127.0.0.1:"), "{exit}");
    for number in 1..=3 {
        let message = format!("'Hola desde prueba-{number}'");
        assert_eq!(saying(&format!(" envía 19 bytes: {message}")).len(), 1, "{exit}");
        let received = saying(&format!("recibió {message}"));
        assert_eq!(received.len(), 1, "{exit}");
        assert!(received[0].starts_with(&format!("[prueba-{number}] desde ")), "{exit}");
    }
    let threads: BTreeSet<&str> =
        saying(" envía ").iter().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(threads, BTreeSet::from(["[cliente-1]", "[cliente-2]", "[cliente-3]"]), "{exit}");
    // Nadie respondió hasta que todos estuvieron dentro: los tres hilos vivieron a la vez.
    let meeting = lines.iter().position(|line| line.contains("ya están todos dentro")).unwrap();
    let first_end = lines.iter().position(|line| line.contains("terminó; recibió")).unwrap();
    assert!(meeting < first_end, "{exit}");
    Ok(())
}

fn client(name: &str, address: SocketAddr) -> Result<Option<Program>, Failure> {
    let port = address.port().to_string();
    Ok(program("02_03")?.map(|program| program.args(["--name", name, "--port", &port])))
}

#[test]
fn t3_18_de_tres_líneas_por_una_tubería_el_cliente_envía_tres() -> Outcome {
    let Some(server) = server("02_03")? else { return Ok(()) };
    let conversation = Conversation::in_frames(server.address());
    let mut beto = chat::join(&conversation, "beto")?;
    let Some(ana) = client("ana", server.address())? else { return Ok(()) };
    // Es el final de su entrada, y no antes, lo que termina con el cliente.
    let exit = ana.run_to_end("uno\n\ndos\r\ntrés", LIMIT)?;
    assert_eq!((exit.code, exit.stdout.as_str(), exit.stderr.as_str()), (Some(0), "", ""));
    beto.expect_frame("(Conectado: nuevo cliente (2) desde ana@127.0.0.1)")?;
    for text in ["uno", "dos", "trés"] {
        beto.expect_frame(format!("#[ana@127.0.0.1]>> {text}"))?;
    }
    beto.expect_frame("(Desconectado: cliente ana@127.0.0.1)")
}

#[test]
fn t3_19_acabada_su_entrada_el_cliente_lee_lo_que_aún_le_llega() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let Some(ana) = client("ana", listener.local_addr()?)? else { return Ok(()) };
    let ana = ana.spawn()?;
    let (mut server, _) = listener.accept()?;
    server.set_read_timeout(Some(LIMIT))?;
    server.write_all(&frame::encode("CLIENT: 127.0.0.1"))?;
    ana.write_stdin("adiós\n");
    ana.close_stdin();
    let mut received = Vec::new();
    server.read_to_end(&mut received)?;
    assert_eq!(received, [frame::encode("NAME: ana"), frame::encode("adiós")].concat());
    server.write_all(&frame::encode("#[beto@127.0.0.1]>> hasta luego"))?;
    drop(server);
    let exit = ana.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    assert_eq!(exit.stdout, "#[beto@127.0.0.1]>> hasta luego\n");
    Ok(())
}

#[test]
fn el_cliente_muestra_lo_que_dicen_los_demás_y_por_qué_no_lo_dejan_entrar() -> Outcome {
    let Some(server) = server("02_03")? else { return Ok(()) };
    let mut beto = chat::join(&Conversation::in_frames(server.address()), "beto")?;
    let Some(ana) = client("ana", server.address())? else { return Ok(()) };
    let ana = ana.spawn()?;
    ana.write_stdin("¿hay alguien?\n");
    beto.expect_frame("(Conectado: nuevo cliente (2) desde ana@127.0.0.1)")?;
    beto.expect_frame("#[ana@127.0.0.1]>> ¿hay alguien?")?;
    beto.send_frame("hola\u{1b}[2J")?;
    ana.wait_for_line(Stream::Stdout, "#[beto@127.0.0.1]>> hola\u{fffd}[2J", LIMIT)?;

    let Some(other) = client("Ana", server.address())? else { return Ok(()) };
    let exit = other.run_to_end("", LIMIT)?;
    one_line(&exit, 1, "ese nombre ya está en uso");
    server.signal(Signal::SIGTERM)?;
    one_line(&ana.wait(LIMIT)?, 1, "el servidor cerró la conversación");
    Ok(())
}

#[test]
fn ctrl_c_y_sigterm_terminan_en_orden() -> Outcome {
    for (lesson, ..) in LESSONS {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let Some(server) = server(lesson)? else { return Ok(()) };
            let _silent = Conversation::with(server.address()).peer("callado")?;
            ends_in_order(&server, signal)?;
        }
    }
    let Some(server) = server("02_03")? else { return Ok(()) };
    let Some(ana) = client("ana", server.address())? else { return Ok(()) };
    let mut beto = chat::join(&Conversation::in_frames(server.address()), "beto")?;
    let ana = ana.spawn()?;
    beto.expect_frame("(Conectado: nuevo cliente (2) desde ana@127.0.0.1)")?;
    ends_in_order(&ana, Signal::SIGINT)
}

fn ends_in_order(program: &harness::Running, signal: Signal) -> Outcome {
    let exit = program.stop(signal)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    Ok(())
}

#[test]
fn t3_17_sin_entrada_el_chat_sigue_y_con_salir_termina() -> Outcome {
    let Some(server) = server("02_03")? else { return Ok(()) };
    server.close_stdin();
    drop(chat::join(&Conversation::in_frames(server.address()), "ana")?);
    let Some(program) = program("02_03")? else { return Ok(()) };
    let server = program.args(["--name", "servidor", "--port", "0"]).start()?;
    server.write_stdin("salir\n");
    assert_eq!(server.wait(LIMIT)?.code, Some(0));
    Ok(())
}

#[test]
fn lo_que_sale_mal_se_dice_en_una_línea_en_español() -> Outcome {
    for (lesson, _, option) in LESSONS {
        let Some(busy) = server(lesson)? else { return Ok(()) };
        let port = busy.address().port().to_string();
        for (arguments, code, why) in [
            (["--port", "70000"], 2, "Uso: "),
            (["--port", &port], 1, "otro programa ya escucha ahí"),
            (["--host", "no-existe.invalid"], 1, "no se encuentra esa máquina"),
        ] {
            let Some(program) = program(lesson)? else { return Ok(()) };
            one_line(&program.arg(option).args(arguments).run_to_end("", LIMIT)?, code, why);
        }
    }
    let Some(program) = program("02_03")? else { return Ok(()) };
    one_line(&program.args(["--name", "a@b"]).run_to_end("", LIMIT)?, 2, "@ [ ] < > #");
    Ok(())
}

fn one_line(exit: &Exit, code: i32, why: &str) {
    assert_eq!(exit.code, Some(code), "{exit}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit}");
    assert!(exit.stderr.starts_with("aplic_python_02_0"), "{exit}");
    assert!(exit.stderr.contains(why), "se esperaba «{why}»: {exit}");
}

#[test]
fn cada_programa_es_un_archivo_que_se_lee_de_una_vez_y_cabe_en_media_pantalla() {
    for (lesson, ..) in LESSONS {
        let entries = fs::read_dir(folder(lesson)).unwrap().flatten().map(|entry| entry.path());
        let files: BTreeSet<PathBuf> = entries.filter(|path| path.is_file()).collect();
        let mut expected =
            BTreeSet::from([folder(lesson).join(format!("aplic_python_{lesson}.py"))]);
        // Los mensajes del chat y la gramática de HTTP van aparte: lo que se aprende es select, y epoll.
        let beside = match lesson {
            "02_03" => Some("messages.py"),
            "02_04" => Some("http_request.py"),
            _ => None,
        };
        expected.extend(beside.map(|file| folder(lesson).join(file)));
        assert_eq!(files, expected);
        for path in files {
            let text = fs::read_to_string(&path).unwrap();
            let place = path.display();
            // Las anclas son del libro, que muestra el programa por partes.
            let lines = text.lines().filter(|line| !line.contains("# ANCHOR")).count();
            assert!(lines <= MAX_LINES, "{place}: demasiadas líneas");
            for (line, number) in text.lines().zip(1..) {
                assert!(line.chars().count() <= MAX_COLUMNS, "{place}:{number}: demasiado ancha");
            }
        }
    }
}

/// La web, con un plazo corto: es una constante, y se cambia antes de arrancar.
fn impatient_web() -> Result<Option<Server>, Failure> {
    if !tools::available("python3", "los plazos de la web en Python")? {
        return Ok(None);
    }
    let code = format!(
        "import sys; sys.path.insert(0, '{}'); sys.argv = ['web', '--port', '0']\n\
         import aplic_python_02_04 as web; web.PATIENCE = 0.3; web.main()",
        folder("02_04").display()
    );
    let python = Program::new("python3").env("PYTHONDONTWRITEBYTECODE", "1");
    python.args(["-c", &code]).start().map(Some)
}

#[test]
fn t4_10_la_web_no_espera_para_siempre_y_las_alarmas_de_quien_se_fue_no_son_de_nadie() -> Outcome {
    let Some(server) = impatient_web()? else { return Ok(()) };
    let conversation = Conversation::with(server.address());
    let mut idle = conversation.peers("ocioso", 40)?;
    // Se va la mitad, y cada una de las suyas queda entre dos alarmas que sí sonarán.
    let mut number = 0;
    idle.retain(|_| {
        number += 1;
        number % 2 == 0
    });
    idle.iter_mut().try_for_each(harness::Peer::expect_end)?;
    // El cuerpo no se espera: se responde, y se cierra en orden aunque no acabe de llegar.
    let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhola";
    for (half, status) in [("GET / HT", 408), (body, 405)] {
        let mut slow = conversation.peer("quien no acaba")?;
        slow.send(half)?;
        assert_eq!(slow.expect_response()?.status, status);
        slow.expect_end()?;
    }
    ends_in_order(&server, Signal::SIGTERM)
}
