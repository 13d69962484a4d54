//! El cliente por tuberías: líneas que entran, líneas que salen.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd};
use std::process;
use std::thread;
use std::time::Duration;

use harness::{Exit, Failure, Program, Running, Signal, Stream, frame};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::chat::{Chat, joined, left, said};
use super::host::{Guest, Host};
use super::{LESSON, LIMIT, NOTHING_TO_DO, Outcome, client, client_arguments, settles};
use crate::photograph::photograph;

#[test]
fn t3_18_tres_líneas_por_una_tubería_son_tres_mensajes() -> Outcome {
    let chat = Chat::open()?;
    let mut beto = chat.member("beto")?;
    let script = "printf 'uno\\ndos\\ntres\\n' | \"$@\"";
    let arguments = client_arguments("ana", chat.server.address());
    let pipeline = Program::new("sh").args(["-c", script, "sh", LESSON]).args(arguments);
    let exit = pipeline.run_to_end("", LIMIT)?;
    assert_eq!((exit.code, exit.stdout.as_str(), exit.stderr.as_str()), (Some(0), "", ""));
    beto.expect_frame(joined(2, "ana"))?;
    for text in ["uno", "dos", "tres"] {
        beto.expect_frame(said("ana", text))?;
    }
    beto.expect_frame(left("ana"))
}

#[test]
fn t3_18_las_líneas_llegan_como_sea_que_se_escriban() -> Outcome {
    let host = Host::open()?;
    let ana = client("ana", host.address()?).spawn()?;
    // Antes de que la dejen entrar, el teclado espera.
    ana.write_stdin("uno\nd");
    let mut guest = host.guest("ana")?;
    assert_eq!(guest.next_frame()?.as_deref(), Some("uno"));
    settles(&ana)?;
    ana.write_stdin("os\r\n\n\ntr");
    assert_eq!(guest.next_frame()?.as_deref(), Some("dos"));
    settles(&ana)?;
    // También una letra puede llegar en dos veces.
    ana.write_stdin(b"\xc3");
    settles(&ana)?;
    ana.write_stdin(b"\xa9s");
    ana.close_stdin();
    // Las líneas vacías no dicen nada; a la última puede faltarle su fin.
    assert_eq!(guest.next_frame()?.as_deref(), Some("trés"));
    assert_eq!(guest.next_frame()?, None);
    Ok(())
}

#[test]
fn t3_19_sin_más_entrada_ni_da_vueltas_ni_se_va_antes_de_tiempo() -> Outcome {
    let host = Host::open()?;
    let ana = client("ana", host.address()?).spawn()?;
    ana.write_stdin("hola\n");
    ana.close_stdin();
    let mut guest = host.guest("ana")?;
    assert_eq!(guest.next_frame()?.as_deref(), Some("hola"));
    // El final de la entrada llega como final, y solo de un lado.
    assert_eq!(guest.next_frame()?, None);
    ana.sleeps_through(NOTHING_TO_DO)?;
    for text in ["esto", "y esto", "aún estaba por venir"] {
        guest.say(text)?;
        ana.wait_for_line(Stream::Stdout, text, LIMIT)?;
        settles(&ana)?;
    }
    assert!(ana.is_alive());
    drop(guest);
    let exit = ana.wait(LIMIT)?;
    assert_eq!(exit.code, Some(0));
    assert_eq!(exit.stdout, "esto\ny esto\naún estaba por venir\n");
    assert_eq!(exit.stderr, "");
    Ok(())
}

#[test]
fn t3_19_sin_nada_que_decir_entra_y_se_va() -> Outcome {
    let chat = Chat::open()?;
    let mut beto = chat.member("beto")?;
    let exit = client("ana", chat.server.address()).without_stdin().run_to_end("", LIMIT)?;
    assert_eq!((exit.code, exit.stdout.as_str(), exit.stderr.as_str()), (Some(0), "", ""));
    beto.expect_frame(joined(2, "ana"))?;
    beto.expect_frame(left("ana"))
}

#[test]
fn un_archivo_enorme_se_envía_al_ritmo_de_la_red() -> Outcome {
    let host = Host::open()?;
    let ana = client("ana", host.address()?).spawn()?;
    // 20 MiB, mucho más de lo que cabe en los búferes del núcleo.
    let line = "x".repeat(1023);
    ana.write_stdin(format!("{line}\n").repeat(20 * 1024));
    ana.close_stdin();
    let mut guest = host.guest("ana")?;
    ana.sleeps_through(NOTHING_TO_DO)?;
    let reserved = ana.memory(|told| told.vmdata)?;
    assert!(reserved < 8 * 1024, "lo que aún no cabe en la red ocupa {reserved} KiB");
    for _ in 0..20 * 1024 {
        assert_eq!(guest.next_frame()?.as_deref(), Some(line.as_str()));
    }
    assert_eq!(guest.next_frame()?, None);
    Ok(())
}

