//! La contrapresión: quien habla más deprisa de lo que otros leen, espera; quien lee no pierde nada.

use std::panic::resume_unwind;
use std::thread::{self, Scope};
use std::time::Duration;

use harness::{Failure, Peer, Stream, frame};

use super::chat::{Chat, hears, joined, left, said};
use super::{LIMIT, Outcome, client};

/// Un búfer de recepción pequeño: lo que no cabe en él se le acumula al servidor.
const SMALL: usize = 16 * 1024;

/// Lo que tarda alguien en darse por frenado: más que de sobra para que pase lo que puede pasar, y
/// menos de lo que el servidor espera a quien no lee.
const STUCK: Duration = Duration::from_secs(1);

#[test]
fn f3_quien_habla_más_deprisa_de_lo_que_otro_lee_espera_y_nadie_pierde_nada() -> Outcome {
    let (chat, [mut ana, mut carla]) = Chat::among(["ana", "carla"])?;
    let mut slow = chat.slow_member("lento", SMALL)?;
    hears(&mut carla, &joined(3, "lento"))?;

    // Mucho más de lo que cabe en todos los búferes de por medio.
    let count = 64 * 1024;
    let lines: Vec<String> = (0..count).map(|number| format!("{number:0>200}")).collect();
    let flood = lines.iter().flat_map(frame::encode).collect::<Vec<u8>>();
    ana.set_limit(STUCK);
    let sent = ana.try_send(&flood);
    assert!(sent < flood.len(), "ana envió sus {sent} bytes sin que nadie los leyera");
    // Mientras espera, los demás siguen hablando. Y en cuanto todos leen, les llega todo: lo que
    // envió entero, y lo que se quedó a medias.
    carla.send_frame("¿me oís?")?;
    ana.set_limit(LIMIT);
    let size = frame::encode(&lines[0]).len();
    let whole = sent.div_ceil(size);
    thread::scope(|scope| {
        let carla = scope.spawn(|| hears_in_order(&mut carla, &lines[..whole]));
        let slow = scope.spawn(|| hears_in_order(&mut slow, &lines[..whole]));
        ana.send(&flood[sent..whole * size])?;
        for reader in [carla, slow] {
            reader.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        hears(&mut ana, &said("carla", "¿me oís?"))
    })
}

/// Lo que dijo ana, en orden y sin huecos, entre lo que dijeran los demás.
fn hears_in_order(peer: &mut Peer, lines: &[String]) -> Outcome {
    for line in lines {
        let mut heard = peer.next_frame()?;
        if heard == said("carla", "¿me oís?") {
            heard = peer.next_frame()?;
        }
        assert_eq!(heard, said("ana", line));
    }
    Ok(())
}

#[test]
fn f3_con_los_programas_de_verdad_nadie_se_queda_sin_una_línea() -> Outcome {
    const LINES: usize = 20_000;
    let chat = Chat::open()?;
    let mut witness = chat.member("testigo")?;
    let mut readers = Vec::new();
    for name in ["beto", "carla", "dora"] {
        readers.push(client(name, chat.server.address()).spawn()?);
        hears(&mut witness, &joined(readers.len() + 1, name))?;
    }
    let ana = client("ana", chat.server.address()).spawn()?;
    hears(&mut witness, &joined(5, "ana"))?;
    let lines: Vec<String> = (1..=LINES).map(|number| number.to_string()).collect();
    ana.write_stdin(lines.join("\n"));
    ana.close_stdin();
    for line in &lines {
        witness.expect_frame(said("ana", line))?;
    }
    witness.expect_frame(left("ana"))?;
    assert_eq!(ana.wait(LIMIT)?.code, Some(0));
    for reader in readers {
        reader.wait_for_text(Stream::Stdout, &left("ana"), LIMIT)?;
        reader.close_stdin();
        let heard = reader.wait(LIMIT)?.stdout;
        let heard = heard.lines().filter_map(|line| line.strip_prefix("#[ana@127.0.0.1]>> "));
        assert!(heard.eq(lines.iter()), "falta alguna línea");
    }
    Ok(())
}

#[test]
fn f4_una_ráfaga_de_mensajes_cortos_solo_retrasa_a_los_demás_un_turno() -> Outcome {
    const BURST: usize = 10_000;
    let (chat, [mut ana, mut beto, mut witness]) = Chat::among(["ana", "beto", "testigo"])?;
    chat.while_stopped(|| {
        ana.send(frame::encode("x").repeat(BURST))?;
        beto.send_frame("hola")
    })?;
    let mut before = 0;
    while witness.next_frame()? != said("beto", "hola") {
        before += 1;
    }
    assert!(before <= 1000, "se oyeron {before} mensajes de ana antes que uno de beto");
    for _ in before..BURST {
        witness.expect_frame(said("ana", "x"))?;
    }
    Ok(())
}

/// Cuántos mensajes cortos envía cada uno: entre tres, más de 1 MiB para quien escucha.
const BURST: usize = 2400;

#[test]
fn f4_si_hablan_muchos_a_la_vez_el_último_no_espera_a_que_acaben() -> Outcome {
    const TALKERS: usize = 24;
    let chat = Chat::open()?;
    let mut witness = chat.member("testigo")?;
    // Con nombres así, los cinco bytes de un mensaje son 149 para cada uno de los demás, y con
    // nueve que hablan ya no hay sitio para otro en la misma vuelta.
    let name = |number: usize| format!("{}{number:02}", "😀".repeat(30));
    let mut talkers = Vec::new();
    for number in 0..TALKERS {
        talkers.push(chat.member(&name(number))?);
        hears(&mut witness, &joined(number + 2, &name(number)))?;
    }
    chat.while_stopped(|| {
        let flood = frame::encode("x").repeat(BURST);
        talkers[..TALKERS - 1].iter_mut().try_for_each(|talker| talker.send(&flood))?;
        talkers[TALKERS - 1].send_frame("por fin")
    })?;
    thread::scope(|scope| {
        for talker in &mut talkers {
            scope.spawn(|| talker.half_close().and_then(|()| talker.drain()));
        }
        let mut heard = 0;
        while witness.next_frame()? != said(&name(TALKERS - 1), "por fin") {
            heard += 1;
        }
        assert!(heard < TALKERS * 1000, "oyó {heard} mensajes antes que el del último");
        witness.half_close()?;
        witness.drain()
    })
}

#[test]
fn f3_una_ráfaga_de_mensajes_cortos_no_echa_a_quien_está_leyendo() -> Outcome {
    let chat = Chat::open()?;
    let names = ["😀", "😁", "😂"].map(|face| face.repeat(32));
    let mut speakers = chat.members(names.each_ref().map(String::as_str))?;
    let mut reader = chat.member("lectora")?;
    speakers.iter_mut().try_for_each(|speaker| {
        speaker.expect_frame("(Conectado: nuevo cliente (4) desde lectora@127.0.0.1)")
    })?;
    // El servidor lo encuentra todo a la vez, cuando nadie ha podido leer todavía.
    chat.while_stopped(|| {
        let burst = frame::encode("x").repeat(BURST);
        speakers.iter_mut().try_for_each(|speaker| speaker.send(&burst))
    })?;
    thread::scope(|scope| {
        let next = |peer: &mut Peer, count| {
            (0..count).map(|_| peer.next_frame()).collect::<Result<Vec<String>, Failure>>()
        };
        let listening: Vec<_> = (speakers.iter_mut())
            .map(|speaker| scope.spawn(move || next(speaker, 2 * BURST)))
            .collect();
        let all = next(&mut reader, 3 * BURST)?;
        for (speaker, own) in listening.into_iter().zip(&names) {
            let heard = speaker.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            let others = all.iter().filter(|line| **line != said(own, "x"));
            assert!(heard.iter().eq(others), "no oyó lo mismo, o no en el mismo orden");
        }
        Ok(())
    })
}

/// Cada uno dice todo `flood` y lee cuanto le llega, en otro hilo, hasta que el servidor termine.
fn talk_without_pause<'scope>(
    scope: &'scope Scope<'scope, '_>,
    talkers: &'scope mut [Peer],
    flood: &[u8],
) -> Outcome {
    for talker in talkers {
        let sending = talker.send_meanwhile(flood)?;
        scope.spawn(|| talker.drain().map(|()| drop(sending)));
    }
    Ok(())
}

