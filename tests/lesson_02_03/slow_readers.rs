//! Quien no lee, o lee despacio: ni detiene a los demás ni gasta procesador.

use std::time::Duration;

use harness::{Failure, Peer, frame};

use super::chat::{Chat, everything, hears, joined, left, said, talk};
use super::{NOTHING_TO_DO, Outcome};

/// Un búfer de recepción pequeño: lo que no cabe en él se le acumula al servidor.
const SMALL: usize = 16 * 1024;

/// Lo que puede tardar en irse: dos plazos de cinco segundos, si la primera prueba aún encuentra sitio.
const EVICTION: Duration = Duration::from_secs(30);

/// Lo último que recibe quien no leyó.
const EVICTED: &str = "ERROR: no lees tus mensajes y no caben más";

#[test]
fn t3_10_un_cliente_ocioso_no_cuesta_nada() -> Outcome {
    let chat = Chat::open()?;
    let ana = chat.member("ana")?;
    chat.server.sleeps_through(NOTHING_TO_DO)?;
    let stranger = chat.stranger("sin nombre")?;
    chat.server.sleeps_through(NOTHING_TO_DO)?;
    drop((ana, stranger));
    Ok(())
}

#[test]
fn t3_10_uno_lento_con_bytes_pendientes_no_cuesta_nada() -> Outcome {
    let (chat, [mut ana, mut carla]) = Chat::among(["ana", "carla"])?;
    let mut slow = chat.slow_member("lento", SMALL)?;
    let lines = leave_pending(&chat, &mut ana, &mut carla)?;
    chat.server.sleeps_through(NOTHING_TO_DO)?;

    // Y al lento, en cuanto lee, le llega todo.
    for line in &lines {
        slow.expect_frame(said("ana", line))?;
    }
    ana.expect_frame(joined(3, "lento"))?;
    talk(&mut ana, &mut slow)
}

#[test]
fn f3_quien_cierra_su_lado_recibe_a_su_ritmo_lo_que_ya_era_para_él() -> Outcome {
    // También quien lo cerró a mitad de un mensaje: que no diga más no es que no lea.
    for last_words in [&b""[..], b"\x00\x00\x00\x09hol"] {
        let (chat, [mut ana, mut carla]) = Chat::among(["ana", "carla"])?;
        let mut slow = chat.slow_member("lento", SMALL)?;
        let lines = leave_pending(&chat, &mut ana, &mut carla)?;
        slow.send(last_words)?;
        slow.half_close()?;
        carla.expect_frame(left("lento"))?;
        // Más de lo que se espera a quien solo ha de cerrar.
        slow.pause(Duration::from_secs(3));
        for line in &lines {
            slow.expect_frame(said("ana", line))?;
        }
        slow.expect_end()?;
    }
    Ok(())
}

/// Habla hasta que al servidor le quede algo por entregar al lento, y no tanto que ana deba esperar.
fn leave_pending(chat: &Chat, ana: &mut Peer, carla: &mut Peer) -> Result<Vec<String>, Failure> {
    carla.expect_frame(joined(3, "lento"))?;
    let (mut sent, mut bytes) = (Vec::new(), 0);
    for line in numbered(2000, 9000) {
        ana.send_frame(&line)?;
        carla.expect_frame(said("ana", &line))?;
        bytes += frame::encode(said("ana", &line)).len();
        sent.push(line);
        // Lo que no está en el núcleo, lo tiene el servidor.
        if bytes > chat.bytes_on_their_way_out()? + 20_000 {
            return Ok(sent);
        }
    }
    Err(carla.failure("Todo le cupo al núcleo."))
}

#[test]
fn t3_11_el_que_no_lee_no_detiene_a_nadie_y_al_final_sabe_por_qué_se_va() -> Outcome {
    let (chat, [mut ana, mut carla]) = Chat::among(["ana", "carla"])?;
    let mut slow = chat.slow_member("lento", SMALL)?;
    let lines = numbered(6000, 1000);
    let sent = talk_until_evicted(&lines, &mut ana, &mut carla)?;

    // Empieza a leer ahora: están todos, en orden, hasta que dejaron de caber; y la razón.
    let mut heard = everything(&mut slow)?;
    assert_eq!(heard.pop().as_deref(), Some(EVICTED));
    assert!(heard.len() > 100, "se le echó con solo {} mensajes", heard.len());
    assert!(heard.len() <= sent);
    for (heard, line) in heard.iter().zip(&lines) {
        assert_eq!(*heard, said("ana", line));
    }
    hears(&mut ana, &left("lento"))?;
    talk(&mut ana, &mut carla)
}

#[test]
fn t3_11_al_que_ni_así_lee_se_le_cierra() -> Outcome {
    let (chat, [mut ana, mut carla]) = Chat::among(["ana", "carla"])?;
    let before = chat.server.open_descriptors()?;
    let slow = chat.slow_member("lento", SMALL)?;
    talk_until_evicted(&numbered(6000, 1000), &mut ana, &mut carla)?;
    hears(&mut ana, &left("lento"))?;
    // Mientras se le espera, los demás hablan y el servidor duerme.
    talk(&mut ana, &mut carla)?;
    chat.server.sleeps_through(NOTHING_TO_DO)?;
    chat.server.holds_descriptors(before)?;
    drop(slow);
    talk(&mut ana, &mut carla)
}

#[test]
fn t3_11_a_quien_no_le_cupo_un_mensaje_no_le_llegan_los_siguientes() -> Outcome {
    let (chat, [mut ana, mut carla]) = Chat::among(["ana", "carla"])?;
    let mut slow = chat.slow_member("lento", SMALL)?;
    carla.set_limit(EVICTION);
    carla.expect_frame(joined(3, "lento"))?;
    let mut sent = Vec::new();
    for line in numbered(2000, 9000) {
        // Uno largo y uno corto a la vez: donde ya no cabe el largo, cabría el corto.
        let pair = [line, "corto".to_owned()];
        ana.send(pair.each_ref().map(frame::encode).concat())?;
        let mut evicted = false;
        for text in &pair {
            evicted |= hears_and_slow_left(&mut carla, text)?;
        }
        if evicted {
            break;
        }
        sent.extend(pair);
    }
    let mut heard = everything(&mut slow)?;
    assert_eq!(heard.pop().as_deref(), Some(EVICTED));
    for (index, (heard, line)) in heard.iter().zip(&sent).enumerate() {
        assert!(*heard == said("ana", line), "falta el mensaje {index}; llegó «{heard:.60}»");
    }
    Ok(())
}

/// Habla, una línea tras otra, hasta que `carla` oye que se fue el lento; cuántas hicieron falta.
fn talk_until_evicted(
    lines: &[String],
    ana: &mut Peer,
    carla: &mut Peer,
) -> Result<usize, Failure> {
    carla.set_limit(EVICTION);
    carla.expect_frame(joined(3, "lento"))?;
    for (count, line) in lines.iter().enumerate() {
        ana.send_frame(line)?;
        if hears_and_slow_left(carla, line)? {
            return Ok(count);
        }
    }
    Err(carla.failure(format!("Nadie echó al lento en {} mensajes.", lines.len())))
}

/// Oye lo que dice ana, y si antes se fue el lento.
fn hears_and_slow_left(carla: &mut Peer, text: &str) -> Result<bool, Failure> {
    let heard = carla.next_frame()?;
    if heard == left("lento") {
        carla.expect_frame(said("ana", text))?;
        return Ok(true);
    }
    assert_eq!(heard, said("ana", text));
    Ok(false)
}

fn numbered(count: usize, length: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{number:05} {}", "x".repeat(length - 6))).collect()
}
