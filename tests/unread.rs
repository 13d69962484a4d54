//! Lo que nadie lee no detiene a ningún programa, ni su final: ni una tubería llena, ni una terminal
//! parada con Ctrl-S, ni un lector que se fue. Y quien lee despacio lo recibe todo.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::procfs::ProcResult;
use harness::procfs::net::{TcpNetEntry, TcpState};
use harness::procfs::process::{FDTarget, Process};
use harness::{Conversation, Failure, Program, Running, Signal, Stream, Trace};

type Outcome = Result<(), Failure>;

const LIMIT: Duration = harness::DEFAULT_LIMIT;

/// Los que hacen falta para llenar una tubería (64 KiB), con dos líneas de cada uno.
const CROWD: usize = 600;

/// Y con seis o más de cada uno.
const CROWD_IN_DETAIL: usize = 300;

const ECHO: &[&str] = &[env!("CARGO_BIN_EXE_aplic_02_02"), "--serve", "--port", "0"];
const CHAT: &[&str] = &[env!("CARGO_BIN_EXE_aplic_02_03"), "--name", "servidor", "--port", "0"];
const WEB: &[&str] = &[env!("CARGO_BIN_EXE_aplic_02_04"), "--port", "0"];

/// Habla con un servidor, y comprueba que responde.
type Talk = fn(SocketAddr) -> Outcome;

/// Un servidor de cada lección, y cómo se le habla.
const SERVERS: [(&[&str], Talk); 3] = [(ECHO, echo), (CHAT, chat), (WEB, web)];

fn program(words: &[&str]) -> Program {
    Program::new(words[0]).args(words[1..].iter().copied())
}

fn echo(address: SocketAddr) -> Outcome {
    let mut client = Conversation::with(address).peer("cliente")?;
    client.send("x")?;
    client.expect("x")?;
    client.leave()
}

fn chat(address: SocketAddr) -> Outcome {
    let mut member = Conversation::in_frames(address).peer("ana")?;
    member.send_frame("NAME: ana")?;
    member.expect_frame("CLIENT: 127.0.0.1")?;
    member.half_close()?;
    member.expect_end()
}

fn web(address: SocketAddr) -> Outcome {
    let mut client = Conversation::with(address).peer("navegador")?;
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    assert_eq!(client.expect_response()?.status, 200);
    client.expect_end()
}

/// Lo arranca, y comprueba que atiende a todos y que termina en orden con esa señal.
fn serves_a_crowd_and_ends(program: Program, talk: Talk, signal: Signal) -> Outcome {
    let (server, address) = started(program)?;
    crowd(CROWD_IN_DETAIL, &server, address, talk)?;
    let exit = server.stop(signal)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    Ok(())
}

fn crowd(size: usize, server: &Running, address: SocketAddr, talk: Talk) -> Outcome {
    (0..size).try_for_each(|_| talk(address)).map_err(|failure| server.explain(failure))
}

/// Arranca un servidor que quizá no tenga a quién decir dónde escucha: lo dice el núcleo.
fn started(program: Program) -> Result<(Running, SocketAddr), Failure> {
    let server = program.spawn()?;
    let mut address = None;
    server.eventually("escuchara", LIMIT, || {
        address = server.ask_kernel(listening_address).ok().flatten();
        address.is_some()
    })?;
    let address = address.ok_or_else(|| Failure::new("No escucha en ningún sitio."))?;
    Ok((server, address))
}

fn listening_address(process: &Process) -> ProcResult<Option<SocketAddr>> {
    let mut sockets = Vec::new();
    for fd in process.fd()? {
        if let FDTarget::Socket(inode) = fd?.target {
            sockets.push(inode);
        }
    }
    let is_theirs =
        |entry: &TcpNetEntry| entry.state == TcpState::Listen && sockets.contains(&entry.inode);
    Ok(harness::connections()?.into_iter().find(is_theirs).map(|entry| entry.local_address))
}

#[test]
fn f2_el_eco_atiende_a_todos_aunque_nadie_lea_lo_que_cuenta() -> Outcome {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = program(ECHO).unheeded().start()?;
        crowd(CROWD, &server, server.address(), echo)?;
        let exit = server.stop(signal)?;
        assert_eq!(exit.code, Some(0), "{exit}");
    }
    Ok(())
}

#[test]
fn f2b_con_v_y_la_salida_de_errores_sin_leer_los_tres_siguen() -> Outcome {
    for (words, talk) in SERVERS {
        serves_a_crowd_and_ends(program(words).arg("-v").unheeded(), talk, Signal::SIGINT)?;
    }
    Ok(())
}

