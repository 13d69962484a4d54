//! El cliente por tuberías: líneas que entran, líneas que salen.

use std::thread;
use std::time::Duration;

use harness::{Failure, Program, Signal, Stream, frame};

use crate::chat::{Chat, joined, left, said};
use crate::host::Host;
use crate::{LESSON, LIMIT, NOTHING_TO_DO, Outcome, client, client_arguments, photograph, settles};

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
    ana.write_stdin("és");
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
    photograph("lo_que_le_hace_el_servidor_al_cliente", &told);
    Ok(())
}
