//! El cliente en una terminal (pty(7)): lo que ve quien escribe mientras le llegan mensajes.

use std::io;

use harness::{Failure, Program, Running, Signal, Step, Stream, Trace};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

use super::host::{Guest, Host};
use super::screen::{WELCOME, rows, shows};
use super::{LESSON, LIMIT, NOTHING_TO_DO, Outcome, client, client_arguments, server, settles};

const COLUMNS: u16 = 60;

/// Ana, ante una terminal de ese ancho, ya dentro del chat; y el otro extremo de su conexión.
fn ana_at_terminal(columns: u16) -> Result<(Running, Guest), Failure> {
    let host = Host::open()?;
    let ana = client("ana", host.address()?).on_terminal(columns, 24).spawn()?;
    let guest = host.guest("ana")?;
    ana.wait_for_text(Stream::Stdout, ".1]> ", LIMIT)?;
    Ok((ana, guest))
}

#[test]
fn al_entrar_se_dice_cómo_se_usa_y_cómo_se_sale() -> Outcome {
    let (ana, _guest) = ana_at_terminal(COLUMNS)?;
    let start = format!("\r\x1b[K{WELCOME}\r\n[ana@127.0.0.1]> ");
    assert_eq!(ana.stdout(), start);
    Ok(())
}

#[test]
fn t3_23_un_mensaje_que_llega_no_estropea_la_línea_a_medio_escribir() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> ▁"])?;
    ana.write_stdin("hola, be");
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> hola, be▁"])?;
    guest.say("#[beto@127.0.0.1]>> ¿estás?")?;
    shows(&ana, COLUMNS, &["#[beto@127.0.0.1]>> ¿estás?", "[ana@127.0.0.1]> hola, be▁"])?;
    guest.say("(Desconectado: cliente carla@127.0.0.1)")?;
    ana.write_stdin("to\n");
    // Ni rastro de lo a medio escribir: cada cosa en su línea, y el mensaje entero.
    assert_eq!(guest.next_frame()?.as_deref(), Some("hola, beto"));
    shows(
        &ana,
        COLUMNS,
        &[
            "#[beto@127.0.0.1]>> ¿estás?",
            "(Desconectado: cliente carla@127.0.0.1)",
            "[ana@127.0.0.1]> hola, beto",
            "[ana@127.0.0.1]> ▁",
        ],
    )
}

#[test]
fn t3_23_se_borra_letra_a_letra_también_con_acentos_y_letras_anchas() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    ana.write_stdin("año 漢字😀");
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> año 漢字😀▁"])?;
    ana.write_stdin("\x7f\x7f");
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> año 漢▁"])?;
    ana.write_stdin("\x7f\x7f\x7f\x7fñ");
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> añ▁"])?;
    // Una letra que llega partida, con un mensaje en medio.
    ana.write_stdin(b"\xc3");
    settles(&ana)?;
    guest.say("hola")?;
    shows(&ana, COLUMNS, &["hola", "[ana@127.0.0.1]> añ▁"])?;
    ana.write_stdin(b"\xb3 uno dos\x17\x1b[D\x1b[3~tres\n");
    assert_eq!(guest.next_frame()?.as_deref(), Some("añó uno tres"));
    ana.write_stdin("todo esto\x15nada  \x17\x17\x7fe\u{301}\x7funo\u{3000}dos\x17\n");
    assert_eq!(guest.next_frame()?.as_deref(), Some("uno\u{3000}"));
    Ok(())
}

#[test]
fn t3_23_de_una_línea_más_ancha_que_la_terminal_se_ve_el_final() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(30)?;
    // Quedan 12 columnas para escribir, y una para el cursor.
    ana.write_stdin("abcdefghijkl");
    shows(&ana, 30, &["[ana@127.0.0.1]> abcdefghijkl▁"])?;
    ana.write_stdin("字");
    shows(&ana, 30, &["[ana@127.0.0.1]> cdefghijkl字▁"])?;
    ana.write_stdin("\x7f\t");
    shows(&ana, 30, &["[ana@127.0.0.1]> bcdefghijkl ▁"])?;
    ana.write_stdin("\x7fmnñ");
    shows(&ana, 30, &["[ana@127.0.0.1]> defghijklmnñ▁"])?;
    guest.say("#[beto@127.0.0.1]>> un mensaje que no cabe en una fila")?;
    let message = ["#[beto@127.0.0.1]>> un mensaje", " que no cabe en una fila"];
    shows(&ana, 30, &[message[0], message[1], "[ana@127.0.0.1]> defghijklmnñ▁"])?;
    ana.write_stdin("\x7f\x7f\x7f");
    shows(&ana, 30, &[message[0], message[1], "[ana@127.0.0.1]> abcdefghijkl▁"])?;
    ana.write_stdin("mno\n");
    assert_eq!(guest.next_frame()?.as_deref(), Some("abcdefghijklmno"));
    // Una vez enviada, entera.
    let sent = ["[ana@127.0.0.1]> abcdefghijklm", "no"];
    shows(&ana, 30, &[message[0], message[1], sent[0], sent[1], "[ana@127.0.0.1]> ▁"])
}