#[test]
fn f2b_con_la_traza_en_una_tubería_sin_leer_los_tres_siguen() -> Outcome {
    for (words, talk) in SERVERS {
        let fifo = Fifo::new()?;
        // Para leer y escribir: así abrirla no espera a nadie (fifo(7)).
        let _unread = fs::File::options().read(true).write(true).open(&fifo.0)?;
        let program = program(words).arg("--trace").arg(&fifo.0);
        serves_a_crowd_and_ends(program, talk, Signal::SIGTERM)?;
    }
    Ok(())
}

#[test]
fn f2b_una_traza_en_una_tubería_que_nadie_ha_abierto_se_dice_y_no_espera() -> Outcome {
    for (words, _) in SERVERS {
        let fifo = Fifo::new()?;
        let exit = program(words).arg("--trace").arg(&fifo.0).run_to_end("", LIMIT)?;
        let complaint = exit.complaint(1)?;
        assert!(complaint.contains("nadie lee en «"), "{complaint}");
        assert!(complaint.contains("cat "), "{complaint}");
    }
    Ok(())
}

/// Una tubería con nombre, que se borra al soltarla.
struct Fifo(PathBuf);

impl Fifo {
    fn new() -> Result<Fifo, Failure> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("traza_{}_{number}.fifo", process::id()));
        assert!(process::Command::new("mkfifo").arg(&path).status()?.success());
        Ok(Fifo(path))
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn f2_en_una_terminal_parada_con_ctrl_s_los_tres_siguen() -> Outcome {
    for (words, talk) in SERVERS {
        let (server, address) = started(program(words).arg("-v").on_terminal(80, 24))?;
        server.write_stdin("\x13");
        crowd(CROWD_IN_DETAIL, &server, address, talk)?;
        let exit = server.stop(Signal::SIGINT)?;
        assert_eq!(exit.code, Some(0), "{exit}");
    }
    Ok(())
}

#[test]
fn f2_en_una_terminal_que_nadie_mira_los_tres_siguen() -> Outcome {
    for (words, talk) in SERVERS {
        let program = program(words).arg("-v").on_terminal(80, 24).unheeded();
        serves_a_crowd_and_ends(program, talk, Signal::SIGTERM)?;
    }
    Ok(())
}

/// Con `sudo -u`, la terminal es la nuestra, pero el archivo es de otro. A root hay que quitarle el
/// permiso de abrirlo todo.
const SOMEONE_ELSES: &str = r#"
chmod 000 "$(tty)"
[ "$(id -u)" != 0 ] || set -- setpriv --bounding-set=-dac_override,-dac_read_search "$@"
exec "$@""#;

#[test]
fn f2_en_una_terminal_que_es_de_otro_y_nadie_mira_los_tres_siguen() -> Outcome {
    for (words, talk) in SERVERS {
        let program = Program::new("setsid").args(["--ctty", "sh", "-c", SOMEONE_ELSES, "sh"]);
        let program = program.args(words.iter().copied()).arg("-v").on_terminal(80, 24).unheeded();
        serves_a_crowd_and_ends(program, talk, Signal::SIGTERM)?;
    }
    Ok(())
}

#[test]
fn f25_los_tres_siguen_aunque_al_arrancar_ya_se_hubiera_ido_quien_leía() -> Outcome {
    for (words, talk) in SERVERS {
        serves_a_crowd_and_ends(program(words).arg("-v").unread(), talk, Signal::SIGTERM)?;
    }
    Ok(())
}

#[test]
fn f2_quien_lee_tarde_lo_recibe_todo_aunque_las_dos_salidas_sean_la_misma() -> Outcome {
    let script = ["-c", "exec \"$0\" \"$@\" 2>&1"];
    let program = Program::new("bash").args(script).args(ECHO).arg("-v").unheeded();
    let (server, address) = started(program)?;
    crowd(CROWD, &server, address, echo)?;
    server.read_on();
    let exit = server.stop(Signal::SIGTERM)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    let count = |what: &str| exit.stdout.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count(" envía 1 bytes: \"x\""), CROWD);
    assert_eq!(count("] accept: cliente "), CROWD);
    // Ninguna línea partida, y las que contó un mismo hilo, en su orden.
    assert!(exit.stdout.lines().all(|line| line.starts_with(['[', 'E'])), "{exit}");
    let accepted = exit.stdout.lines().filter_map(|line| {
        line.split_once("accept: cliente ")?.1.split(' ').next()?.parse::<usize>().ok()
    });
    assert!(accepted.eq(1..=CROWD));
    Ok(())
}

