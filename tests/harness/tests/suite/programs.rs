//! Programas que escuchan, que terminan, que se atascan y que se despiden.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use harness::{Exit, Failure, Program, Server, Signal, Stream, eventually, stages, tools};
use nix::fcntl::{FcntlArg, fcntl};

use crate::normalised;
use crate::servers::echo;

const LIMIT: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(500);

fn shell(script: &str) -> Program {
    Program::new("sh").args(["-c", script])
}

#[test]
fn la_dirección_sale_de_la_primera_línea() -> Result<(), Failure> {
    let server = shell("echo 'Escuchando en [::1]:8800'; cat").start()?;
    assert_eq!(server.address().to_string(), "[::1]:8800");
    server.write_stdin("una línea\n");
    let line = server.wait_for_line(Stream::Stdout, "línea", LIMIT)?;
    assert_eq!(line, "una línea");
    server.close_stdin();
    assert_eq!(server.wait(LIMIT)?.code, Some(0));
    Ok(())
}

#[test]
fn otra_primera_línea_no_vale() {
    let failure = shell("echo Listening on 127.0.0.1:8800; cat").start().unwrap_err();
    assert_eq!(
        failure.headline(),
        "La primera línea de «sh» debía ser «Escuchando en DIRECCIÓN:PUERTO», y fue «Listening on \
         127.0.0.1:8800»."
    );
}

#[test]
fn un_servidor_que_muere_antes_de_escuchar() {
    let script = "echo 'no pude abrir el puerto 80: permiso denegado' >&2; exit 1";
    let failure = shell(script).start().unwrap_err();
    insta::assert_snapshot!(normalised::report(&failure));
}

#[test]
fn un_programa_que_no_existe() {
    let failure = Program::new("/no/existe").start().unwrap_err();
    assert_eq!(failure.headline(), "No se pudo arrancar «existe»: no existe.");
}

#[test]
fn un_programa_atascado_dice_en_qué_llamada() -> Result<(), Failure> {
    let program = shell("echo empiezo; echo me atasco >&2; exec sleep 60").spawn()?;
    program.wait_for_line(Stream::Stderr, "me atasco", LIMIT)?;
    program.eventually("sh se convierta en sleep", LIMIT, || {
        program.threads().is_ok_and(|names| names == ["sleep"])
    })?;
    let report = program.wait(SHORT).unwrap_err().to_string();
    for expected in [
        "Se esperaba que «sh» terminara, y en 500 ms no lo hizo.",
        "Qué hacía «sh» (proceso ",
        "  hilo «sleep» (",
        "salida estándar:\n\n  empiezo\n",
        "salida de errores:\n\n  me atasco\n",
    ] {
        assert!(report.contains(expected), "{report}");
    }
    // No todo núcleo lo cuenta: donde no se puede leer, el informe lo calla.
    let can_tell = std::fs::read_to_string("/proc/self/syscall").is_ok();
    assert!(!can_tell || report.contains("en clock_nanosleep(2)"), "{report}");
    Ok(())
}

#[test]
fn una_etapa_que_falla_cuenta_qué_hacía_el_servidor() -> Result<(), Failure> {
    // El puerto 1 (tcpmux) no lo usa nadie desde hace décadas.
    let server = shell("echo 'Escuchando en 127.0.0.1:1'; exec cat").start()?;
    let report = server.passes(&stages("02_02")[0]).unwrap_err().to_string();
    assert!(report.contains("conexión rechazada"), "{report}");
    assert!(report.contains("Qué hacía «sh»"), "{report}");
    Ok(())
}

#[test]
fn de_quien_escucha_y_no_lo_dice_se_sabe_el_puerto() -> Result<(), Failure> {
    if !tools::available("python3", "un servidor que no dice dónde escucha")? {
        return Ok(());
    }
    // Sin vaciar el búfer, por una tubería no sale nada.
    let code = "import socket, sys, time; s = socket.create_server(('127.0.0.1', 0)); \
                print('Escuchando en 127.0.0.1:%d' % s.getsockname()[1]); \
                print('listo', file=sys.stderr, flush=True); time.sleep(60)";
    let program = Program::new("env").args(["-u", "PYTHONUNBUFFERED", "python3", "-c", code]);
    let program = program.spawn()?;
    program.wait_for_line(Stream::Stderr, "listo", LIMIT)?;
    let failure = program.announced(SHORT).unwrap_err().to_string();
    assert!(failure.contains("Pista: escucha ya en el puerto "), "{failure}");
    Ok(())
}