#[test]
fn t3_23_en_una_terminal_más_estrecha_que_el_indicador_también_cabe_en_una_fila() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(16)?;
    shows(&ana, 16, &[".1]> ▁"])?;
    ana.write_stdin("¡hola, beto!");
    shows(&ana, 16, &[".1]> ola, beto!▁"])?;
    guest.say("buenas")?;
    shows(&ana, 16, &["buenas", ".1]> ola, beto!▁"])
}

#[test]
fn t3_23_varias_líneas_pegadas_de_golpe_son_varios_mensajes() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    ana.write_stdin("uno\ndos\ntr");
    assert_eq!(guest.next_frame()?.as_deref(), Some("uno"));
    assert_eq!(guest.next_frame()?.as_deref(), Some("dos"));
    shows(
        &ana,
        COLUMNS,
        &["[ana@127.0.0.1]> uno", "[ana@127.0.0.1]> dos", "[ana@127.0.0.1]> tr▁"],
    )?;
    ana.sleeps_through(NOTHING_TO_DO)
}

#[test]
fn t3_23_ctrl_d_termina_solo_con_la_línea_vacía_y_deja_leer_lo_que_falte() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    ana.write_stdin("a\x04");
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> a▁"])?;
    ana.write_stdin("\x7f\x04");
    assert_eq!(guest.next_frame()?, None);
    ana.sleeps_through(NOTHING_TO_DO)?;
    guest.say("hasta luego")?;
    ana.wait_for_text(Stream::Stdout, "hasta luego", LIMIT)?;
    // El núcleo puede perder lo último que se escribe en una terminal, si se cierra justo cuando
    // quien la lee iba a dormirse: un momento, que duerma.
    settles(&ana)?;
    drop(guest);
    let exit = ana.wait(LIMIT)?;
    assert_eq!(exit.code, Some(0));
    // Lo último es lo que llegó; del indicador no queda nada.
    assert_eq!(rows(&exit.stdout, COLUMNS), ["hasta luego", "▁"]);
    Ok(())
}

#[test]
fn t3_23_tras_una_pausa_y_un_cambio_de_tamaño_se_vuelve_a_dibujar() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    ana.write_stdin("una línea a medio");
    shows(&ana, COLUMNS, &["[ana@127.0.0.1]> una línea a medio▁"])?;

    // Con Ctrl-Z, el intérprete deja la terminal a su manera; con `fg`, el cliente continúa.
    ana.signal(Signal::SIGSTOP)?;
    change_terminal(&ana, &["sane"])?;
    ana.signal(Signal::SIGCONT)?;
    settles(&ana)?;
    ana.write_stdin("s\x7f!");
    guest.say("hola")?;
    shows(&ana, COLUMNS, &["hola", "[ana@127.0.0.1]> una línea a medio!▁"])?;

    change_terminal(&ana, &["cols", "30"])?;
    ana.signal(Signal::SIGWINCH)?;
    shows(&ana, COLUMNS, &["hola", "[ana@127.0.0.1]> nea a medio!▁"])
}

/// Cambia la terminal de un programa como lo haría otro que la comparte.
fn change_terminal(program: &Running, how: &[&str]) -> Outcome {
    let terminal = format!("/proc/{}/fd/0", program.pid());
    let stty = Program::new("stty").args(["-F", &terminal]).args(how.iter().copied());
    let exit = stty.run_to_end("", LIMIT)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    Ok(())
}

type Ending = fn(&Running, Guest) -> Outcome;

