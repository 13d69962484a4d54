//! Los límites del proceso: sin descriptores libres, y los que `select` no sabe nombrar.

use std::time::{Duration, Instant};

use harness::{Failure, Peer, Program};

use super::chat::{Chat, enter, hears, left, said, talk};
use super::{LESSON, LIMIT, NOTHING_TO_DO, Outcome, server};

/// Los que intentan entrar cuando solo caben unos veinticinco.
const CROWD: usize = 40;

#[test]
fn t3_14_sin_descriptores_deja_de_aceptar_sin_gastar_y_acepta_cuando_queda_uno() -> Outcome {
    let chat = Chat::with(server().descriptor_limit(32))?;
    let (mut inside, mut outside) = fill(&chat)?;
    let (count, waiting) = (inside.len(), outside.len());
    assert!(count >= 10 && waiting >= 10, "entraron {count} y esperan {waiting}");

    // Con alguien llamando a la puerta, duerme; y atiende a los que están dentro.
    chat.server.sleeps_through(NOTHING_TO_DO)?;
    announce(&mut inside, "aquí seguimos")?;
    chat.server.sleeps_through(NOTHING_TO_DO)?;

    // Por cada uno que se va entra el siguiente, y no hay que esperar a nada más: diez relevos
    // tardarían segundos si hubiera que esperar al próximo intento.
    let started = Instant::now();
    for _ in 0..10 {
        let mut leaver = inside.remove(0);
        leaver.half_close()?;
        leaver.drain()?;
        let mut newcomer = outside.remove(0);
        newcomer.expect_frame("CLIENT: 127.0.0.1")?;
        hears(&mut inside[0], &left(leaver.name()))?;
        inside.push(newcomer);
    }
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(3), "diez relevos tardaron {elapsed:?}");
    announce(&mut inside, "seguimos aquí")
}

/// Llena el servidor: los que entran, y los que se quedan en la cola del núcleo con su nombre
/// ya enviado.
fn fill(chat: &Chat) -> Result<(Vec<Peer>, Vec<Peer>), Failure> {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for number in 1..=CROWD {
        let name = format!("cliente {number}");
        if chat.server.open_descriptors()? < 32 {
            inside.push(chat.member(&name)?);
        } else {
            let mut peer = chat.stranger(&name)?;
            peer.send_frame(format!("NAME: {name}"))?;
            outside.push(peer);
        }
    }
    Ok((inside, outside))
}

/// El primero habla y el resto lo oye.
fn announce(members: &mut [Peer], text: &str) -> Outcome {
    if let Some((first, rest)) = members.split_first_mut() {
        first.send_frame(text)?;
        for peer in rest {
            hears(peer, &said(first.name(), text))?;
        }
    }
    Ok(())
}

/// Cuántos descriptores caben en un `fd_set`: FD_SETSIZE (select(2)).
const SET_SIZE: usize = 1024;

#[test]
fn t3_15_al_que_no_cabe_en_select_se_le_dice_y_los_demás_siguen() -> Outcome {
    let arguments = ["--login-timeout", "3600"];
    let chat = Chat::with(server().args(arguments).descriptor_limit(2048))?;
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    let room = SET_SIZE - chat.server.open_descriptors()?;
    let mut strangers = chat.strangers(room + 60)?;
    let mut surplus = strangers.split_off(room);

    for (index, peer) in surplus.iter_mut().enumerate() {
        if index % 2 == 0 {
            // Ya se sabe rechazado: lo que diga no debe costarle leer por qué.
            peer.try_send(b"\x00\x00\x00\x0bNAME: carla");
        }
        peer.expect_frame("ERROR: el chat está lleno: select no pasa del descriptor 1023")?;
        peer.expect_end_or_reset()?;
    }
    talk(&mut ana, &mut beto)?;
    chat.server.holds_descriptors(SET_SIZE)?;

    // El último que cupo tiene el descriptor 1023, y es uno más.
    if let Some(last) = strangers.last_mut() {
        enter(last, "último")?;
        ana.expect_frame("(Conectado: nuevo cliente (3) desde último@127.0.0.1)")?;
        last.send_frame("por poco")?;
        ana.expect_frame(said("último", "por poco"))?;
    }
    chat.server.sleeps_through(NOTHING_TO_DO)?;

    // Al irse uno hay sitio para otro.
    drop(strangers.remove(0));
    chat.server.holds_descriptors(SET_SIZE - 1)?;
    let newcomer = chat.member("carla")?;
    ana.expect_frame("(Conectado: nuevo cliente (4) desde carla@127.0.0.1)")?;
    drop(newcomer);
    Ok(())
}

#[test]
fn t3_15_con_demasiados_descriptores_heredados_se_explica() -> Outcome {
    let chat = Chat::open()?;
    let port = chat.server.address().port().to_string();
    // 1100 abiertos antes de empezar: cualquier socket suyo queda por encima de 1023.
    let script =
        "for ((fd = 3; fd < 1100; fd++)); do eval \"exec $fd</dev/null\"; done; exec \"$@\"";
    for arguments in [["servidor", "0"], ["ana", &port]] {
        let [name, port] = arguments;
        let bash = Program::new("bash").args(["-c", script, "bash", LESSON]).descriptor_limit(2048);
        let exit = bash.args(["--name", name, "--port", port]).run_to_end("", LIMIT)?;
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""), "{exit}");
        assert_eq!(
            exit.stderr,
            "aplic_02_03: ya hay abiertos más descriptores de los 1024 que admite select. \
             Qué probar: arráncalo desde otra terminal.\n"
        );
    }
    Ok(())
}
