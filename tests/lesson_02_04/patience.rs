//! Los plazos, y terminar en orden.

use std::time::Duration;

use harness::{Signal, Step};

use super::web::{
    self, FLOOD, GET, GET_AND_CLOSE, Outcome, SOON, ask, clogged, conversation, expect_page,
    expect_status,
};

/// El plazo de la cabecera es para la cabecera: quien la envió a tiempo, aunque fuera en dos
/// trozos, tiene para su cuerpo el otro.
#[test]
fn el_plazo_del_cuerpo_no_depende_de_cómo_llegara_la_cabecera() -> Outcome {
    let server = web::server(&["--head-timeout", "0.4", "--idle-timeout", "60"])?;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    for cut in [0, 10] {
        let mut client = conversation(&server).peer("sin prisa con el cuerpo")?;
        client.send(&head[..cut])?;
        client.pause(Duration::from_millis(30));
        client.send(&head[cut..])?;
        client.expect_nothing_for(Duration::from_millis(600))?;
        client.send("hola")?;
        expect_status(&mut client, 405)?;
        client.leave()?;
    }
    Ok(())
}

#[test]
fn las_líneas_vacías_no_son_actividad() -> Outcome {
    let server = web::server(&["--idle-timeout", "0.3", "--head-timeout", "0.3"])?;
    // Enteras, y con sus dos bytes por separado.
    for blank in [&["\r\n"][..], &["\r", "\n"]] {
        let mut client = conversation(&server).peer("quien no dice nada")?;
        let blanks = blank.iter().cycle().take(250).take_while(|piece| {
            client.try_send(piece);
            client.expect_nothing_for(Duration::from_millis(20)).is_ok()
        });
        assert!(blanks.count() < 250, "cada línea vacía le dio más tiempo");
        client.expect_end_or_reset()?;
    }
    Ok(())
}

#[test]
fn cada_petición_renueva_el_plazo() -> Outcome {
    let (server, trace) = web::traced(&["--idle-timeout", "0.8"])?;
    let mut client = conversation(&server).peer("quien pide de vez en cuando")?;
    for _ in 0..4 {
        ask(&mut client)?;
        client.pause(Duration::from_millis(250));
    }
    client.expect_end()?;
    let steps = trace.steps_of(1)?;
    let moment = |what: &str| {
        let step = steps.iter().rfind(|step| step.what() == what);
        step.and_then(|step| step.number("us")).unwrap_or_default()
    };
    let waited = moment("timeout").saturating_sub(moment("write"));
    // El plazo corre desde que despertó para leer, un poco antes de escribir.
    assert!(waited >= 750_000, "lo echó {waited} µs después de la última respuesta");
    Ok(())
}

#[test]
fn quien_no_recoge_su_respuesta_es_expulsado() -> Outcome {
    let (server, trace) = web::traced(&["--idle-timeout", "0.3"])?;
    let base = server.open_descriptors()?;
    let (_slow, sending) = clogged(&server, &trace, 1, "quien no lee")?;
    trace.wait_for(&server, "que echa a quien no lee", |step| {
        step.what() == "close" && step.text("result") == "no lee su respuesta"
    })?;
    server.holds_descriptors(base)?;
    drop(sending);
    Ok(())
}

/// El plazo de la cabecera es para quien tiene que enviar; aquí quien debe es el servidor, aunque
/// la última lectura dejara una cabecera a medias.
#[test]
fn quien_lee_despacio_no_paga_el_plazo_de_la_cabecera() -> Outcome {
    let options = ["--head-timeout", "0.5", "--idle-timeout", "60"];
    let (server, trace) = web::traced(&options)?;
    let (mut slow, sending) = clogged(&server, &trace, 1, "lento")?;
    slow.pause(Duration::from_millis(800));
    for _ in 0..FLOOD {
        expect_page(&mut slow)?;
    }
    sending.finish()?;
    slow.leave()
}

/// Tras la despedida se espera a que el otro cierre, pero no para siempre.
#[test]
fn quien_no_cierra_tras_la_despedida_se_va_igualmente() -> Outcome {
    let server = web::server(&[])?;
    let base = server.open_descriptors()?;
    let mut client = conversation(&server).peer("quien no cuelga")?;
    client.send(GET_AND_CLOSE)?;
    expect_page(&mut client)?;
    client.expect_end()?;
    server.holds_descriptors(base)?;
    server.stays_asleep(Duration::from_millis(100))
}

#[test]
fn f10_a_un_head_que_no_acaba_de_llegar_se_le_dice_sin_contenido() -> Outcome {
    let server = web::server(&["--head-timeout", "0.2", "--idle-timeout", "0.2"])?;
    for request in ["HEAD / HT", "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"] {
        let mut client = conversation(&server).peer("quien pide a medias")?;
        client.send(request)?;
        let answer = client.expect_response_to_head()?;
        assert_eq!(answer.status, 408, "{request}");
        client.expect_end()?;
    }
    Ok(())
}

/// Un servidor detenido (Ctrl-Z) puede despertar con peticiones y con la orden de terminar a la vez.
#[test]
fn al_terminar_se_atiende_lo_que_ya_había_llegado() -> Outcome {
    let (server, mut client) = web::visited(&[], "quien ya preguntó")?;
    ask(&mut client)?;
    server.signal(Signal::SIGSTOP)?;
    // Más de lo que se lee de una vez: cerrar con el resto sin leer reiniciaría la conexión.
    client.send(GET.repeat(1000))?;
    server.signal(Signal::SIGTERM)?;
    server.signal(Signal::SIGCONT)?;
    let mut answers = 0;
    while client.next_response_or_end()?.is_some() {
        answers += 1;
    }
    client.expect_end()?;
    assert!(answers > 100, "solo llegaron {answers} respuestas");
    drop(client);
    assert_eq!(server.wait(SOON)?.code, Some(0));
    Ok(())
}

#[test]
fn con_todos_ociosos_termina_en_el_acto() -> Outcome {
    for (signal, options) in
        [(Signal::SIGINT, &["--workers", "1"]), (Signal::SIGTERM, &["--workers", "3"])]
    {
        let server = web::server(options)?;
        let web = conversation(&server);
        let mut clients = web.peers("ocioso", 10)?;
        clients.iter_mut().take(5).try_for_each(ask)?;
        server.signal(signal)?;
        clients.iter_mut().try_for_each(harness::Peer::expect_end_or_reset)?;
        let exit = server.wait(SOON)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{signal}: {exit}");
        assert!(web.peer("quien llega tarde").is_err());
    }
    Ok(())
}

/// Ni quien tiene una respuesta a medias ni quien no cuelga tras la despedida retienen al servidor
/// más allá de su plazo.
#[test]
fn el_plazo_para_terminar_se_cumple_aunque_alguien_no_cuelgue() -> Outcome {
    let options = ["--drain-timeout", "0.5", "--idle-timeout", "600"];
    let (server, trace) = web::traced(&options)?;
    let mut clients = Vec::new();
    for (client, name) in (1..3).zip(["quien no lee", "quien no cuelga"]) {
        clients.push(clogged(&server, &trace, client, name)?);
    }
    server.signal(Signal::SIGTERM)?;
    clients[1].0.drain()?;
    let exit = server.wait(SOON)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    drop(clients);
    let steps = trace.steps()?;
    let moment = |step: Option<&Step>| step.and_then(|step| step.number("us")).unwrap_or_default();
    let taken = moment(steps.last()) - moment(steps.iter().find(|step| step.what() == "stop"));
    // Solo la espera tras la despedida serían dos segundos.
    assert!(taken < 1_900_000, "tardó {taken} µs en terminar");
    Ok(())
}