/// Cinco finales, y el código con el que sale el cliente en cada uno. A los dos últimos no los
/// detiene nadie: el programa muere de esa señal, 128 más su número, con la terminal en su sitio.
const ENDINGS: [(&str, Ending); 5] = [
    ("0", |shell, mut guest| {
        shell.write_stdin("\x15\x04");
        assert_eq!(guest.next_frame()?, None);
        Ok(())
    }),
    ("1", |_, guest| {
        drop(guest);
        Ok(())
    }),
    ("0", |shell, mut guest| {
        shell.signal_child(Signal::SIGTERM)?;
        assert_eq!(guest.next_frame()?, None);
        Ok(())
    }),
    ("131", |shell, mut guest| {
        shell.signal_child(Signal::SIGQUIT)?;
        assert_eq!(guest.next_frame()?, None);
        Ok(())
    }),
    ("129", |shell, mut guest| {
        shell.signal_child(Signal::SIGHUP)?;
        assert_eq!(guest.next_frame()?, None);
        Ok(())
    }),
];

#[test]
fn t3_23_f20_la_terminal_queda_como_estaba() -> Outcome {
    for (code, end) in ENDINGS {
        let host = Host::open()?;
        let script =
            "ulimit -c 0; stty -g; \"$@\"; echo \"salió con $?\"; stty -g; echo fin; read _";
        // Lo que se arranca en segundo plano hereda SIGINT y SIGQUIT sin efecto.
        let shell =
            Program::new("env").args(["--default-signal", "sh", "-c", script, "sh", LESSON]);
        let arguments = client_arguments("ana", host.address()?);
        let shell = shell.args(arguments).on_terminal(80, 24).spawn()?;
        let guest = host.guest("ana")?;
        shell.write_stdin("a medio escribir");
        shell.wait_for_text(Stream::Stdout, "> a medio escribir", LIMIT)?;
        end(&shell, guest).map_err(|failure| shell.explain(failure))?;
        shell.wait_for_line(Stream::Stdout, "fin", LIMIT)?;
        let output = shell.stdout();
        let lines: Vec<&str> = output.lines().collect();
        let [before, .., exit, after, _] = lines[..] else {
            return Err(Failure::new(format!("Faltan líneas: {lines:?}")));
        };
        assert!(exit.ends_with(&format!("salió con {code}")), "{output}");
        assert_eq!(before, after, "{output}");
    }
    Ok(())
}

/// Un intérprete de órdenes que manda en su propia terminal, y que no la arregla si un programa la
/// deja mal: lo que hace `script`, con la lección y `arguments` en `$@`. Nada si aquí no se puede.
fn job_control(script: &str, arguments: Vec<String>) -> Result<Option<Running>, Failure> {
    if !harness::tools::available("setsid", "el control de trabajos")? {
        return Ok(None);
    }
    let script = format!("set -m; {script}; echo fin; read _");
    let shell = Program::new("setsid").args(["--ctty", "sh", "-c", &script, "sh", LESSON]);
    shell.args(arguments).on_terminal(COLUMNS, 24).spawn().map(Some)
}

#[test]
fn f20_con_ctrl_z_se_detiene_con_la_terminal_como_estaba_y_con_fg_sigue_donde_iba() -> Outcome {
    let host = Host::open()?;
    let script =
        "stty -g; \"$@\"; echo \"detenido: $?\"; stty -g; fg; echo \"salió con $?\"; stty -g";
    let Some(shell) = job_control(script, client_arguments("ana", host.address()?))? else {
        return Ok(());
    };
    let mut guest = host.guest("ana")?;
    shell.write_stdin("a medio");
    shell.wait_for_text(Stream::Stdout, "> a medio", LIMIT)?;
    shell.write_stdin("\x1a");
    // Al volver, la línea sigue ahí.
    shell.wait_for_text(Stream::Stdout, "\r\x1b[K[ana@127.0.0.1]> a medio\r\x1b[K", LIMIT)?;
    let redrawn = |text: &str| {
        text.split_once("detenido").is_some_and(|(_, after)| after.contains("> a medio"))
    };
    shell.eventually("se volviera a dibujar", LIMIT, || redrawn(&shell.stdout()))?;
    shell.write_stdin("!\n\x04");
    assert_eq!(guest.next_frame()?.as_deref(), Some("a medio!"));
    assert_eq!(guest.next_frame()?, None);
    drop(guest);
    shell.wait_for_line(Stream::Stdout, "fin", LIMIT)?;
    let output = shell.stdout();
    assert!(output.contains("detenido: 148") && output.contains("salió con 0"), "{output}");
    let modes: Vec<&str> = output.lines().filter(|line| line.matches(':').count() > 9).collect();
    assert_eq!((modes.len(), modes[0], modes[0]), (3, modes[1], modes[2]), "{output}");
    Ok(())
}