#[test]
fn una_línea_que_no_cabe_en_un_mensaje_se_explica_y_no_se_envía() -> Outcome {
    let host = Host::open()?;
    let ana = client("ana", host.address()?).spawn()?;
    let mut guest = host.guest("ana")?;
    let longest = "ñ".repeat(frame::MAX_TEXT / 2);
    ana.write_stdin(format!("{longest}\n{longest}x\n{}\nfin\n", "x".repeat(300_000)));
    assert_eq!(guest.next_frame()?.as_deref(), Some(longest.as_str()));
    assert_eq!(guest.next_frame()?.as_deref(), Some("fin"));
    ana.close_stdin();
    assert_eq!(guest.next_frame()?, None);
    drop(guest);
    let exit = ana.wait(LIMIT)?;
    let note = "(No se envió: un mensaje lleva como mucho 65536 bytes.)\n";
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), note.repeat(2).as_str()));
    Ok(())
}

#[test]
fn lo_que_llega_a_trozos_se_escribe_entero_y_sin_controles() -> Outcome {
    let host = Host::open()?;
    let ana = client("ana", host.address()?).spawn()?;
    let mut guest = host.guest("ana")?;
    let bytes =
        [frame::encode("h\u{1b}[2Jola"), frame::encode("dos\nlíneas\ty tabulador")].concat();
    for piece in bytes.chunks(3) {
        guest.send(piece)?;
        thread::sleep(Duration::from_millis(1));
    }
    ana.wait_for_line(Stream::Stdout, "tabulador", LIMIT)?;
    assert_eq!(ana.stdout(), "h\u{FFFD}[2Jola\ndos\u{FFFD}líneas\ty tabulador\n");
    Ok(())
}

#[test]
fn las_dos_señales_terminan_al_cliente_en_orden() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let chat = Chat::open()?;
        let mut beto = chat.member("beto")?;
        let ana = client("ana", chat.server.address()).spawn()?;
        beto.expect_frame(joined(2, "ana"))?;
        settles(&ana)?;
        let exit = ana.stop(signal)?;
        assert_eq!((exit.code, exit.stdout.as_str(), exit.stderr.as_str()), (Some(0), "", ""));
        beto.expect_frame(left("ana"))?;
    }
    Ok(())
}

/// Ana, ya dentro, que escribe en una tubería que nadie lee; el otro extremo de su conexión y los
/// dos de la tubería.
fn ana_unread() -> Result<(Running, Guest, PipeReader, PipeWriter), Failure> {
    let host = Host::open()?;
    let (reader, writer) = io::pipe()?;
    let script = format!("exec \"$@\" > {}", path_of(&writer));
    let shell = Program::new("sh").args(["-c", &script, "sh", LESSON]);
    let ana = shell.args(client_arguments("ana", host.address()?)).spawn()?;
    let guest = host.guest("ana")?;
    Ok((ana, guest, reader, writer))
}

/// Con qué nombre puede abrir otro programa un descriptor de este (proc(5)).
fn path_of(descriptor: &impl AsRawFd) -> String {
    format!("/proc/{}/fd/{}", process::id(), descriptor.as_raw_fd())
}

#[test]
fn f2b_con_la_salida_llena_las_dos_señales_lo_terminan() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (ana, mut guest, _reader, _) = ana_unread()?;
        for _ in 0..400 {
            guest.say(&"x".repeat(1000))?;
        }
        ana.sleeps_through(NOTHING_TO_DO)?;
        let exit = ana.stop(signal)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    }
    Ok(())
}

#[test]
fn f2b_lo_que_nadie_leía_espera_en_la_red_y_no_se_pierde() -> Outcome {
    const MESSAGES: usize = 10 * 1024;
    let message = |number| format!("{number} {}", "x".repeat(1000));
    let (ana, mut guest, reader, _) = ana_unread()?;
    let speaker = thread::spawn(move || -> Outcome {
        (0..MESSAGES).try_for_each(|number| guest.say(&message(number)))?;
        assert_eq!(guest.next_frame()?, None);
        Ok(())
    });
    ana.sleeps_through(NOTHING_TO_DO)?;
    let reserved = ana.memory(|told| told.vmdata)?;
    assert!(reserved < 8 * 1024, "lo que nadie lee ocupa {reserved} KiB");
    ana.close_stdin();
    let reading = Program::new("cat").arg(path_of(&reader)).spawn()?;
    speaker.join().map_err(|_| Failure::new("El servidor de mentira falló."))??;
    assert_eq!(ana.wait(LIMIT)?.code, Some(0));
    let shown = reading.wait(LIMIT)?.stdout;
    assert!(shown.lines().map(str::to_owned).eq((0..MESSAGES).map(message)));
    Ok(())
}

