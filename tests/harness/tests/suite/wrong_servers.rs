//! Lo que lee quien se ha equivocado: el informe entero que recibe cada servidor mal hecho.

use std::net::SocketAddr;
use std::time::Duration;

use harness::{Conversation, Failure, Port, stages};

use crate::normalised;
use crate::servers::{chat, echo, web};

/// Para no esperar diez segundos a quien no va a contestar nunca.
const SHORT: Duration = Duration::from_secs(1);

/// El informe de pasar esa etapa a ese servidor, que no debe pasarla.
fn report(lesson: &str, number: usize, address: SocketAddr) -> String {
    let stage = &stages(lesson)[number - 1];
    let conversation = stage.conversation(address).limit(SHORT);
    let failure = stage.run_in(&conversation).expect_err("la etapa debía fallar");
    normalised::report(&failure)
}

#[test]
fn nadie_escucha() {
    let port = Port::reserve().unwrap();
    insta::assert_snapshot!(report("02_02", 1, port.address()));
}

#[test]
fn eco_que_contesta_una_vez_y_cierra() {
    insta::assert_snapshot!(report("02_02", 2, echo::answers_once()));
}

#[test]
fn eco_que_pierde_el_último_byte() {
    insta::assert_snapshot!(report("02_02", 4, echo::drops_the_last_byte()));
}

#[test]
fn eco_que_describe_los_bytes() {
    insta::assert_snapshot!(report("02_02", 1, echo::describes_the_bytes()));
}

#[test]
fn eco_que_no_contesta() {
    insta::assert_snapshot!(report("02_02", 1, echo::never_answers()));
}

#[test]
fn eco_que_no_cierra() {
    insta::assert_snapshot!(report("02_02", 2, echo::never_closes()));
}

#[test]
fn eco_que_pierde_un_byte_de_lo_largo() {
    let failure = stages("02_02")[4]
        .run(echo::loses_a_byte_in_the_middle())
        .expect_err("la etapa debía fallar");
    let report = failure.to_string();
    // El resto depende de cuánto llegara antes de notarlo.
    assert!(report.contains("^ primera diferencia, tras 1 000 000 bytes iguales"), "{report}");
}

#[test]
fn eco_que_cierra_con_bytes_sin_leer() {
    let failure = stages("02_02")[3].run(echo::closes_with_unread_bytes()).unwrap_err();
    // Según cuándo llegue el reinicio, se lleva por delante la respuesta o no.
    assert!(failure.headline().contains("reinició la conexión (RST)"), "{failure}");
}

#[test]
fn chat_con_la_longitud_al_revés() {
    insta::assert_snapshot!(report("02_03", 5, chat::with(chat::Fault::LittleEndian)));
}

#[test]
fn chat_que_repite_lo_dicho_a_quien_lo_dijo() {
    insta::assert_snapshot!(report("02_03", 6, chat::with(chat::Fault::EchoesToSender)));
}

#[test]
fn chat_que_deja_pasar_los_caracteres_de_control() {
    insta::assert_snapshot!(report("02_03", 17, chat::with(chat::Fault::RelaysControls)));
}

#[test]
fn chat_que_no_espera_al_resto_de_la_cabecera() {
    let stage = &stages("02_03")[6];
    let failure = stage.run(chat::with(chat::Fault::NoPartialHeaders)).unwrap_err();
    // En qué byte se nota, depende de cuántos junte el núcleo en cada lectura.
    assert!(failure.to_string().contains("en trozos de 1 byte:"), "{failure}");
}

#[test]
fn chat_que_espera_el_nombre_de_cada_cual() {
    insta::assert_snapshot!(report("02_03", 15, chat::with(chat::Fault::WaitsForTheName)));
}

#[test]
fn web_con_un_salto_de_línea_de_más() {
    insta::assert_snapshot!(report("02_04", 1, web::with(web::Fault::StrayLineFeed)));
}

#[test]
fn web_que_lee_el_cuerpo_como_otra_petición() {
    insta::assert_snapshot!(report("02_04", 10, web::with(web::Fault::IgnoresBodies)));
}

#[test]
fn web_con_cuerpo_en_head() {
    insta::assert_snapshot!(report("02_04", 9, web::with(web::Fault::HeadWithBody)));
}

#[test]
fn web_con_la_fecha_de_2013() {
    insta::assert_snapshot!(report("02_04", 8, web::with(web::Fault::OldDate)));
}

#[test]
fn web_que_olvida_las_peticiones_encadenadas() {
    insta::assert_snapshot!(report("02_04", 4, web::with(web::Fault::ForgetsPipelined)));
}

#[test]
fn web_que_cierra_sin_leer_lo_que_queda() {
    let failure = stages("02_04")[12].run(web::with(web::Fault::ClosesAtOnce)).unwrap_err();
    assert!(failure.headline().contains("el servidor la reinició (RST)"), "{failure}");
}

#[test]
fn silencio_que_no_lo_es() -> Result<(), Failure> {
    let mut client = Conversation::with(echo::correct()).peer("cliente")?;
    client.send("hola")?;
    let failure = client.expect_nothing_for(SHORT).expect_err("el eco contesta");
    insta::assert_snapshot!(normalised::report(&failure));
    Ok(())
}

#[test]
fn servidor_que_no_lee() -> Result<(), Failure> {
    let echo = Conversation::with(echo::never_answers()).limit(SHORT);
    let mut client = echo.peer("cliente")?;
    let failure = client.send(vec![b'x'; 16 << 20]).expect_err("no cabe");
    assert!(failure.headline().ends_with("bytes: se agotó el plazo."), "{failure}");
    Ok(())
}