#[test]
fn lo_que_hacía_el_servidor_se_mira_antes_de_que_nadie_se_vaya() -> Result<(), Failure> {
    if !tools::available("python3", "qué hacía un servidor")? {
        return Ok(());
    }
    // De uno en uno: cuando el segundo no es atendido, está leyendo del primero.
    let code = "import socket\ns = socket.create_server(('127.0.0.1', 0))\n\
                print('Escuchando en 127.0.0.1:%d' % s.getsockname()[1], flush=True)\n\
                while True:\n    c, _ = s.accept()\n    while d := c.recv(4096): c.sendall(d)\n    c.close()";
    let server = Program::new("python3").args(["-c", code]).start()?;
    let title = "muchos a la vez, y algunos callados";
    let stage = stages("02_02").iter().find(|stage| stage.title == title).unwrap();
    let conversation = stage.conversation(server.address()).limit(SHORT);
    let report = server.passes_in(stage, &conversation).unwrap_err().to_string();
    assert!(report.contains("en recvfrom(2)"), "{report}");
    assert!(!report.contains("en accept4(2)"), "{report}");
    Ok(())
}

/// El programa: `sh`, que atiende Ctrl-C como dice `trap`, y espera.
fn on_ctrl_c(trap: &str) -> Result<Server, Failure> {
    let script =
        format!("{trap}; echo 'Escuchando en {}'; while :; do sleep 0.01; done", echo::correct());
    shell(&script).start()
}

#[test]
fn la_última_etapa_para_el_programa() -> Result<(), Failure> {
    let stage = stages("02_02").last().unwrap();
    assert!(stage.stops_program());
    let server = on_ctrl_c("trap 'exit 3' INT")?;
    let failure = server.passes_in(stage, &stage.conversation(server.address()).limit(SHORT));
    assert_eq!(
        failure.unwrap_err().headline(),
        "«callado 1» esperaba el fin de la conexión, y en 500 ms no llegó."
    );
    let failure = stage.run(server.address()).unwrap_err();
    assert_eq!(failure.headline(), "Para pulsar Ctrl-C a un programa hay que haberlo arrancado.");
    Ok(())
}

#[test]
fn lo_que_falta_en_la_salida_se_dice() -> Result<(), Failure> {
    let program = shell("echo una cosa; exec cat").spawn()?;
    program.wait_for_line(Stream::Stdout, "una cosa", LIMIT)?;
    let failure = program.wait_for_line(Stream::Stdout, "otra cosa", SHORT).unwrap_err();
    assert_eq!(
        failure.headline(),
        "Se esperaba una línea con «otra cosa» en la salida estándar, y «sh» no lo escribió en \
         500 ms."
    );
    Ok(())
}

#[test]
fn quien_escribe_mucho_no_se_queda_esperando_a_que_lo_lean() -> Result<(), Failure> {
    let script = "seq 200000; seq 200000 >&2; echo fin";
    let exit = shell(script).run_to_end("", LIMIT)?;
    assert_eq!(exit.code, Some(0));
    assert!(exit.stdout.ends_with("200000\nfin\n"));
    assert!(exit.stderr.ends_with("200000\n"));
    Ok(())
}

#[test]
fn quien_no_lee_su_entrada_no_hace_esperar_al_arnés() -> Result<(), Failure> {
    let exit = shell("exit 3").run_to_end(harness::numbered_lines(1 << 20), LIMIT)?;
    assert_eq!(exit.code, Some(3));
    Ok(())
}

#[test]
fn la_entrada_estándar_llega_entera_y_con_su_final() -> Result<(), Failure> {
    let exit = shell("wc -l").run_to_end("uno\ndos\ntres\n", LIMIT)?;
    assert_eq!(exit.stdout.trim(), "3");
    let exit = shell("wc -c").without_stdin().run_to_end("nada", LIMIT)?;
    assert_eq!(exit.stdout.trim(), "0");
    Ok(())
}

