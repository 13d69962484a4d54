//! Dos servidores son un solo chat: los mismos mensajes en el mismo orden, y cada nombre de uno.

mod common;

use std::collections::BTreeSet;

use common::{Redis, has_redis, talk};
use harness::chat::{self, expect_refusal, join, joined, left, said};
use harness::{Conversation, DEFAULT_LIMIT, Failure, Peer, Server, Signal, frame};

/// Cuántos hablan en cada servidor, y cuánto dice cada uno, de golpe.
const SPEAKERS: usize = 3;
const EACH: usize = 100;

struct Pair {
    redis: Redis,
    servers: [Server; 2],
    rooms: [Conversation; 2],
}

/// Dos servidores que comparten un redis; `None` si no lo hay.
fn pair() -> Result<Option<Pair>, Failure> {
    if !has_redis()? {
        return Ok(None);
    }
    let redis = Redis::start()?;
    let servers = [redis.server()?, redis.server()?];
    let rooms = [talk(&servers[0]), talk(&servers[1])];
    Ok(Some(Pair { redis, servers, rooms }))
}

#[test]
fn lo_que_se_dice_en_uno_se_oye_en_el_otro_y_se_cuentan_todos() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let [first, second] = &pair.rooms;
    let mut ana = join(first, "ana")?;
    let mut beto = join(second, "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    ana.send_frame("¿se me oye ahí?")?;
    beto.expect_frame(said(&ana, "¿se me oye ahí?"))?;
    beto.send_frame("alto y claro")?;
    // Lo primero que oye es esto, y no lo suyo, que también volvió por el canal.
    ana.expect_frame(said(&beto, "alto y claro"))?;
    let mut carla = join(first, "carla")?;
    beto.expect_frame(joined(3, &carla))?;
    let farewell = left(&beto);
    beto.leave()?;
    carla.expect_frame(&farewell)?;
    ana.expect_frame(joined(3, &carla))?;
    ana.expect_frame(&farewell)
}

#[test]
fn todos_los_de_los_dos_ven_el_mismo_orden() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let Pair { rooms, servers, .. } = &pair;
    let mut witness = join(&rooms[0], "testigo")?;
    let mut peers = Vec::new();
    for number in 0..2 * SPEAKERS {
        peers.push(join(&rooms[number % 2], &format!("cliente {number}"))?);
        expect_until(&mut witness, &joined(number + 2, &peers[number]))?;
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        for later in number + 1..2 * SPEAKERS {
            let name = format!("cliente {later}");
            peer.expect_frame(format!(
                "(Conectado: nuevo cliente ({}) desde {name}@127.0.0.1)",
                later + 2
            ))?;
        }
    }
    // Con los dos detenidos mientras se les envía, encuentran todo a la vez y se cruzan.
    servers[0]
        .while_stopped(|| servers[1].while_stopped(|| peers.iter_mut().try_for_each(burst)))?;
    let count = EACH * peers.len();
    let order = (0..count).map(|_| witness.next_frame()).collect::<Result<Vec<_>, _>>()?;
    for peer in &mut peers {
        let own = format!("#[{}]>> ", chat::who(peer));
        for text in order.iter().filter(|text| !text.starts_with(&own)) {
            peer.expect_frame(text)?;
        }
        let numbers: Vec<&str> = order.iter().filter_map(|text| text.strip_prefix(&own)).collect();
        let expected: Vec<String> = (0..EACH).map(|number| format!("mensaje {number}")).collect();
        assert_eq!(numbers, expected);
    }
    Ok(())
}

fn burst(peer: &mut Peer) -> Result<(), Failure> {
    let texts = (0..EACH).map(|number| frame::encode(format!("mensaje {number}")));
    peer.send(texts.collect::<Vec<_>>().concat())
}

fn expect_until(peer: &mut Peer, text: &str) -> Result<(), Failure> {
    while peer.next_frame()? != text {}
    Ok(())
}

