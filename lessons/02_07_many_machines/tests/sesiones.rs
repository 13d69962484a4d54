//! Lo que enseña el capítulo, ocurrido de verdad: servidores, participantes ante su terminal y redis.
//!
//! `INSTA_UPDATE=always cargo test -p varias_maquinas --test sesiones` escribe las sesiones de hoy en su
//! sitio; léelas con `git diff` antes de darlas por buenas.

mod common;
mod stage;

use harness::{Failure, Signal};
use stage::{Stage, Terminal};

/// Dos servidores, y en cada uno alguien: primero el que se nombra primero.
fn two(
    stage: &Stage,
    names: [(&str, usize); 2],
) -> Result<([Terminal; 2], [Terminal; 2]), Failure> {
    let servers = [stage.server("8801")?, stage.server("8802")?];
    let [first, second] = names;
    let one = servers[first.1].member(first.0)?.enters()?;
    let other = servers[second.1].member(second.0)?.enters()?;
    Ok((servers, [one, other]))
}

#[test]
fn dos_servidores_solos_no_se_oyen() -> Result<(), Failure> {
    let stage = Stage::without_broker();
    let (servers, [ana, beto]) = two(&stage, [("ana", 0), ("beto", 1)])?;
    ana.says("hola, ¿hay alguien?")?;
    beto.says("buenas, soy beto")?;
    stage.records("solos", &[&servers[0], &servers[1], &ana, &beto])
}

#[test]
fn dos_servidores_con_un_canal_son_un_chat() -> Result<(), Failure> {
    let Some(stage) = Stage::with_broker()? else { return Ok(()) };
    let (servers, [ana, beto]) = two(&stage, [("ana", 0), ("beto", 1)])?;
    ana.shows("(Conectado: nuevo cliente (2) desde beto@127.0.0.1)")?;
    ana.says("hola, ¿hay alguien?")?;
    beto.shows("#[ana@127.0.0.1]>> hola, ¿hay alguien?")?;
    beto.says("te oigo")?;
    ana.shows("#[beto@127.0.0.1]>> te oigo")?;
    stage.records("un_canal", &[&servers[0], &servers[1], &ana, &beto])?;
    stage.answers("entrada", &["XREVRANGE", "{chat}:stream", "+", "-", "COUNT", "1"])
}

#[test]
fn un_nombre_es_de_uno_solo() -> Result<(), Failure> {
    let Some(stage) = Stage::with_broker()? else { return Ok(()) };
    let (servers, _members) = two(&stage, [("ana", 0), ("beto", 1)])?;
    let other = servers[1].member("Ana")?.ends()?;
    stage.records("repetido", &[&other])?;
    stage.answers("nombres", &["HGETALL", "{chat}:names"])
}

#[test]
fn de_un_servidor_muerto_avisan_los_demás() -> Result<(), Failure> {
    let Some(stage) = Stage::with_broker()? else { return Ok(()) };
    let (servers, [beto, ana]) = two(&stage, [("beto", 1), ("ana", 0)])?;
    ana.says("ahora les cuento")?;
    beto.shows("#[ana@127.0.0.1]>> ahora les cuento")?;
    servers[0].running().signal(Signal::SIGKILL)?;
    let ana = ana.ends()?;
    beto.shows("(Desconectado: cliente ana@127.0.0.1)")?;
    stage.records("muerto", &[&ana, &beto])
}

#[test]
fn un_servidor_que_despierta_vuelve_a_entrar_con_los_suyos() -> Result<(), Failure> {
    let Some(stage) = Stage::with_broker()? else { return Ok(()) };
    let (servers, [beto, ana]) = two(&stage, [("beto", 1), ("ana", 0)])?;
    servers[0].running().while_stopped(|| {
        ana.says("¿se me oye?")?;
        beto.shows("(Desconectado: cliente ana@127.0.0.1)")?;
        beto.says("se ha ido sin despedirse")
    })?;
    ana.shows("#[beto@127.0.0.1]>> se ha ido sin despedirse")?;
    beto.shows("#[ana@127.0.0.1]>> ¿se me oye?")?;
    stage.records("dormido", &[&ana, &beto])
}

#[test]
fn mientras_no_hay_intermediario_se_espera() -> Result<(), Failure> {
    let Some(stage) = Stage::with_broker()? else { return Ok(()) };
    let (servers, [beto, ana]) = two(&stage, [("beto", 1), ("ana", 0)])?;
    beto.shows("(Conectado: nuevo cliente (2) desde ana@127.0.0.1)")?;
    stage.without_its_broker(|| {
        ana.says("uno")?;
        ana.says("dos")?;
        servers[0].complains("Se sigue intentando.")
    })?;
    beto.shows("#[ana@127.0.0.1]>> dos")?;
    stage.records("sin_intermediario", &[&ana, &beto])
}

#[test]
fn se_sustituye_un_servidor_con_gente_dentro() -> Result<(), Failure> {
    let Some(house) = Stage::together()? else { return Ok(()) };
    let stage = Stage::without_broker();
    let ana = house.member("ana")?.enters()?;
    let beto = house.member("beto")?.enters()?;
    ana.shows("(Conectado: nuevo cliente (2) desde beto@127.0.0.1)")?;
    ana.says("¿estamos en el mismo?")?;
    beto.shows("#[ana@127.0.0.1]>> ¿estamos en el mismo?")?;
    // Ana entró la primera: está en el primero.
    house.obeys("drenar 1");
    ana.shows("(Has vuelto al chat.)")?;
    beto.shows("(Conectado: nuevo cliente (2) desde ana@127.0.0.1)")?;
    house.shows_in("Hay otro servidor 1")?;
    beto.says("no, pero da igual")?;
    ana.shows("#[beto@127.0.0.1]>> no, pero da igual")?;
    stage.records("juntos", &[&house, &ana, &beto])?;
    // A quien se mata no le da tiempo de borrar lo suyo.
    house.obeys("salir");
    house.ends().map(drop)
}
