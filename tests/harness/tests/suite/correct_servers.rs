//! Un servidor correcto pasa todas las etapas de su lección, y la lista de etapas es esta.

use std::net::{Ipv6Addr, SocketAddr};

use harness::{Conversation, Failure, stages};

use crate::servers::{chat, echo, web};

fn passes_every_stage(lesson: &str, address: SocketAddr) -> Result<(), Failure> {
    // La que para el programa no: estos servidores son hilos de la prueba.
    for stage in stages(lesson).iter().filter(|stage| !stage.stops_program()) {
        stage.run(address)?;
    }
    Ok(())
}

#[test]
fn un_eco_correcto_pasa_todas_sus_etapas() -> Result<(), Failure> {
    passes_every_stage("02_02", echo::correct())
}

#[test]
fn también_por_ipv6() -> Result<(), Failure> {
    let Ok(address) = echo::correct_on(Ipv6Addr::LOCALHOST.into()) else {
        eprintln!("Esta máquina no tiene IPv6: aquí no se comprueba.");
        return Ok(());
    };
    stages("02_02")[1].run(address)?;
    let mut client = Conversation::with(address).peer("cliente")?;
    client.send("hola")?;
    let replay = client.failure("Un ejemplo.").replay();
    let expected = format!("(printf 'hola'; sleep 2) | nc -N ::1 {}", address.port());
    assert_eq!(replay, Some(expected));
    Ok(())
}

#[test]
fn un_chat_correcto_pasa_todas_sus_etapas() -> Result<(), Failure> {
    // Para todas menos una basta con poca paciencia, y se acaba antes.
    let (hurried, patient) = (chat::with(chat::Fault::None), chat::with(chat::Fault::Patient));
    for stage in stages("02_03").iter().filter(|stage| !stage.stops_program()) {
        let pauses = stage.title == "quien lee despacio lo oye todo";
        stage.run(if pauses { patient } else { hurried })?;
    }
    Ok(())
}

#[test]
fn una_web_correcta_pasa_todas_sus_etapas() -> Result<(), Failure> {
    passes_every_stage("02_04", web::with(web::Fault::None))
}

#[test]
fn una_web_que_guarda_mucho_o_que_calla_la_longitud_de_head_también_vale() -> Result<(), Failure> {
    use web::Fault::{HeadWithoutLength, KeepsMany};
    for (title, variant) in [
        ("quien no lee no frena a nadie", KeepsMany),
        ("cuándo se cierra", KeepsMany),
        ("HEAD", HeadWithoutLength),
    ] {
        let mut all = stages("02_04").iter();
        let stage = all.find(|stage| stage.title == title).expect("no hay esa etapa");
        stage.run(web::with(variant))?;
    }
    Ok(())
}

#[test]
fn las_etapas_van_numeradas_y_una_lección_desconocida_no_tiene() {
    for lesson in ["02_02", "02_03", "02_04"] {
        for (stage, number) in stages(lesson).iter().zip(1..) {
            assert_eq!((stage.lesson, stage.number), (lesson, number));
        }
    }
    assert!(stages("02_99").is_empty());
}

#[test]
fn la_lista_de_etapas() {
    let list: Vec<String> = ["02_02", "02_03", "02_04"]
        .into_iter()
        .flat_map(stages)
        .map(|stage| format!("{} {stage}", stage.lesson))
        .collect();
    insta::assert_snapshot!(list.join("\n"));
}