#[test]
fn f2b_con_la_conversación_terminada_espera_a_que_se_lea_lo_último() -> Outcome {
    let (ana, mut guest, reader, _) = ana_unread()?;
    let message = "x".repeat(1000);
    for _ in 0..150 {
        guest.say(&message)?;
    }
    drop(guest);
    ana.sleeps_through(NOTHING_TO_DO)?;
    let reading = Program::new("cat").arg(path_of(&reader)).spawn()?;
    let exit = ana.wait(LIMIT)?;
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("el servidor cerró la conversación"), "{exit}");
    assert_eq!(reading.wait(LIMIT)?.stdout, format!("{message}\n").repeat(150));
    Ok(())
}

#[test]
fn f2b_quien_habla_mucho_termina_cuando_lo_ha_dicho_todo() -> Outcome {
    let host = Host::open()?;
    let script = "seq 1 300000 | \"$@\"";
    let shell = Program::new("sh").args(["-c", script, "sh", LESSON]);
    let ana = shell.args(client_arguments("ana", host.address()?)).spawn()?;
    let mut guest = host.guest("ana")?;
    for number in 1..=300_000 {
        assert_eq!(guest.next_frame()?, Some(number.to_string()));
    }
    assert_eq!(guest.next_frame()?, None);
    drop(guest);
    let exit = ana.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stdout.as_str(), exit.stderr.as_str()), (Some(0), "", ""));
    Ok(())
}

#[test]
fn si_se_va_quien_leía_la_salida_termina_y_lo_dice() -> Outcome {
    let (ana, mut guest, reader, writer) = ana_unread()?;
    drop(reader);
    // Otra prueba que arranca un programa tiene un instante una copia, entre fork y exec.
    let mut nobody_reads = [PollFd::new(writer.as_fd(), PollFlags::empty())];
    poll(&mut nobody_reads, PollTimeout::from(10_000_u16)).map_err(io::Error::from)?;
    assert_eq!(nobody_reads[0].revents(), Some(PollFlags::POLLERR));
    guest.say("¿me lees?")?;
    let exit = ana.wait(LIMIT)?;
    let complaint = "aplic_02_03: no se puede mostrar lo que llega: nadie lee al otro lado. \
                     Qué probar: comprueba adónde va la salida estándar.\n";
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(1), complaint));
    assert_eq!(guest.next_frame()?, None);
    Ok(())
}

/// Cómo termina Ana con la entrada estándar que le dé `redirection`, si nadie le dice nada.
fn exit_with_input(redirection: &str) -> Result<Exit, Failure> {
    let host = Host::open()?;
    let script = format!("exec \"$@\" {redirection}");
    let shell = Program::new("bash").args(["-c", &script, "bash", LESSON]);
    let ana = shell.args(client_arguments("ana", host.address()?)).spawn()?;
    let mut guest = host.guest("ana")?;
    while guest.next_frame()?.is_some() {}
    drop(guest);
    ana.wait(LIMIT)
}

#[test]
fn f1_el_cliente_termina_como_debe_con_cualquier_entrada() -> Outcome {
    for readable in ["<&-", "< /dev/null", "< /proc/version", "< <(:)"] {
        let exit = exit_with_input(readable)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{readable}");
    }
    let reasons =
        [("0> /dev/null", "el descriptor no está abierto para eso"), ("< /", "es una carpeta")];
    for (unreadable, reason) in reasons {
        let exit = exit_with_input(unreadable)?;
        let what =
            format!("aplic_02_03: no se puede leer la entrada estándar: {reason}. Qué probar");
        assert!(exit.complaint(1)?.starts_with(&what), "{unreadable}: {exit}");
    }
    Ok(())
}

/// Lo que dice el cliente si el servidor hace con él lo que hace `host`.
fn last_words(host: impl FnOnce(&Host) -> Outcome) -> Result<String, Failure> {
    let open = Host::open()?;
    let ana = client("ana", open.address()?).spawn()?;
    host(&open)?;
    let exit = ana.wait(LIMIT)?;
    assert_eq!(exit.code, Some(1), "{exit}");
    Ok(exit.stderr)
}

#[test]
fn lo_que_le_haga_el_servidor_se_cuenta_en_una_línea() -> Outcome {
    let mut told = String::new();
    told += &last_words(|host| host.arrival("ana").map(drop))?;
    told += &last_words(|host| host.guest("ana").map(drop))?;
    told += &last_words(|host| host.arrival("ana")?.say("ERROR: hoy\u{1b}[2J no"))?;
    told += &last_words(|host| host.arrival("ana")?.say("¿quién eres?"))?;
    told += &last_words(|host| host.arrival("ana")?.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))?;
    told += &last_words(|host| host.guest("ana")?.send(b"\x00\x00\x00\x02\xff\xff"))?;
    told += &last_words(|host| host.guest("ana")?.send(b"\x00\x00\x00\x09hola"))?;
    photograph("lesson_02_03__lo_que_le_hace_el_servidor_al_cliente", &told);
    Ok(())
}