#[test]
fn un_nombre_es_de_uno_solo_en_todos_los_servidores() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let [first, second] = &pair.rooms;
    let mut witness = join(first, "testigo")?;
    let ana = join(first, "Ana")?;
    witness.expect_frame(joined(2, &ana))?;
    let mut other = second.peer("otra ana")?;
    other.send_frame("NAME: ANA")?;
    expect_refusal(&mut other)?;
    let farewell = left(&ana);
    ana.leave()?;
    witness.expect_frame(farewell)?;
    let again = join(second, "ANA")?;
    witness.expect_frame(joined(2, &again))
}

/// La identidad no se elige: dos servidores con las mismas opciones tienen dos, y el que arranca donde
/// estaba otro, una nueva.
#[test]
fn dos_servidores_arrancados_igual_no_se_confunden() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let _members = [join(&pair.rooms[0], "ana")?, join(&pair.rooms[1], "beto")?];
    let identities = || -> Result<BTreeSet<String>, Failure> {
        let told = pair.redis.ask(&["ZRANGE", "{chat}:servers", "0", "-1"])?;
        Ok(told.split('"').skip(1).step_by(2).map(str::to_owned).collect())
    };
    let before = identities()?;
    assert_eq!(before.len(), 2, "{before:?}");
    pair.servers[0].stop(Signal::SIGTERM)?;
    let other = pair.redis.server()?;
    let _carla = join(&talk(&other), "carla")?;
    let after = identities()?;
    assert_eq!((after.len(), after.difference(&before).count()), (2, 1), "{before:?}, {after:?}");
    Ok(())
}

#[test]
fn un_servidor_que_se_detiene_se_despide_por_los_suyos() -> Result<(), Failure> {
    let Some(Pair { rooms: [first, second], servers: [going, _staying], redis: _redis }) = pair()?
    else {
        return Ok(());
    };
    let mut witness = join(&second, "testigo")?;
    let mut guests = Vec::new();
    for (name, count) in [("ana", 2), ("beto", 3)] {
        guests.push(join(&first, name)?);
        witness.expect_frame(joined(count, &guests[count - 2]))?;
    }
    let exit = going.stop(Signal::SIGTERM)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    // Cada uno, cuando cierra su lado; los que no, al acabarse el plazo.
    let mut farewells = [witness.next_frame()?, witness.next_frame()?];
    farewells.sort();
    assert_eq!(farewells, [left(&guests[0]), left(&guests[1])]);
    let again = join(&second, "ana")?;
    witness.expect_frame(joined(2, &again))
}

#[test]
fn quien_lee_despacio_en_uno_frena_a_quien_habla_en_el_otro_y_lo_oye_todo() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let [first, second] = &pair.rooms;
    let mut ana = join(first, "ana")?;
    let mut slow = second.peer_with_receive_buffer("lento", 64 * 1024)?;
    slow.send_frame("NAME: lento")?;
    chat::expect_welcome(&mut slow)?;
    ana.expect_frame(joined(2, &slow))?;
    let text = "x".repeat(60_000);
    let message = said(&ana, &text);
    let count = 32 * 1024 * 1024 / text.len();
    let sending = ana.send_meanwhile(frame::encode(&text).repeat(count))?;
    // Se calla en cuanto «lento» deja de leer, aunque no esté en su servidor.
    assert!(!sending.settle(), "le leyeron todo, y «lento» no había leído nada");
    for _ in 0..count {
        slow.expect_frame(&message)?;
    }
    sending.finish()
}

#[test]
fn a_quien_no_lee_en_uno_se_le_echa_y_quien_habla_en_el_otro_sigue() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let [first, second] = &pair.rooms;
    let mut ana = join(first, "ana")?;
    let mut slow = second.peer_with_receive_buffer("lento", 4096)?;
    slow.send_frame("NAME: lento")?;
    chat::expect_welcome(&mut slow)?;
    ana.expect_frame(joined(2, &slow))?;
    let text = "x".repeat(60_000);
    let sending = ana.send_meanwhile(frame::encode(&text).repeat(100))?;
    ana.set_limit(DEFAULT_LIMIT * 2);
    ana.expect_frame(left(&slow))?;
    sending.finish()
}
