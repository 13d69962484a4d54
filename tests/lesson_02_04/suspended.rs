//! Lo que llegó mientras el servidor no miraba: detenido con Ctrl-Z, sin procesador, o a punto de
//! terminar. El núcleo ya lo había recibido, y quien lo envió cumplió.

use std::time::Duration;

use harness::{Failure, Peer, Server, Signal, Trace};

use super::web::{
    self, GET, Outcome, SOON, ask, clogged, conversation, expect_page, expect_status, is_accepted,
};

/// El plazo de todos, y una suspensión que lo deja atrás.
const PATIENCE: &[&str] = &["--head-timeout", "1.5", "--idle-timeout", "1.5"];
const SUSPENSION: Duration = Duration::from_millis(1700);

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

/// Detiene el servidor, deja que pasen cosas y, vencidos todos los plazos, lo reanuda.
fn while_suspended(server: &Server, events: impl FnOnce() -> Outcome) -> Outcome {
    server.signal(Signal::SIGSTOP)?;
    events()?;
    std::thread::sleep(SUSPENSION);
    server.signal(Signal::SIGCONT)
}

/// Ya ha leído algo del cliente `id`.
fn read_from(server: &Server, trace: &Trace, id: u64) -> Outcome {
    trace.wait_for(server, "que lee lo que envió", |step| {
        step.client() == Some(id) && step.what() == "read"
    })?;
    Ok(())
}

#[test]
fn f5_lo_que_llegó_con_el_servidor_detenido_se_atiende_antes_de_mirar_los_plazos() -> Outcome {
    let (server, trace) = web::traced(PATIENCE)?;
    let web = conversation(&server);
    let mut idle = web.peer("quien ya había pedido")?;
    ask(&mut idle)?;
    let mut silent = web.peer("quien aún no había pedido nada")?;
    let mut half = web.peer("quien iba por media cabecera")?;
    half.send(&GET[..20])?;
    let mut upload = web.peer("quien iba por medio cuerpo")?;
    upload.send(POST.to_owned() + &"x".repeat(100))?;
    for id in [3, 4] {
        read_from(&server, &trace, id)?;
    }
    while_suspended(&server, || {
        idle.send(GET)?;
        silent.send(GET.repeat(3))?;
        half.send(&GET[20..])?;
        // Más de lo que cabe en una lectura.
        upload.send("x".repeat(99_900))
    })?;
    expect_page(&mut idle)?;
    for _ in 0..3 {
        expect_page(&mut silent)?;
    }
    expect_page(&mut half)?;
    expect_status(&mut upload, 405)?;
    for client in [idle, silent, half, upload] {
        client.leave()?;
    }
    Ok(())
}

/// En una vuelta caben 256: los plazos de los demás vencen antes de que `epoll` los nombre.
#[test]
fn f5_aunque_sean_más_de_los_que_caben_en_una_vuelta() -> Outcome {
    let server = web::server(PATIENCE)?;
    let mut clients = conversation(&server).peers("cliente", 300)?;
    web::serves_a_latecomer(&server)?;
    while_suspended(&server, || clients.iter_mut().try_for_each(|client| client.send(GET)))?;
    clients.iter_mut().try_for_each(|client| expect_page(client).map(drop))
}

#[test]
fn f5_quien_recogió_lo_suyo_con_el_servidor_detenido_no_es_alguien_que_no_lee() -> Outcome {
    let (server, trace) = web::traced(PATIENCE)?;
    let (mut slow, sending) = clogged(&server, &trace, 1, "lento")?;
    while_suspended(&server, || (0..5000).try_for_each(|_| expect_page(&mut slow).map(drop)))?;
    for _ in 5000..web::FLOOD {
        expect_page(&mut slow)?;
    }
    sending.finish()?;
    slow.leave()
}

#[test]
fn f5_quien_no_envió_nada_sigue_teniendo_un_plazo() -> Outcome {
    let (server, trace) = web::traced(PATIENCE)?;
    let web = conversation(&server);
    let mut idle = web.peer("quien no pide nada")?;
    let mut half = web.peer("quien no acaba su cabecera")?;
    half.send(&GET[..20])?;
    read_from(&server, &trace, 2)?;
    while_suspended(&server, || half.send("X"))?;
    idle.expect_end()?;
    expect_status(&mut half, 408)?;
    half.expect_end()
}

/// Con una petición entera en la cola de `accept`, en una conexión ya aceptada, o a medias.
#[test]
fn f26_al_terminar_nadie_que_ya_hubiera_pedido_recibe_un_reset() -> Outcome {
    for options in [&["--workers", "1"][..], &["--workers", "4"]] {
        let server = web::server(options)?;
        let web = conversation(&server);
        let mut known = web.peers("ya aceptado", 40)?;
        known.iter_mut().try_for_each(ask)?;
        let mut half = web.peer("quien iba por medio cuerpo")?;
        half.send(POST.to_owned() + "x")?;
        web::serves_a_latecomer(&server)?;

        server.signal(Signal::SIGSTOP)?;
        let mut queued = web.peers("en la cola", 200)?;
        queued.iter_mut().chain(&mut known).try_for_each(|client| client.send(GET))?;
        let mut upload = web.peer("en la cola, con un cuerpo largo")?;
        upload.send(POST.to_owned() + &"x".repeat(100_000))?;
        let mut unfinished = web.peer("en la cola, con media cabecera")?;
        unfinished.send(&GET[..20])?;
        half.send("x".repeat(5000))?;
        server.signal(Signal::SIGTERM)?;
        server.signal(Signal::SIGCONT)?;

        expect_status(&mut upload, 405)?;
        for mut client in queued.into_iter().chain(known) {
            last_page(&mut client)?;
        }
        for mut client in [upload, half, unfinished] {
            client.expect_end()?;
        }
        assert_eq!(server.wait(SOON)?.code, Some(0));
    }
    Ok(())
}

/// Lo mismo sin descriptores libres: los que esperan caben en el sitio de los ociosos, que se van.
#[test]
fn f26_al_terminar_los_ociosos_dejan_su_sitio_a_quien_esperaba_en_la_cola() -> Outcome {
    let trace = Trace::new();
    let server = trace.of(web::program().descriptor_limit(32)).start()?;
    let mut clients = conversation(&server).peers("cliente", 40)?;
    trace.wait_for(&server, "que se deja de aceptar", |step| step.what() == "pause")?;
    let inside = trace.steps()?.iter().filter(|step| is_accepted(step)).count();
    let mut waiting = clients.split_off(inside);
    waiting.iter_mut().try_for_each(|client| client.send(GET))?;
    server.signal(Signal::SIGTERM)?;
    waiting.iter_mut().try_for_each(last_page)?;
    drop(waiting);
    assert_eq!(server.wait(SOON)?.code, Some(0));
    Ok(())
}

fn last_page(client: &mut Peer) -> Result<(), Failure> {
    expect_page(client)?;
    client.expect_end()
}
