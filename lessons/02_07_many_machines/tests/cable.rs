//! Lo que pasa si la red se estropea entre un servidor y su intermediario: ni se pierde ni se repite.

mod common;

use common::cable::Cable;
use common::{Redis, has_redis, talk};
use harness::chat::{expect_welcome, join, joined, left, said};
use harness::{Conversation, DEFAULT_LIMIT, Failure, Peer, Server, Stream};

struct Isolated {
    redis: Redis,
    cable: Cable,
    far: Server,
    room: Conversation,
    _near: Server,
    witness: Peer,
}

/// Un servidor que llega a su intermediario por un cable que se puede estropear, y otro que llega bien,
/// con un testigo dentro. `lease`: cuánto vive el primero sin latir.
fn far(lease: &str) -> Result<Option<Isolated>, Failure> {
    if !has_redis()? {
        return Ok(None);
    }
    let redis = Redis::start()?;
    let cable = Cable::to(redis.address)?;
    let far = common::server().args(["--lease", lease, "--broker", &cable.url()]).start()?;
    let near = redis.server()?;
    let (room, witness) = (talk(&far), join(&talk(&near), "testigo")?);
    Ok(Some(Isolated { redis, cable, far, room, _near: near, witness }))
}

#[test]
fn si_se_pierde_la_respuesta_no_se_dice_ni_se_entra_dos_veces() -> Result<(), Failure> {
    let Some(Isolated { cable, room, mut witness, redis: _redis, _near, far: _far }) = far("30")?
    else {
        return Ok(());
    };
    let mut ana = join(&room, "ana")?;
    witness.expect_frame(joined(2, &ana))?;
    learn_to_talk(&mut ana, &mut witness)?;
    cable.deafen();
    ana.send_frame("una vez")?;
    let mut beto = room.peer("beto")?;
    beto.send_frame("NAME: beto")?;
    // El orden entre los dos da igual; que se oigan es que el intermediario ya lo hizo.
    let mut heard = [witness.next_frame()?, witness.next_frame()?];
    heard.sort();
    assert_eq!(heard, [said(&ana, "una vez"), joined(3, &beto)]);
    cable.mend();
    expect_welcome(&mut beto)?;
    ana.send_frame("otra")?;
    witness.expect_frame(said(&ana, "otra"))?;
    beto.send_frame("hola")?;
    witness.expect_frame(said(&beto, "hola"))
}

#[test]
fn a_un_servidor_aislado_se_le_da_por_muerto_y_al_volver_los_suyos_siguen_donde_iban()
-> Result<(), Failure> {
    let Some(Isolated { cable, room, mut witness, far, redis: _redis, _near }) = far("3")? else {
        return Ok(());
    };
    let mut ana = join(&room, "ana")?;
    witness.expect_frame(joined(2, &ana))?;
    cable.cut();
    far.wait_for_line(Stream::Stderr, "Se sigue intentando", DEFAULT_LIMIT)?;
    ana.send_frame("desde lejos")?;
    ana.send_frame("¿me oís?")?;
    witness.expect_frame(left(&ana))?;
    witness.send_frame("se ha ido")?;
    cable.mend();
    ana.expect_frame(said(&witness, "se ha ido"))?;
    witness.expect_frame(joined(2, &ana))?;
    witness.expect_frame(said(&ana, "desde lejos"))?;
    witness.expect_frame(said(&ana, "¿me oís?"))?;
    far.wait_for_line(Stream::Stderr, "de nuevo con el intermediario", DEFAULT_LIMIT)?;
    Ok(())
}

/// Entra; mientras su servidor duerme lo dan por ido; y de que entró, y de que se fue, el servidor se
/// entera cuando ya tiene otra identidad.
#[test]
fn quien_acababa_de_entrar_cuando_se_perdió_la_identidad_también_vuelve() -> Result<(), Failure> {
    let Some(Isolated { cable, room, mut witness, far, redis, _near }) = far("3")? else {
        return Ok(());
    };
    cable.hold_channel();
    let mut ana = room.peer("ana")?;
    ana.send_frame("NAME: ana")?;
    witness.expect_frame(joined(2, &ana))?;
    far.while_stopped(|| witness.expect_frame(left(&ana)))?;
    far.eventually("se apuntara otra vez", DEFAULT_LIMIT, || {
        redis.ask(&["ZCARD", "{chat}:servers"]).is_ok_and(|count| count.trim() == "(integer) 2")
    })?;
    assert!(cable.catch_up(), "no se retrasaba nada");
    witness.expect_frame(joined(2, &ana))?;
    expect_welcome(&mut ana)?;
    ana.send_frame("aquí sigo")?;
    witness.expect_frame(said(&ana, "aquí sigo"))
}

/// Se dijo, la respuesta se perdió, y al servidor lo dieron por muerto antes de poder preguntar.
#[test]
fn lo_que_se_dijo_con_la_identidad_perdida_no_se_repite_con_la_nueva() -> Result<(), Failure> {
    let Some(Isolated { cable, room, mut witness, redis: _redis, _near, far: _far }) = far("3")?
    else {
        return Ok(());
    };
    let mut ana = join(&room, "ana")?;
    witness.expect_frame(joined(2, &ana))?;
    learn_to_talk(&mut ana, &mut witness)?;
    cable.deafen();
    ana.send_frame("una vez")?;
    witness.expect_frame(said(&ana, "una vez"))?;
    cable.cut();
    witness.expect_frame(left(&ana))?;
    cable.mend();
    witness.expect_frame(joined(2, &ana))?;
    ana.send_frame("otra")?;
    witness.expect_frame(said(&ana, "otra"))
}

/// El servidor se cansó de esperar y lo pidió por otra conexión; y lo primero llega cuando ya nadie lo
/// quiere.
#[test]
fn lo_que_llega_tarde_por_una_conexión_vieja_no_vale() -> Result<(), Failure> {
    let Some(Isolated { cable, room, mut witness, redis: _redis, _near, far: _far }) = far("30")?
    else {
        return Ok(());
    };
    let ana = join(&room, "ana")?;
    witness.expect_frame(joined(2, &ana))?;
    cable.delay();
    let beto = join(&room, "beto")?;
    witness.expect_frame(joined(3, &beto))?;
    let farewell = left(&beto);
    beto.leave()?;
    witness.expect_frame(farewell)?;
    assert!(cable.catch_up(), "no se retrasaba nada");
    let again = join(&room, "beto")?;
    witness.expect_frame(joined(3, &again))
}

/// La primera vez que se habla, el intermediario aún no conoce el guion, y hay que enviárselo. Vuelve
/// cuando el servidor sabe que se dijo: hasta entonces, no rechaza lo siguiente.
fn learn_to_talk(speaker: &mut Peer, witness: &mut Peer) -> Result<(), Failure> {
    speaker.send_frame("probando")?;
    witness.expect_frame(said(speaker, "probando"))?;
    speaker.send_frame("x".repeat(65_536))?;
    let refusal = speaker.next_frame()?;
    assert!(refusal.starts_with("ERROR: "), "{refusal}");
    Ok(())
}