#[test]
fn el_entorno_y_los_límites_llegan_al_programa() -> Result<(), Failure> {
    let program = shell("ulimit -n; echo $SALUDO").descriptor_limit(32).env("SALUDO", "¡hola!");
    assert_eq!(program.run_to_end("", LIMIT)?.stdout, "32\n¡hola!\n");
    Ok(())
}

#[test]
fn sin_herencia_solo_quedan_los_tres_descriptores_de_siempre() -> Result<(), Failure> {
    let null = File::open("/dev/null")?;
    // Este, al contrario que los que abre Rust, sí pasa de un programa a otro.
    let inherited = fcntl(&null, FcntlArg::F_DUPFD(20)).map_err(io::Error::from)?.to_string();
    let open = || Program::new("ls").arg("/proc/self/fd");
    let names = |exit: Exit| exit.stdout.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(names(open().run_to_end("", LIMIT)?).contains(&inherited));
    // El 3 es la carpeta que está leyendo `ls`.
    for alone in [open().without_inherited_descriptors(), open().descriptor_limit(5)] {
        assert_eq!(names(alone.run_to_end("", LIMIT)?), ["0", "1", "2", "3"]);
    }
    Ok(())
}

#[test]
fn los_límites_no_cambian_el_número_de_proceso() -> Result<(), Failure> {
    let program = shell("echo $$; exec cat").descriptor_limit(32).spawn()?;
    let pid = program.pid().to_string();
    program.wait_for_line(Stream::Stdout, &pid, LIMIT)?;
    Ok(())
}

#[test]
fn una_señal_lo_termina_y_se_sabe_cuál() -> Result<(), Failure> {
    let program = shell("exec sleep 60").spawn()?;
    let exit = program.stop(Signal::SIGTERM)?;
    assert_eq!((exit.code, exit.signal), (None, Some(Signal::SIGTERM)));
    assert!(!program.is_alive());
    let failure = program.signal(Signal::SIGTERM).unwrap_err();
    assert_eq!(failure.headline(), "«sh» ya había terminado al enviarle SIGTERM.");
    Ok(())
}

#[test]
fn al_soltarlo_no_queda_nada() -> Result<(), Failure> {
    let program = shell("exec sleep 60").spawn()?;
    let directory = format!("/proc/{}", program.pid());
    assert!(Path::new(&directory).exists());
    drop(program);
    assert!(!Path::new(&directory).exists());
    Ok(())
}

#[test]
fn al_soltarlo_tampoco_quedan_los_procesos_que_arrancó() -> Result<(), Failure> {
    let parent = shell("sleep 1000 & echo $!; wait").spawn()?;
    let child = parent.wait_for_line(Stream::Stdout, "", LIMIT)?;
    assert!(is_alive(&child));
    drop(parent);
    eventually("el hijo terminara", LIMIT, || !is_alive(&child))
}

/// Si ese proceso está y no es un zombi, al que solo le falta que lo recojan (proc(5)).
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn el_núcleo_cuenta_su_procesador_y_sus_descriptores() -> Result<(), Failure> {
    let program = shell("exec 7</dev/null; echo listo; while :; do :; done").spawn()?;
    program.wait_for_line(Stream::Stdout, "listo", LIMIT)?;
    assert!(program.open_descriptors()? >= 4);
    assert_eq!(program.threads()?, ["sh"]);
    program.eventually("gaste procesador", LIMIT, || {
        program.cpu_time().is_ok_and(|time| time > Duration::ZERO)
    })
}

#[test]
fn en_un_terminal_tiene_tamaño_y_se_ve_lo_que_se_teclea() -> Result<(), Failure> {
    let script = "test -t 0 && test -t 1 && stty size; printf '> '; read line; echo \"<$line>\"";
    let program = shell(script).on_terminal(72, 20).spawn()?;
    program.wait_for_line(Stream::Stdout, "20 72", LIMIT)?;
    program.wait_for_text(Stream::Stdout, "> ", LIMIT)?;
    program.write_stdin("hola\n");
    program.wait_for_line(Stream::Stdout, "<hola>", LIMIT)?;
    let exit = program.wait(LIMIT)?;
    assert_eq!(exit.stdout, "20 72\r\n> hola\r\n<hola>\r\n");
    Ok(())
}