#[test]
fn f3_quien_lee_despacio_y_sin_parar_sigue_dentro() -> Outcome {
    let (chat, mut talkers) = Chat::among(["ana", "beto", "carla", "dora"])?;
    let mut slow = chat.slow_member("lento", SMALL)?;
    let flood = frame::encode("x".repeat(1000)).repeat(3000);
    thread::scope(|scope| {
        talk_without_pause(scope, &mut talkers, &flood)?;
        // Bastante más tiempo del que se espera a quien no lee, y menos de lo que hace falta para
        // que `select` diga, en ese plazo, que vuelve a haber sitio.
        for _ in 0..14 {
            (0..6).try_for_each(|_| slow.next_frame().map(drop))?;
            slow.pause(Duration::from_millis(500));
        }
        // Y ahora deprisa, más de lo que ya le guardaba el núcleo.
        for _ in 0..2000 {
            let heard = slow.next_frame()?;
            assert!(heard.ends_with("xxx"), "{heard}");
        }
        // El servidor termina, y con él los demás.
        drop(chat);
        Ok(())
    })
}

#[test]
fn f4_quien_entra_no_le_quita_el_turno_a_quien_espera() -> Outcome {
    const TALKERS: usize = 40;
    let chat = Chat::open()?;
    let mut slow = chat.slow_member("lenta", SMALL)?;
    let mut talkers = Vec::new();
    for number in 0..TALKERS {
        talkers.push(chat.member(&format!("voz {number:02}"))?);
    }
    let flood = frame::encode("x".repeat(1000)).repeat(300);
    thread::scope(|scope| {
        talk_without_pause(scope, &mut talkers, &flood)?;
        let last = said(&format!("voz {:02}", TALKERS - 1), &"x".repeat(1000));
        let mut heard = 0;
        for number in 0..300 {
            // Siempre hay alguien nuevo, que va detrás de todos.
            drop(chat.member(&format!("de paso {number}"))?);
            for _ in 0..20 {
                heard += usize::from(slow.next_frame()? == last && number >= 150);
            }
        }
        assert!(heard >= 3000 / TALKERS / 3, "de 3000 mensajes, {heard} son de la última voz");
        // El servidor termina, y con él los demás.
        drop(chat);
        Ok(())
    })
}