#[test]
fn f17_un_servidor_arrancado_con_ampersand_obedece_tras_fg() -> Outcome {
    let trace = Trace::new();
    // Espera con `wait` a que se le diga que siga: lo escrito queda en la terminal, sin leer.
    let script = "trap : USR1; \"$@\" & wait; read _; echo vuelve; fg; echo \"salió con $?\"";
    let arguments = ["--name", "servidor", "--port", "0", "--trace"].map(str::to_owned);
    let arguments = [&arguments[..], &[trace.path().display().to_string()]].concat();
    let Some(shell) = job_control(script, arguments)? else { return Ok(()) };
    shell.wait_for_line(Stream::Stdout, "«salir»", LIMIT)?;
    shell.write_stdin("salir\n");
    // No es para él: ni se detiene ni da vueltas, y de vez en cuando vuelve a mirar.
    let looks = |steps: &[Step]| steps.iter().filter(|step| step.what() == "stdin").count();
    let looked_again = || trace.steps().is_ok_and(|steps| looks(&steps) > 1);
    shell.eventually("volviera a mirar", LIMIT, looked_again)?;
    assert!(trace.steps()?.len() < 100, "da vueltas");
    shell.signal(Signal::SIGUSR1)?;
    shell.wait_for_line(Stream::Stdout, "vuelve", LIMIT)?;
    shell.write_stdin("salir\n");
    shell.wait_for_line(Stream::Stdout, "salió con 0", LIMIT)?;
    Ok(())
}

/// Teclas que no escriben nada: flechas, edición, de función (con sus variantes), Alt y otra, ratón,
/// pegado entre corchetes, títulos y respuestas de la terminal (ECMA-48 §5), y controles.
const KEYS: [&str; 27] = [
    "\x1b[D",
    "\x1b[1;5C",
    "\x1b[3~",
    "\x1b[15~",
    "\x1b[H",
    "\x1bOH",
    "\x1bOP",
    "\x1bO5P",
    "\x1b[[A",
    "\x1b\x1b[A",
    "\x1b\x1bOA",
    "\x1bx",
    "\x1bñ",
    "\x1b漢",
    "\x1b\x7f",
    "\x1b\x01",
    "\x1b[<0;10;5M",
    "\x1b[200~",
    "\x1b[201~",
    "\x1b[I",
    "\x1b]0;x\x07",
    "\x1b]0;ñ\x1b\\",
    "\x1bP1$r0m\x1b\\",
    "\x1b_x\x1b\\",
    "\x1bXx\x1b\\",
    "\x01",
    "\0",
];

#[test]
fn f18_ninguna_otra_tecla_entra_en_la_línea() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    for key in KEYS {
        ana.write_stdin(format!("a{key}b{key}{key}c\n"));
        assert_eq!(guest.next_frame()?.as_deref(), Some("abc"), "{key:?}");
    }
    // Intro acaba con la que esté a medias.
    for key in ["\x1b", "\x1b[", "\x1b[1;", "\x1bO", "\x1b[[", "\x1b]0;", "\x1bP", "\x1b_"] {
        ana.write_stdin(format!("uno{key}\ndos{key}\r\n"));
        assert_eq!(guest.next_frame()?.as_deref(), Some("uno"), "{key:?}");
        assert_eq!(guest.next_frame()?.as_deref(), Some("dos"), "{key:?}");
    }
    Ok(())
}

#[test]
fn f19_de_lo_que_no_es_utf_8_solo_se_pierde_lo_que_no_lo_es() -> Outcome {
    let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
    let typed: [(&[u8], &str); 6] = [
        (b"Espa\xf1a\n", "Espaa"),
        (b"Espa\xf1\n", "Espa"),
        (b"ab\xf1\x7fc\xe2\x82\n", "ac"),
        (b"a\xf1\x1b[Db\n", "ab"),
        (b"a\xf1\x15b\xff\xfe\x80\n", "b"),
        (b"a\xc3\xc3\xb1b\xe2\x82c\x85d\n", "a\u{f1}bcd"),
    ];
    for (bytes, line) in typed {
        ana.write_stdin(bytes);
        assert_eq!(guest.next_frame()?.as_deref(), Some(line), "{}", bytes.escape_ascii());
    }
    Ok(())
}

