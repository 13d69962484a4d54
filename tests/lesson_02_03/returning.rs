//! El cliente con `--reconectar`: quién vuelve, quién no, y qué pasa con lo que se escribió.

use std::net::SocketAddr;

use harness::{Conversation, Failure, Port, Program, Running, Signal, Stream};

use super::chat::{enter, joined};
use super::host::{Guest, Host};
use super::{LIMIT, Outcome, client, lesson};

const LOST: &str = "(Se perdió la conexión: el servidor cerró. Lo último que dijiste quizá no llegó; \
                    lo que escribas ahora saldrá al volver.)";
const BACK: &str = "(Has vuelto al chat.)";

/// El cliente `name`, que vuelve si pierde la conexión.
fn returning(name: &str, address: SocketAddr) -> Program {
    client(name, address).arg("--reconectar")
}

fn server_at(port: &Port) -> Program {
    lesson().args(["--name", "servidor", "--port", &port.number()])
}

/// Espera a que haya visto la línea entera, `times` veces.
fn sees(program: &Running, line: &str, times: usize) -> Outcome {
    program.eventually(&format!("viera {times} veces «{line}»"), LIMIT, || {
        program.stdout().lines().filter(|seen| *seen == line).count() == times
    })
}

/// Ana, ya dentro, con su servidor de mentira y el puerto de este.
fn inside(program: impl Fn(Program) -> Program) -> Result<(Running, (Host, Port), Guest), Failure> {
    let port = Port::reserve()?;
    let host = Host::at(port.address())?;
    let ana = program(returning("ana", port.address())).spawn()?;
    let mut guest = host.guest("ana")?;
    guest.say("hola")?;
    ana.wait_for_text(Stream::Stdout, "hola", LIMIT)?;
    Ok((ana, (host, port), guest))
}

#[test]
fn un_servidor_muere_otro_arranca_en_su_puerto_y_los_clientes_vuelven() -> Outcome {
    let port = Port::reserve()?;
    let server = server_at(&port).start()?;
    let mut witness = Conversation::in_frames(port.address()).peer("testigo")?;
    enter(&mut witness, "testigo")?;
    let ana = returning("ana", port.address()).spawn()?;
    witness.expect_frame(joined(2, "ana"))?;
    let beto = returning("beto", port.address()).spawn()?;
    ana.wait_for_line(Stream::Stdout, &joined(3, "beto"), LIMIT)?;
    // Que haya entrado lo sabe el servidor antes que él: si oye a Ana, también lo sabe él.
    ana.write_stdin("hola\n");
    beto.wait_for_line(Stream::Stdout, "#[ana@127.0.0.1]>> hola", LIMIT)?;
    server.signal(Signal::SIGKILL)?;
    server.wait(LIMIT)?;
    for client in [&ana, &beto] {
        sees(client, LOST, 1)?;
    }
    let _next = server_at(&port).start()?;
    for client in [&ana, &beto] {
        sees(client, BACK, 1)?;
    }
    ana.write_stdin("¿estás?\n");
    beto.wait_for_line(Stream::Stdout, "#[ana@127.0.0.1]>> ¿estás?", LIMIT)?;
    beto.write_stdin("aquí\n");
    ana.wait_for_line(Stream::Stdout, "#[beto@127.0.0.1]>> aquí", LIMIT)?;
    Ok(())
}

#[test]
fn lo_que_se_avisa_va_en_orden_y_una_vez() -> Outcome {
    let (ana, (host, _port), guest) = inside(|ana| ana)?;
    drop(guest);
    let mut guest = host.guest("ana")?;
    guest.say("otra vez")?;
    sees(&ana, "otra vez", 1)?;
    assert_eq!(ana.stdout(), format!("hola\n{LOST}\n{BACK}\notra vez\n"));
    ana.close_stdin();
    assert_eq!(guest.next_frame()?, None);
    drop(guest);
    let exit = ana.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    Ok(())
}

#[test]
fn mientras_nadie_escucha_insiste() -> Outcome {
    let (ana, (host, port), guest) = inside(|ana| ana)?;
    drop((host, guest));
    sees(&ana, LOST, 1)?;
    let host = Host::at(port.address())?;
    let _guest = host.guest("ana")?;
    sees(&ana, BACK, 1)
}

#[test]
fn lo_que_se_escribe_sin_conexión_sale_al_volver_y_en_orden() -> Outcome {
    let (ana, (host, port), guest) = inside(|ana| ana.on_terminal(120, 30))?;
    drop((host, guest));
    ana.wait_for_text(Stream::Stdout, "(Se perdió la conexión", LIMIT)?;
    ana.write_stdin("uno\ndos\nme");
    ana.wait_for_text(Stream::Stdout, "dos\r\n", LIMIT)?;
    let host = Host::at(port.address())?;
    let mut guest = host.guest("ana")?;
    for text in ["uno", "dos"] {
        assert_eq!(guest.next_frame()?.as_deref(), Some(text));
    }
    // La línea a medio escribir sigue donde estaba.
    ana.write_stdin("dia\n");
    assert_eq!(guest.next_frame()?.as_deref(), Some("media"));
    ana.write_stdin("\x04");
    assert_eq!(guest.next_frame()?, None);
    drop(guest);
    assert_eq!(ana.wait(LIMIT)?.code, Some(0));
    Ok(())
}

