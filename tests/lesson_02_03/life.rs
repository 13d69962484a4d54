//! Vida del servidor: anuncia, atiende, sigue sin teclado y termina cuando se le pide.

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

use harness::{Conversation, Failure, Program, Signal, Stream, tools};

use super::chat::{Chat, enter, joined, talk};
use super::host::Host;
use super::{LESSON, LIMIT, NOTHING_TO_DO, Outcome, client, client_arguments, lesson, server};

#[test]
fn t3_16_las_dos_señales_terminan_en_orden_y_sin_quejas() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
        let mut stranger = chat.stranger("sin nombre")?;
        stranger.send(b"\x00\x00")?;
        chat.settles()?;
        let exit = chat.server.stop(signal)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "tras {signal}");
        ana.expect_end()?;
        beto.expect_end()?;
        stranger.expect_end_or_reset()?;
    }
    Ok(())
}

#[test]
fn t3_17_el_servidor_sigue_cuando_se_acaba_su_entrada() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    chat.server.close_stdin();
    talk(&mut ana, &mut beto)?;
    // Una entrada terminada está siempre lista para leer: vigilarla sería no dormir nunca.
    chat.server.sleeps_through(NOTHING_TO_DO)?;
    talk(&mut ana, &mut beto)?;

    let chat = Chat::with(server().without_stdin())?;
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    chat.server.sleeps_through(NOTHING_TO_DO)?;
    talk(&mut ana, &mut beto)
}

#[test]
fn f1_el_servidor_sigue_con_cualquier_entrada_o_sin_ella() -> Outcome {
    let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let socket = format!("<> /dev/tcp/127.0.0.1/{}", peer.local_addr()?.port());
    // Sin entrada; que no se puede leer (EBADF, EISDIR); que se acaba; un socket.
    let inputs =
        ["<&-", "0> /dev/null", "< /", "< /proc/version", "< /dev/null", "< <(:)", &socket];
    for input in inputs {
        let script = format!("exec \"$@\" {input}");
        let shell = Program::new("bash").args(["-c", &script, "bash", LESSON]);
        let chat = Chat::with(shell.args(["--name", "servidor", "--port", "0"]))?;
        let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
        chat.server.sleeps_through(NOTHING_TO_DO)?;
        talk(&mut ana, &mut beto)?;
        assert_eq!(chat.server.stop(Signal::SIGTERM)?.code, Some(0), "{input}");
    }
    // Desde una terminal, `nohup` le deja una entrada que no se puede leer, e ignora SIGHUP.
    let script = "nohup \"$@\" 2> /dev/null | cat";
    let shell = Program::new("sh").args(["-c", script, "sh", LESSON]).on_terminal(80, 24);
    let shell = shell.args(["--name", "servidor", "--port", "0"]).spawn()?;
    let line = shell.wait_for_line(Stream::Stdout, "Escuchando en ", LIMIT)?;
    let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| Failure::new(line.clone()))?;
    enter(&mut Conversation::in_frames(address).peer("ana")?, "ana")
}

#[test]
fn escribir_salir_termina_y_lo_demás_se_explica() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.member("ana")?;
    chat.server.write_stdin("\nadiós\u{1b}[2J\nsal");
    let answer = chat.server.wait_for_line(Stream::Stdout, "No conozco", LIMIT)?;
    assert_eq!(answer, "No conozco «adiós\u{FFFD}[2J»; para terminar, escribe «salir».");
    chat.server.write_stdin("ir\n");
    let exit = chat.server.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    ana.expect_end()
}

#[test]
fn t3_22_dice_que_escucha_cuando_ya_es_verdad() -> Outcome {
    for _ in 0..20 {
        // `open` lee la primera línea; que la conexión se acepte no depende de la suerte.
        let chat = Chat::open()?;
        chat.member("ana")?;
        let expected = format!("Escuchando en {}\n", chat.server.address());
        assert!(chat.server.stdout().starts_with(&expected), "{}", chat.server.stdout());
    }
    // Y si no puede escuchar, no lo dice.
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = busy.local_addr()?.port().to_string();
    let exit = lesson().args(["--name", "servidor", "--port", &port]).run_to_end("", LIMIT)?;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""));
    Ok(())
}