/// Una línea larga que el servidor del chat no conoce, y repite entera.
fn unknown_line(number: usize) -> String {
    format!("{number:0>50000}\n")
}

#[test]
fn f2_lo_que_no_cabe_se_pierde_y_se_dice_cuántas_líneas() -> Outcome {
    let server = program(CHAT).unheeded().start()?;
    let typed: String = (1..=40).map(unknown_line).collect();
    server.write_stdin(&typed);
    // Las ha leído todas, y ha vuelto a su bucle.
    server.eventually("leyera lo escrito", LIMIT, || {
        let told = server.ask_kernel(Process::io);
        told.is_ok_and(|io| usize::try_from(io.rchar).is_ok_and(|read| read > typed.len()))
    })?;
    chat(server.address())?;
    server.read_on();
    server.wait_for_line(Stream::Stdout, "nadie leía la salida.)", LIMIT)?;
    server.write_stdin("ya te leo\n");
    server.wait_for_line(Stream::Stdout, "No conozco «ya te leo»", LIMIT)?;

    let text = server.stdout();
    let lines: Vec<&str> = text.lines().skip(2).collect();
    let [unknown @ .., notice, _] = lines.as_slice() else { panic!("{text}") };
    let expected: Vec<String> = (1..=unknown.len()).map(unknown_line).collect();
    assert!(unknown.iter().zip(expected).all(|(line, number)| line.contains(number.trim_end())));
    let lost = 40 - unknown.len();
    assert_eq!(*notice, format!("(Aquí faltan {lost} líneas: nadie leía la salida.)"));
    Ok(())
}

#[test]
fn f2_con_salir_el_chat_termina_aunque_nadie_lea_su_salida() -> Outcome {
    let server = program(CHAT).unheeded().start()?;
    server.write_stdin((1..=4).map(unknown_line).collect::<String>());
    server.write_stdin("salir\n");
    assert_eq!(server.wait(LIMIT)?.code, Some(0));
    Ok(())
}

/// Una demostración, con sus cuatrocientos clientes ya atendidos, de la que nadie ha leído más que la
/// primera línea.
fn demonstrated() -> Result<Running, Failure> {
    let trace = Trace::new();
    let program = trace.of(program(&ECHO[..1]).args(["--clients", "400", "-v"]));
    let demonstration = program.unheeded().spawn()?;
    demonstration.eventually("solo faltara leerla", LIMIT, || {
        let steps = trace.steps().unwrap_or_default();
        steps.iter().filter(|step| step.what() == "close" && step.client().is_some()).count() == 400
    })?;
    Ok(demonstration)
}

#[test]
fn f2_de_una_demostración_quien_lee_despacio_no_se_pierde_nada() -> Outcome {
    let demonstration = demonstrated()?;
    demonstration.read_on();
    let exit = demonstration.wait(LIMIT)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    for what in ["] desde ", " envía ", " terminó; "] {
        assert_eq!(exit.stdout.lines().filter(|line| line.contains(what)).count(), 400, "{what}");
    }
    Ok(())
}

#[test]
fn f2_una_demostración_que_nadie_lee_termina_con_ctrl_c() -> Outcome {
    let exit = demonstrated()?.stop(Signal::SIGINT)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    Ok(())
}

/// O_NONBLOCK es de la apertura, no del descriptor: el intérprete que lanzó el programa tiene la misma,
/// y con ella sin bloqueo, `cat` fallaría (fcntl(2)).
#[test]
fn f2_la_salida_de_quien_lo_lanza_sigue_como_estaba() -> Outcome {
    let script = ["-c", "\"$0\" --clients 1 -v; cat /proc/$$/fdinfo/1 /proc/$$/fdinfo/2"];
    let exit = Program::new("bash").args(script).arg(ECHO[0]).run_to_end("", LIMIT)?;
    let flags: Vec<_> =
        exit.stdout.lines().filter_map(|line| line.strip_prefix("flags:")).collect();
    assert_eq!(flags.len(), 2, "{exit}");
    for octal in flags {
        let bits = i32::from_str_radix(octal.trim(), 8).unwrap();
        assert_eq!(bits & 0o4000, 0, "{exit}");
    }
    Ok(())
}