#[test]
fn f21_en_una_terminal_sin_secuencias_no_se_escribe_ninguna() -> Outcome {
    for kind in ["TERM=dumb", "TERM=", "--unset=TERM"] {
        let host = Host::open()?;
        let ana = Program::new("env").args([kind, LESSON]).on_terminal(COLUMNS, 24);
        let ana = ana.args(client_arguments("ana", host.address()?)).spawn()?;
        let mut guest = host.guest("ana")?;
        // La línea la edita el núcleo, que la devuelve según se escribe.
        ana.write_stdin("hoja\x7f\x7fla\n");
        assert_eq!(guest.next_frame()?.as_deref(), Some("hola"));
        guest.say("¿qué tal?")?;
        ana.wait_for_line(Stream::Stdout, "¿qué tal?", LIMIT)?;
        ana.write_stdin("\x04");
        assert_eq!(guest.next_frame()?, None);
        drop(guest);
        let exit = ana.wait(LIMIT)?;
        assert_eq!((exit.code, exit.stdout.contains('\x1b')), (Some(0), false), "{kind}: {exit}");
    }
    Ok(())
}

#[test]
fn f2b_con_ctrl_s_ni_se_pierde_nada_ni_se_deja_de_obedecer() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (ana, mut guest) = ana_at_terminal(COLUMNS)?;
        ana.write_stdin("\x13");
        settles(&ana)?;
        for number in 1..=300 {
            guest.say(&format!("{number} {}", "x".repeat(1000)))?;
        }
        // Sin sitio en la pantalla, duerme.
        ana.sleeps_through(NOTHING_TO_DO)?;
        if signal == Signal::SIGTERM {
            ana.write_stdin("\x11");
            ana.wait_for_text(Stream::Stdout, "300 x", LIMIT)?;
            let shown = ana.stdout();
            assert!((1..=300).all(|number| shown.contains(&format!("{number} x"))));
            ana.write_stdin("\x13");
            guest.say(&"x".repeat(60_000))?;
        }
        assert_eq!(ana.stop(signal)?.code, Some(0));
    }
    Ok(())
}

/// Una terminal cuyo otro lado, el que se conserva, no lee nadie; y cómo se llama (pty(7)).
fn unread_terminal() -> io::Result<(PtyMaster, String)> {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname_r(&master)?;
    Ok((master, name))
}

#[test]
fn f2b_ante_una_terminal_que_nadie_mira_las_dos_señales_lo_terminan() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let host = Host::open()?;
        let (_master, terminal) = unread_terminal()?;
        let script = format!("exec \"$@\" < {terminal} > {terminal}");
        let shell = Program::new("sh").args(["-c", &script, "sh", LESSON]).env("TERM", "xterm");
        let ana = shell.args(client_arguments("ana", host.address()?)).spawn()?;
        let mut guest = host.guest("ana")?;
        for _ in 0..400 {
            guest.say(&"x".repeat(1000))?;
        }
        ana.sleeps_through(NOTHING_TO_DO)?;
        assert_eq!(ana.stop(signal)?.code, Some(0));
    }
    Ok(())
}

#[test]
fn con_la_entrada_o_la_salida_redirigidas_no_hay_indicador_ni_secuencias() -> Outcome {
    for script in ["\"$@\" | cat", "sleep 60 | \"$@\""] {
        let host = Host::open()?;
        let shell = Program::new("sh").args(["-c", script, "sh", LESSON]).on_terminal(80, 24);
        let ana = shell.args(client_arguments("ana", host.address()?)).spawn()?;
        let mut guest = host.guest("ana")?;
        guest.say("hola")?;
        ana.wait_for_line(Stream::Stdout, "hola", LIMIT)?;
        assert_eq!(ana.stdout(), "hola\r\n");
    }
    Ok(())
}

#[test]
fn el_servidor_en_una_terminal_obedece_a_salir() -> Outcome {
    let server = server().on_terminal(80, 24).spawn()?;
    server.wait_for_line(Stream::Stdout, "Escuchando en 127.0.0.1:", LIMIT)?;
    server.wait_for_line(Stream::Stdout, "«salir»", LIMIT)?;
    // Ctrl-D en una terminal no es el final de nada: después se puede seguir escribiendo.
    server.write_stdin("\x04");
    server.sleeps_through(NOTHING_TO_DO)?;
    server.write_stdin("salir\n");
    assert_eq!(server.wait(LIMIT)?.code, Some(0));
    Ok(())
}