#[test]
fn se_puede_volver_a_arrancar_en_el_mismo_puerto() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.member("ana")?;
    let port = chat.server.address().port().to_string();
    // Cierra primero el servidor: la conexión queda en TIME_WAIT de su lado.
    chat.server.stop(Signal::SIGTERM)?;
    ana.expect_end()?;
    ana.close();
    let again = Chat::with(lesson().args(["--name", "servidor", "--port", &port]))?;
    again.member("ana")?;
    Ok(())
}

#[test]
fn escucha_en_ipv6_y_por_nombre() -> Outcome {
    let named = Chat::with(server().args(["--host", "localhost"]))?;
    assert!(named.server.address().ip().is_loopback());
    named.member("ana")?;

    if !harness::tools::ipv6("el chat por IPv6")? {
        return Ok(());
    }
    let chat = Chat::with(server().args(["--host", "::1"]))?;
    assert_eq!(chat.server.address().ip(), Ipv6Addr::LOCALHOST);
    let mut ana = chat.stranger("ana")?;
    ana.send_frame("NAME: ana")?;
    ana.expect_frame("CLIENT: ::1")?;
    let mut beto = chat.member("beto")?;
    ana.expect_frame("(Conectado: nuevo cliente (2) desde beto@::1)")?;
    beto.send_frame("hola")?;
    ana.expect_frame("#[beto@::1]>> hola")?;

    // En `::` se oye a las dos familias, y a cada cual se le llama por su dirección.
    let chat = Chat::with(server().args(["--host", "::"]))?;
    let port = chat.server.address().port();
    for (name, ip) in [("ana", Ipv4Addr::LOCALHOST.into()), ("beto", Ipv6Addr::LOCALHOST.into())] {
        let conversation = Conversation::in_frames(SocketAddr::new(ip, port));
        enter(&mut conversation.peer(name)?, name)?;
    }
    Ok(())
}

/// Ejecuta el programa sin nadie que lea lo que escribe, y devuelve su código de salida.
fn code_unread<Word: Into<OsString>>(
    words: impl IntoIterator<Item = Word>,
) -> Result<Option<i32>, Failure> {
    Ok(lesson().args(words).unread().spawn()?.wait(LIMIT)?.code)
}

#[test]
fn una_salida_cerrada_no_es_un_pánico() -> Outcome {
    // Un pánico saldría con 101.
    assert_eq!(code_unread(["--help"])?, Some(0));
    assert_eq!(code_unread(["--version"])?, Some(0));
    assert_eq!(code_unread(["--nmae"])?, Some(2));

    let host = Host::open()?;
    let arguments = client_arguments("ana", host.address()?);
    let speaker = thread::spawn(move || host.guest("ana")?.say("¿me lees?"));
    assert_eq!(code_unread(arguments)?, Some(1));
    speaker.join().map_err(|_| Failure::new("El servidor de mentira falló."))?
}

#[test]
fn al_servidor_en_marcha_no_le_importa_que_nadie_lea_lo_que_cuenta() -> Outcome {
    let server = server().args(["-v", "--trace", "/dev/full"]).heard_once().start()?;
    let conversation = Conversation::in_frames(server.address());
    let mut ana = conversation.peer("ana")?;
    enter(&mut ana, "ana")?;

    // No tiene a quién contestar, y eso no es asunto de quienes conversan.
    server.write_stdin("hola\n¿hay alguien?\n");
    let mut beto = conversation.peer("beto")?;
    enter(&mut beto, "beto")?;
    ana.expect_frame(joined(2, "beto"))?;
    talk(&mut ana, &mut beto)
}

/// Lo que se espera de verdad son dos minutos: aquí, que el núcleo lleve la cuenta en las dos puntas
/// de la conversación (ss(8), «timer»).
#[test]
fn f15_el_núcleo_vigila_que_quien_calla_siga_ahí() -> Outcome {
    if !tools::available("ss", "que se note cuándo se apaga la máquina del otro")? {
        return Ok(());
    }
    let server = server().start()?;
    let ana = client("ana", server.address()).spawn()?;
    let port = server.address().port();
    for end in ["sport", "dport"] {
        ana.eventually(&format!("se vigilara la punta «{end}»"), LIMIT, || {
            let filter = format!("{end} = :{port}");
            let told = Command::new("ss").args(["-Htno", "state", "established", &filter]).output();
            told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("(keepalive,"))
        })?;
    }
    Ok(())
}
