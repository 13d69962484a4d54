//! Lo que las etapas no pueden ver porque depende de cómo se arranque: plazos, descriptores, y qué
//! se dice a quien no lee.

use std::path::Path;
use std::time::Duration;

use harness::{Conversation, Failure, Peer, Program, Server, Signal, chat};

const CHATS: [&str; 2] = [env!("CARGO_BIN_EXE_chat_mio"), env!("CARGO_BIN_EXE_chat_tokio")];

/// Lo que dura la observación de quien no tiene nada que hacer.
const A_WHILE: Duration = Duration::from_millis(300);

/// Hace lo mismo con los dos chats; si algo falla, dice con cuál.
fn with_both(
    prepare: impl Fn(Program) -> Program,
    check: impl Fn(&Server, &Conversation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for program in CHATS {
        let server = prepare(Program::new(program).args(["--port", "0"])).start()?;
        let room = Conversation::in_frames(server.address());
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        check(&server, &room).map_err(|failure| failure.within(format!("Con {name}.")))?;
    }
    Ok(())
}

#[test]
fn a_quien_calla_se_le_echa_y_se_le_dice_por_qué() -> Result<(), Failure> {
    with_both(
        |program| program.args(["--login-timeout", "0.2"]),
        |_, room| {
            let mut ana = chat::join(room, "ana")?;
            let mut silent = room.peer("callado")?;
            silent.expect_frame("ERROR: no dijiste tu nombre a tiempo")?;
            silent.expect_end()?;
            // Quien ya entró no tiene prisa.
            ana.expect_nothing_for(A_WHILE)?;
            ana.leave()
        },
    )
}

#[test]
fn a_quien_no_lee_se_le_echa_al_final_de_lo_que_le_cabía() -> Result<(), Failure> {
    with_both(
        |program| program,
        |_, room| {
            let mut ana = chat::join(room, "ana")?;
            let mut slow = room.peer_with_receive_buffer("lento", 16 * 1024)?;
            slow.send_frame("NAME: lento")?;
            chat::expect_welcome(&mut slow)?;
            let mut beto = chat::join(room, "beto")?;
            let sent = talk_until_evicted(&mut ana, &mut beto, &chat::left(&slow))?;
            slow.expect_frame(chat::joined(3, &beto))?;
            // Recibe los primeros, sin huecos, y después la razón.
            let mut received = 0;
            let last = loop {
                let text = slow.next_frame()?;
                if received == sent.len() || text != chat::said(&ana, &sent[received]) {
                    break text;
                }
                received += 1;
            };
            assert_eq!(last, "ERROR: no lees tus mensajes y no caben más");
            assert!(received > 0 && received < sent.len(), "recibió {received} de {}", sent.len());
            slow.expect_end()
        },
    )
}

/// Por flanco, lo que se descarta también hay que leerlo hasta «ahora no»: si no, su final no llega.
#[test]
fn mio_lee_hasta_el_final_a_quien_echa() -> Result<(), Failure> {
    let server = Program::new(CHATS[0]).args(["--port", "0", "-v"]).start()?;
    let room = Conversation::in_frames(server.address());
    let _ana = chat::join(&room, "ana")?;
    let before = server.open_descriptors()?;
    let mut refused = room.peer("rechazado")?;
    refused.send_frame("NAME: servidor")?;
    refused.send(vec![b'x'; 200 * 1024])?;
    refused.half_close()?;
    refused.expect_frame("ERROR: ese nombre está reservado para el servidor")?;
    refused.expect_end()?;
    server.holds_descriptors(before)?;
    let exit = server.stop(Signal::SIGTERM)?;
    assert!(!exit.stderr.contains("se le dejó de esperar"), "{exit}");
    Ok(())
}

/// Por flanco, el primer aviso de que se puede escribir llega nada más entrar: no es que lea.
#[test]
fn mio_no_alarga_el_plazo_de_quien_calla() -> Result<(), Failure> {
    let silent = |program, timeout| -> Result<(Server, Peer), Failure> {
        let arguments = ["--port", "0", "-v", "--login-timeout", timeout];
        let server = Program::new(program).args(arguments).start()?;
        let peer = Conversation::in_frames(server.address()).peer("callado")?;
        Ok((server, peer))
    };
    let [mio, tokio] = CHATS;
    let (hurried, _peer) = silent(mio, "0.2")?;
    let (_patient, mut last) = silent(tokio, "3")?;
    last.expect_frame("ERROR: no dijiste tu nombre a tiempo")?;
    let told = hurried.stderr();
    assert!(told.contains("no dijiste tu nombre a tiempo"), "{told}");
    Ok(())
}

/// Habla hasta que el servidor eche al lento. Devuelve lo que dijo.
fn talk_until_evicted(
    ana: &mut Peer,
    beto: &mut Peer,
    farewell: &str,
) -> Result<Vec<String>, Failure> {
    let mut sent = Vec::new();
    for number in 0..6000 {
        let text = format!("{number} {}", "x".repeat(2000));
        ana.send_frame(&text)?;
        let expected = chat::said(ana, &text);
        sent.push(text);
        // El aviso de su salida puede ir antes o después del mensaje que no le cupo.
        let mut seen = beto.next_frame()?;
        let evicted = seen == farewell;
        if evicted {
            seen = beto.next_frame()?;
        }
        assert_eq!(seen, expected);
        if evicted {
            return Ok(sent);
        }
    }
    Err(beto.failure("Nadie echó al lento."))
}

#[test]
fn sin_descriptores_deja_de_aceptar_sin_gastar_y_acepta_cuando_queda_uno() -> Result<(), Failure> {
    with_both(
        |program| program.descriptor_limit(32),
        |server, room| {
            let mut inside = Vec::new();
            while !is_full(server) {
                inside.push(chat::join(room, &format!("cliente {}", inside.len()))?);
            }
            assert!(inside.len() >= 10, "solo cupieron {}", inside.len());
            let mut waiting = room.peer("quien espera")?;
            waiting.send_frame("NAME: paciente")?;
            let before = server.cpu_time()?;
            waiting.expect_nothing_for(A_WHILE)?;
            let spent = server.cpu_time()?.saturating_sub(before);
            assert!(spent < A_WHILE / 2, "esperando a que se libere uno gastó {spent:?}");

            drop(inside.remove(0));
            chat::expect_welcome(&mut waiting)
        },
    )
}

/// Si no le queda ninguno de los descriptores que puede abrir. (Puede tener, además, otros mayores:
/// los que heredó ya abiertos.)
fn is_full(server: &Server) -> bool {
    let open = |fd| Path::new(&format!("/proc/{}/fd/{fd}", server.pid())).is_symlink();
    (0..32).all(open)
}

#[test]
fn sin_nada_que_hacer_no_gastan_procesador() -> Result<(), Failure> {
    with_both(
        |program| program,
        |server, room| {
            let ana = chat::join(room, "ana")?;
            let beto = chat::join(room, "beto")?;
            server.sleeps_through(A_WHILE)?;
            drop((ana, beto));
            Ok(())
        },
    )
}