#[test]
fn f16_aunque_hablen_todos_y_no_lea_nadie_la_memoria_tiene_un_tope() -> Outcome {
    const MEMBERS: usize = 100;
    let chat = Chat::open()?;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(chat.slow_member(&format!("sordo {number}"), SMALL)?);
    }
    let mut ana = chat.member("ana")?;
    let before = chat.server.memory(|told| told.vmrss)?;
    let text = frame::encode("x".repeat(1000));
    // Uno que quiere decir 18 MB, y cien que quieren decir 100 kB.
    ana.set_limit(STUCK);
    let sent = ana.try_send(text.repeat(18_000));
    assert!(sent < 18_000 * text.len(), "nadie lee, y ana envió {sent} bytes");
    members.iter_mut().try_for_each(|member| member.send(text.repeat(100)))?;
    chat.settles()?;
    let grown = chat.server.memory(|told| told.vmrss)? - before;
    assert!(grown < 7 * 1024, "creció {grown} KiB con {MEMBERS} que no leen");
    Ok(())
}

/// Lo que dijo antes de que se cortara su conexión, aunque lo primero que lo note sea una escritura.
#[test]
fn lo_que_alguien_dijo_antes_de_cortarse_se_oye() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    let mut slow = chat.slow_member("lento", SMALL)?;
    for peer in [&mut ana, &mut beto] {
        hears(peer, &joined(3, "lento"))?;
    }
    // Beto habla hasta que tiene que esperar: lo último que dijo queda en el núcleo, sin leer.
    let flood = frame::encode("x".repeat(96)).repeat(100_000);
    beto.set_limit(STUCK);
    let sent = beto.try_send(&flood);
    assert!(sent < flood.len());
    let lost = chat.bytes_not_sent_yet()?;
    beto.reset()?;
    // Y al servidor le falla una escritura a beto antes de leerlo.
    ana.send_frame("¿sigues ahí, beto?")?;
    let (mut heard, goodbye) = (0, left("beto"));
    loop {
        let line = slow.next_frame()?;
        if line == goodbye {
            break;
        }
        heard += usize::from(line == said("beto", &"x".repeat(96)));
    }
    assert!(
        heard >= (sent - lost) / 100,
        "se oyeron {heard} de los {} de beto",
        (sent - lost) / 100
    );
    Ok(())
}