#[test]
fn una_tubería_espera_a_que_vuelva() -> Outcome {
    let (ana, (host, _port), guest) = inside(|ana| ana)?;
    drop(guest);
    sees(&ana, LOST, 1)?;
    ana.write_stdin("uno\ndos\n");
    ana.close_stdin();
    let mut guest = host.guest("ana")?;
    for text in ["uno", "dos"] {
        assert_eq!(guest.next_frame()?.as_deref(), Some(text));
    }
    assert_eq!(guest.next_frame()?, None);
    Ok(())
}

#[test]
fn lo_que_no_cabe_se_dice_y_lo_que_cabe_sale() -> Outcome {
    let (ana, (host, port), guest) = inside(|ana| ana.on_terminal(120, 30))?;
    drop((host, guest));
    ana.wait_for_text(Stream::Stdout, "(Se perdió la conexión", LIMIT)?;
    let long = "x".repeat(40_000);
    ana.write_stdin(format!("{long}\n{long}\nfin\n"));
    ana.wait_for_text(Stream::Stdout, "(No se enviará: sin conexión no cabe más", LIMIT)?;
    let host = Host::at(port.address())?;
    let mut guest = host.guest("ana")?;
    for text in [long.as_str(), "fin"] {
        assert!(guest.next_frame()?.as_deref() == Some(text));
    }
    Ok(())
}

#[test]
fn quien_se_va_sin_conexión_se_va_y_sabe_qué_no_salió() -> Outcome {
    for goodbye in ["\x04", "Ctrl-C"] {
        let (ana, (host, _port), guest) = inside(|ana| ana.on_terminal(120, 30))?;
        drop((host, guest));
        ana.wait_for_text(Stream::Stdout, "(Se perdió la conexión", LIMIT)?;
        ana.write_stdin("uno\n");
        ana.wait_for_text(Stream::Stdout, "uno\r\n", LIMIT)?;
        match goodbye {
            "Ctrl-C" => ana.signal(Signal::SIGINT)?,
            keys => ana.write_stdin(keys),
        }
        let exit = ana.wait(LIMIT)?;
        assert_eq!(exit.code, Some(0), "{exit}");
        assert!(exit.stdout.contains("(Sin enviar: 1 línea.)"), "{exit}");
    }
    Ok(())
}

#[test]
fn a_quien_despiden_no_vuelve() -> Outcome {
    let (ana, (host, _port), mut guest) = inside(|ana| ana)?;
    guest.say("ERROR: no lees tus mensajes y no caben más")?;
    drop(guest);
    let exit = ana.wait(LIMIT)?;
    assert_eq!(exit.code, Some(1), "{exit}");
    assert!(exit.stderr.contains("el servidor cerró la conversación"), "{exit}");
    drop(host);
    Ok(())
}

#[test]
fn a_quien_despiden_pidiéndole_que_vuelva_vuelve() -> Outcome {
    let (ana, (host, _port), mut guest) = inside(|ana| ana)?;
    guest.say("ERROR: se perdieron mensajes; vuelve a entrar")?;
    drop(guest);
    host.arrival("ana")?.say("ERROR: no se llega al intermediario; vuelve a entrar en un rato")?;
    let _guest = host.guest("ana")?;
    sees(&ana, BACK, 1)
}

#[test]
fn un_aviso_de_error_que_no_despide_no_impide_volver() -> Outcome {
    let (ana, (host, _port), mut guest) = inside(|ana| ana)?;
    guest.say("ERROR: no cabe con tu nombre delante")?;
    guest.say("sigues aquí")?;
    drop(guest);
    let _guest = host.guest("ana")?;
    sees(&ana, BACK, 1)
}

#[test]
fn si_al_volver_su_nombre_sigue_ocupado_insiste_y_lo_dice_una_vez() -> Outcome {
    let (ana, (host, _port), guest) = inside(|ana| ana)?;
    drop(guest);
    for _ in 0..2 {
        host.arrival("ana")?.say("ERROR: ese nombre ya está en uso")?;
    }
    let _guest = host.guest("ana")?;
    sees(&ana, BACK, 1)?;
    sees(&ana, "(Aún no te dejan volver: ese nombre ya está en uso. Sigo intentándolo.)", 1)
}

#[test]
fn la_primera_vez_no_se_insiste() -> Outcome {
    let host = Host::open()?;
    let address = host.address()?;
    let refused = returning("ana", address).spawn()?;
    host.arrival("ana")?.say("ERROR: ese nombre ya está en uso")?;
    assert_eq!(refused.wait(LIMIT)?.code, Some(1));
    drop(host);
    let exit = returning("ana", address).run_to_end("", LIMIT)?;
    assert!(exit.complaint(1)?.contains("nadie escucha"), "{exit}");
    Ok(())
}
