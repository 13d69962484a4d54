//! Lo que las recetas clásicas hacen mal, y este servidor no: una prueba por cada defecto.

use std::time::{Duration, SystemTime};

use harness::{Failure, Program, Signal, Step, Stream, Trace, tools};

use super::web::{
    self, BODY, GET, GET_AND_CLOSE, HEAD, Outcome, SOON, ask, clogged, conversation, expect_page,
    expect_status, is_accepted, serves_a_latecomer,
};

/// Cuánto se mira a un servidor que debería estar dormido: el mal que se busca lo despertaría
/// miles de veces.
const A_WHILE: Duration = Duration::from_millis(250);

#[test]
fn t4_01_conectar_y_cerrar_no_deja_ni_un_descriptor_ni_un_bucle_girando() -> Outcome {
    let server = web::server(&[])?;
    let base = server.open_descriptors()?;
    let web = conversation(&server);
    for _ in 0..100 {
        web.peer("quien llama y se va")?.close();
    }
    let mut half = web.peer("quien cierra a media cabecera")?;
    half.send(&GET[..20])?;
    half.close();
    serves_a_latecomer(&server)?;
    server.holds_descriptors(base)?;
    server.stays_asleep(A_WHILE)
}

#[test]
fn t4_01_mil_conexiones_vienen_y_van_y_no_queda_rastro() -> Outcome {
    let server = web::server(&[])?;
    let base = server.open_descriptors()?;
    let web = conversation(&server);
    let mut clients = web.peers("cliente", 1000)?;
    clients.iter_mut().try_for_each(|client| client.send(GET))?;
    clients.iter_mut().try_for_each(|client| expect_page(client).map(drop))?;
    let open = server.open_descriptors()?;
    assert_eq!(open, base + 1000, "las mil están abiertas a la vez");
    drop(clients);
    serves_a_latecomer(&server)?;
    server.holds_descriptors(base)?;
    server.stays_asleep(A_WHILE)
}

/// Con el servidor detenido, cada uno hace lo suyo y reinicia: al despertar los encuentra a todos
/// ya muertos, sin depender de quién corra más.
#[test]
fn t4_02_un_reset_solo_acaba_con_quien_lo_envía() -> Outcome {
    let server = web::server(&[])?;
    let base = server.open_descriptors()?;
    let web = conversation(&server);
    let mut witness = web.peer("testigo")?;
    ask(&mut witness)?;
    let mut known: Vec<_> =
        (0..4).map(|_| web.peer("ya aceptado")).collect::<Result<_, Failure>>()?;
    known.iter_mut().try_for_each(ask)?;

    server.signal(Signal::SIGSTOP)?;
    let requests = ["", &GET[..20], GET, &GET.repeat(100)];
    for (request, mut client) in requests.iter().zip(known) {
        client.send(request)?;
        client.reset()?;
        let mut client = web.peer("aún en la cola")?;
        client.send(request)?;
        client.reset()?;
    }
    server.signal(Signal::SIGCONT)?;

    ask(&mut witness).map_err(|failure| server.explain(failure))?;
    witness.leave()?;
    serves_a_latecomer(&server)?;
    server.holds_descriptors(base)?;
    server.stays_asleep(A_WHILE)
}

#[test]
fn t4_03_un_byte_que_no_es_texto_no_molesta_a_nadie() -> Outcome {
    let server = web::server(&["-v"])?;
    let web = conversation(&server);
    let mut witness = web.peer("testigo")?;
    ask(&mut witness)?;

    let mut client = web.peer("en la ruta")?;
    client.send(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n")?;
    expect_status(&mut client, 400)?;
    client.expect_end()?;

    // En el valor de un campo es legal, aunque anticuado (RFC 9110 §5.5).
    let mut client = web.peer("en un campo")?;
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xc3\xb1\r\n\r\n")?;
    expect_page(&mut client)?;
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\xfe")?;
    expect_status(&mut client, 405)?;
    ask(&mut client)?;

    let mut client = web.peer("sin más")?;
    client.send(b"\xff\xff\r\n\r\n")?;
    expect_status(&mut client, 400)?;

    ask(&mut witness).map_err(|failure| server.explain(failure))
}

#[test]
fn t4_04_sin_descriptores_sirve_a_los_que_ya_están_y_acepta_en_cuanto_se_va_uno() -> Outcome {
    let trace = Trace::new();
    let server = trace.of(web::program().descriptor_limit(32)).start()?;
    let base = server.open_descriptors()?;
    let web = conversation(&server);
    let mut clients = web.peers("cliente", 40)?;
    trace.wait_for(&server, "que se deja de aceptar", |step| step.what() == "pause")?;
    let accepted = trace.steps()?.iter().filter(|step| is_accepted(step)).count();
    let mut waiting = clients.split_off(accepted);

    // Los de dentro son atendidos, los de fuera esperan, y el servidor duerme: de vez en cuando
    // prueba suerte, pero no gira.
    clients
        .iter_mut()
        .try_for_each(|client| ask(client).map_err(|failure| server.explain(failure)))?;
    waiting.iter_mut().try_for_each(|client| client.send(GET))?;
    let wakes = || trace.steps().map(|steps| steps.iter().filter(|step| is_wake(step)).count());
    let before = wakes()?;
    waiting[0].expect_nothing_for(A_WHILE)?;
    let woken = wakes()? - before;
    assert!(woken <= 4, "con el socket que escucha siempre «listo», despertó {woken} veces");

    // Cada uno que se va deja sitio al siguiente, sin esperar a ningún plazo.
    for mut next in waiting {
        clients.remove(0).leave()?;
        expect_page(&mut next).map_err(|failure| server.explain(failure))?;
        clients.push(next);
    }
    let steps = trace.steps()?;
    for (place, _) in steps.iter().enumerate().filter(|(_, step)| step.what() == "close") {
        let mut meanwhile = steps[place..].iter().take_while(|step| !is_accepted(step));
        assert!(!meanwhile.any(is_timeout), "para volver a aceptar esperó a que venciera un plazo");
    }
    drop(clients);
    server.holds_descriptors(base)?;
    serves_a_latecomer(&server)
}

/// El despertar de un `epoll_wait`: el que dice cuántos hay listos.
fn is_wake(step: &Step) -> bool {
    step.what() == "wait" && step.field("result").is_some()
}

/// Despertó porque venció un plazo, sin nada listo.
fn is_timeout(step: &Step) -> bool {
    is_wake(step) && step.number("result") == Some(0)
}

#[test]
fn t4_05_el_cuerpo_empieza_tras_la_línea_vacía_y_mide_lo_que_dice_content_length() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    client.send(GET)?;
    let page = expect_page(&mut client)?;
    assert_eq!(page.body.first(), "¡".as_bytes().first(), "el cuerpo empieza por «¡»");
    assert_eq!(page.header("Content-Length"), Some("26"));
    assert_eq!((BODY.len(), BODY.chars().count()), (26, 25), "26 bytes, 25 caracteres");
    // Y detrás no hay nada más.
    client.leave()
}

#[test]
fn t4_06_la_conexión_sigue_abierta_y_cada_petición_encadenada_tiene_su_respuesta() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    for count in [16, 500] {
        // HEAD intercalado: si las respuestas vinieran en otro orden, no se entenderían.
        let sending = client.send_meanwhile([GET, HEAD].concat().repeat(count / 2))?;
        for _ in 0..count / 2 {
            let page = expect_page(&mut client)?;
            assert!(!page.announces_close(), "nadie pidió cerrar");
            let head = client.expect_response_to_head()?;
            assert_eq!(head.status, 200);
        }
        sending.finish()?;
    }
    ask(&mut client)?;
    client.leave()
}

#[test]
fn t4_07_no_cualquier_cosa_con_dos_saltos_de_línea_es_una_petición() -> Outcome {
    let server = web::server(&[])?;
    let web = conversation(&server);
    for (request, status) in [
        ("hola\n\n", 400),
        ("\u{1f600}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
    ] {
        let mut client = web.peer(request)?;
        client.send(request)?;
        assert!(expect_status(&mut client, status)?.announces_close(), "{request}");
        client.expect_end()?;
    }
    let mut client = web.peer("POST")?;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhola")?;
    let answer = expect_status(&mut client, 405)?;
    assert_eq!(answer.header("Allow"), Some("GET, HEAD"));
    // HEAD dice la longitud que tendría el cuerpo, y no lo envía.
    client.send([HEAD, GET].concat())?;
    assert_eq!(client.expect_response_to_head()?.header("Content-Length"), Some("26"));
    expect_page(&mut client)?;
    client.leave()
}

#[test]
fn t4_08_la_fecha_es_la_de_ahora_y_tiene_la_forma_de_la_rfc() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    for request in [GET, "GET / HTTP/0.1\r\n\r\n"] {
        client.send(request)?;
        let answer = client.expect_response()?;
        let Some(date) = answer.date() else {
            return Err(client.failure("La respuesta no trae una fecha IMF-fixdate."));
        };
        let now = SystemTime::now();
        // Cuenta segundos enteros: siempre va un poco por detrás, y nunca por delante.
        let behind = now.duration_since(date).unwrap_or(Duration::MAX);
        assert!(behind < Duration::from_secs(2), "la fecha se aparta {behind:?} de la hora");
    }
    Ok(())
}

#[test]
fn t4_08_la_fecha_avanza_con_el_reloj() -> Outcome {
    let (server, mut client) = web::visited(&[], "cliente")?;
    let mut date = || {
        client.send(GET)?;
        expect_page(&mut client).map(|page| page.date())
    };
    let first = date()?;
    let mut failure = None;
    server.eventually("cambie la fecha", SOON, || match date() {
        Ok(now) => now > first,
        Err(error) => {
            failure = Some(error);
            true
        }
    })?;
    failure.map_or(Ok(()), Err)
}

#[test]
fn t4_09_de_una_cabecera_sin_fin_no_se_guardan_más_de_8_kib() -> Outcome {
    const MIB: u64 = 1024;
    let (server, mut client) = web::visited(&[], "quien no acaba nunca")?;
    ask(&mut client)?;
    let before = server.memory(|told| told.vmhwm)?;
    let sending = client.send_meanwhile(vec![b'x'; 3 * 1024 * 1024])?;
    let answer = expect_status(&mut client, 431)?;
    assert!(answer.announces_close());
    client.expect_end()?;
    sending.finish()?;
    let grown = server.memory(|told| told.vmhwm)? - before;
    assert!(grown < MIB, "leer 3 MiB le costó {grown} KiB de memoria");
    serves_a_latecomer(&server)
}

#[test]
fn t4_09_una_cabecera_de_8192_bytes_pasa_y_una_de_8193_no() -> Outcome {
    let server = web::server(&[])?;
    let web = conversation(&server);
    let head = |length: usize| {
        let (start, end) = ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n");
        let filler = "x".repeat(length - start.len() - end.len());
        [start, &filler, end].concat()
    };
    let mut client = web.peer("justa")?;
    client.send(head(8192))?;
    expect_page(&mut client)?;
    // Entera de una vez, a trozos o a falta de un byte, y con otras pegadas delante y detrás.
    client.send_in_pieces(head(8192), 100)?;
    expect_page(&mut client)?;
    client.send_in_pieces(head(8192), 8191)?;
    expect_page(&mut client)?;
    client.send([GET, &head(8192), GET].concat())?;
    for _ in 0..3 {
        expect_page(&mut client)?;
    }
    client.leave()?;

    let mut client = web.peer("larga")?;
    client.send(head(8193))?;
    expect_status(&mut client, 431)?;
    client.expect_end()
}

#[test]
fn t4_10_un_byte_de_vez_en_cuando_no_compra_más_tiempo() -> Outcome {
    let server = web::server(&["--head-timeout", "0.2", "--idle-timeout", "0.3"])?;
    let web = conversation(&server);
    let base = server.open_descriptors()?;
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
    let upload = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n";
    for (name, start) in [("cabecera con goteo", start), ("cuerpo con goteo", upload)] {
        let mut client = web.peer(name)?;
        client.send(start)?;
        // Un byte cada 20 ms, durante mucho más de lo que dura el plazo.
        let drops = (0..250).take_while(|_| {
            client.try_send("x");
            client.expect_nothing_for(Duration::from_millis(20)).is_ok()
        });
        assert!(drops.count() < 250, "{name}: cada byte le dio más tiempo");
        let answer = expect_status(&mut client, 408)?;
        assert!(answer.announces_close());
    }
    let mut silent = web.peer("quien no dice nada")?;
    silent.expect_end()?;
    let mut client = web.peer("quien ya no pide más")?;
    ask(&mut client)?;
    client.expect_end()?;
    // Y todos se van del todo, también quien no cierra su lado tras la despedida.
    server.holds_descriptors(base)?;
    server.stays_asleep(A_WHILE)
}

#[test]
fn t4_11_la_respuesta_llega_entera_aunque_el_cliente_siga_enviando() -> Outcome {
    const SIZE: usize = 3 * 1024 * 1024;
    let server = web::server(&[])?;
    let web = conversation(&server);
    let sized = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(SIZE / 0x10000);
    for (name, request) in [
        ("con su longitud", sized + &"x".repeat(SIZE)),
        ("a trozos", format!("{chunked}{chunks}0\r\n\r\n")),
        ("basura", "x\n\n".to_owned() + &"x".repeat(SIZE)),
    ] {
        let mut client = web.peer(name)?;
        let sending = client.send_meanwhile(request)?;
        let answer = client.expect_response()?;
        assert!([400, 413].contains(&answer.status), "{name}: {}", answer.status);
        assert!(answer.announces_close() && !answer.body.is_empty(), "{name}");
        // El fin llega en orden, y no un reset que habría podido cortar la respuesta.
        client.expect_end()?;
        sending.finish()?;
    }
    Ok(())
}

/// Un fin de línea de más, cuando ya se le dijo adiós y casi todo está aún en el núcleo, a la espera de
/// que lea.
#[test]
fn t4_11_un_byte_de_más_no_destruye_lo_que_falta_por_entregar() -> Outcome {
    const PAGES: usize = 300;
    let (server, trace) = web::traced(&[])?;
    let mut client = conversation(&server).peer_with_receive_buffer("quien lee tarde", 4096)?;
    client.send(GET.repeat(PAGES) + GET_AND_CLOSE)?;
    trace.wait_for(&server, "el adiós", |step| ["shutdown", "close"].contains(&step.what()))?;
    client.send("\r\n")?;
    for _ in 0..=PAGES {
        expect_page(&mut client)?;
    }
    client.expect_end()
}

/// Tras un cuerpo hay quien envía un fin de línea de más (RFC 9112 §2.2): se le deja terminar.
#[test]
fn t4_11_a_quien_envió_un_cuerpo_se_le_espera_aunque_pidiera_el_cierre() -> Outcome {
    for version in ["1.0", "1.1"] {
        let (server, trace) = web::traced(&[])?;
        let mut client = conversation(&server).peer(version)?;
        let fields = "Host: a\r\nConnection: close\r\nContent-Length: 4";
        client.send(format!("POST / HTTP/{version}\r\n{fields}\r\n\r\nhola"))?;
        trace.wait_for(&server, "el medio cierre", |step| step.what() == "shutdown")?;
        client.send("\r\n")?;
        expect_status(&mut client, 405)?;
        client.expect_end()?;
    }
    Ok(())
}

#[test]
fn t4_12_despedirse_de_quien_ya_no_está_no_es_un_problema() -> Outcome {
    let server = web::server(&[])?;
    let base = server.open_descriptors()?;
    let web = conversation(&server);
    let mut clients: Vec<_> =
        (0..20).map(|_| web.peer("con prisa")).collect::<Result<_, Failure>>()?;
    ask(&mut clients[19])?;
    server.signal(Signal::SIGSTOP)?;
    for (number, client) in clients.iter_mut().enumerate() {
        // Peticiones tras las que el servidor quiere despedirse.
        client.send([GET_AND_CLOSE, "x\n\n", "GET / HTTP/1.0\r\n\r\n"][number % 3])?;
    }
    // Unos reinician. Otros cierran sin más: la respuesta que ya no quieren provoca el reset, y
    // llega entre el `write` y el `shutdown` del servidor.
    for (number, client) in clients.into_iter().enumerate() {
        if number % 2 == 0 {
            client.reset()?;
        } else {
            client.close();
        }
    }
    server.signal(Signal::SIGCONT)?;
    serves_a_latecomer(&server)?;
    server.holds_descriptors(base)?;

    // Y quien corta cuando el servidor ya se ha despedido y espera su cierre.
    let mut client = web.peer("sin modales")?;
    client.send(GET_AND_CLOSE)?;
    expect_page(&mut client)?;
    client.expect_end()?;
    client.reset()?;
    serves_a_latecomer(&server)?;
    server.holds_descriptors(base)?;
    server.stays_asleep(A_WHILE)
}

/// Con la salida atascada solo se espera EPOLLOUT; lo que llega tras el reset es EPOLLERR.
#[test]
fn t4_13_un_error_en_quien_no_lee_lo_cierra_y_no_deja_el_bucle_girando() -> Outcome {
    let (server, trace) = web::traced(&[])?;
    let base = server.open_descriptors()?;
    let (slow, sending) = clogged(&server, &trace, 1, "quien no lee")?;
    server.stays_asleep(A_WHILE)?;
    // Se corta el envío y queda mucho sin leer: al soltarlo, el núcleo envía un reset.
    drop(sending);
    slow.reset()?;
    server.holds_descriptors(base)?;
    serves_a_latecomer(&server)?;
    server.stays_asleep(A_WHILE)?;
    let ready = trace.steps_of(1)?.into_iter().rfind(|step| step.what() == "ready");
    let names = ready.as_ref().map_or("", |step| step.text("result"));
    assert!(names.contains("EPOLLERR") || names.contains("EPOLLHUP"), "lo último fue «{names}»");
    Ok(())
}

/// Mientras el servidor no puede aceptar, la cola es del núcleo.
#[test]
fn t4_14_quinientas_conexiones_a_la_vez_caben_en_la_cola() -> Outcome {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn")?;
    let count = allowed.trim().parse().unwrap_or(128).min(500);
    let server = web::server(&[])?;
    let web = conversation(&server);
    server.signal(Signal::SIGSTOP)?;
    // Con una cola corta, el núcleo descarta las que no caben y estas no llegan a conectarse.
    let mut clients = web.peers("cliente", count)?;
    server.signal(Signal::SIGCONT)?;
    clients.iter_mut().try_for_each(|client| client.send(GET))?;
    clients.iter_mut().try_for_each(|client| expect_page(client).map(drop))?;
    Ok(())
}

#[test]
fn t4_15_quien_recibe_el_descriptor_de_otro_no_hereda_nada_suyo() -> Outcome {
    let (server, trace) = web::traced(&[])?;
    let left = |client: u64| {
        trace.wait_for(&server, "que se cierra la conexión", move |step| {
            step.what() == "close" && step.client() == Some(client)
        })
    };
    let web = conversation(&server);

    let mut first = web.peer("media cabecera")?;
    first.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n")?;
    first.reset()?;
    left(1)?;

    let mut second = web.peer("medio cuerpo")?;
    second.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhola")?;
    second.close();
    left(2)?;

    let (third, sending) = clogged(&server, &trace, 3, "salida atascada")?;
    drop(sending);
    third.reset()?;
    left(3)?;

    let mut fourth = web.peer("despedida")?;
    fourth.send(GET_AND_CLOSE)?;
    expect_page(&mut fourth)?;
    fourth.expect_end()?;
    fourth.close();
    left(4)?;

    // Lo primero que recibe el último es la respuesta a lo que él pide.
    let mut last = web.peer("heredero")?;
    ask(&mut last)?;
    ask(&mut last)?;
    last.leave()?;

    let steps = trace.steps()?;
    let accepted: Vec<_> = steps.iter().filter(|step| step.what() == "accept").collect();
    let clients: Vec<_> = accepted.iter().filter_map(|step| step.client()).collect();
    assert_eq!(clients, [1, 2, 3, 4, 5], "un identificador no se repite");
    let first = accepted[0].number("fd");
    assert!(accepted.iter().all(|step| step.number("fd") == first), "y aquí el descriptor, sí");
    Ok(())
}

#[test]
fn t4_16_al_terminar_llega_entero_lo_que_se_estaba_enviando() -> Outcome {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (server, trace) = web::traced(&[])?;
        let web = conversation(&server);
        let mut idle = web.peer("quien no espera nada")?;
        ask(&mut idle)?;
        let (mut slow, sending) = clogged(&server, &trace, 2, "lento")?;
        for _ in 0..10 {
            expect_page(&mut slow)?;
        }

        server.signal(signal)?;
        idle.expect_end()?;
        // Nadie más entra, aunque todavía no haya terminado.
        assert!(web.peer("quien llega tarde").is_err(), "aceptó a alguien mientras terminaba");
        assert!(server.is_alive(), "aún debe respuestas a «lento»");
        let mut received: usize = 10;
        while let Some(page) = slow.next_response_or_end()? {
            assert_eq!(page.body, BODY.as_bytes());
            received += 1;
        }
        slow.expect_end()?;
        drop((sending, slow));

        let exit = server.wait(SOON)?;
        assert_eq!(exit.code, Some(0), "{exit}");
        assert_eq!(exit.stderr, "");
        let written: u64 = trace
            .steps_of(2)?
            .iter()
            .filter(|step| step.what() == "write")
            .filter_map(|step| step.number("bytes"))
            .sum();
        let page = written / received as u64;
        assert_eq!(page * received as u64, written, "todo lo escrito ha llegado");
    }
    Ok(())
}

#[test]
fn t4_17_cada_conexión_lleva_tcp_nodelay() -> Outcome {
    let untested = "TCP_NODELAY desde fuera (`src/net.rs` lo comprueba por dentro)";
    if !tools::available("strace", untested)? {
        return Ok(());
    }
    let server = web::server(&[])?;
    let strace = Program::new("strace")
        .args(["-e", "trace=accept4,setsockopt", "-p", &server.pid().to_string()])
        .spawn()?;
    if strace.wait_for_text(Stream::Stderr, "attached", SOON).is_err() {
        return tools::skip("strace no puede observar otro proceso", untested);
    }
    let mut client = conversation(&server).peer("cliente")?;
    ask(&mut client)?;
    // `accept4(5, …) = 7`, y después `setsockopt(7, …)`.
    let accepted = strace.wait_for_line(Stream::Stderr, "accept4(", SOON)?;
    let fd = accepted.rsplit(' ').next().unwrap_or_default();
    let option = format!("setsockopt({fd}, SOL_TCP, TCP_NODELAY, [1], 4) = 0");
    strace.wait_for_text(Stream::Stderr, &option, SOON)
}

#[test]
fn t4_18_sin_nada_que_hacer_no_despierta() -> Outcome {
    let (server, trace) = web::traced(&[])?;
    server.stays_asleep(A_WHILE)?;

    // Tampoco con clientes que no piden nada, los haya atendido o no.
    let web = conversation(&server);
    let mut clients = web.peers("ocioso", 20)?;
    clients.iter_mut().take(10).try_for_each(ask)?;
    serves_a_latecomer(&server)?;
    server.stays_asleep(A_WHILE)?;
    drop(clients);
    assert!(!trace.steps()?.iter().any(is_timeout), "despertó sin que hubiera nada listo");
    Ok(())
}

#[test]
fn t4_18_despierta_una_vez_cuando_vence_el_plazo() -> Outcome {
    let (server, trace) = web::traced(&["--idle-timeout", "0.3"])?;
    let mut clients = conversation(&server).peers("ocioso", 2)?;
    clients.iter_mut().try_for_each(harness::Peer::expect_end)?;
    server.stays_asleep(A_WHILE)?;
    for client in 1..3 {
        let moment = |what: &str| {
            let steps = trace.steps_of(client)?;
            let step = steps.iter().find(|step| step.what() == what);
            step.and_then(|step| step.number("us")).ok_or_else(|| Failure::new(what))
        };
        // El plazo corre desde que despertó para aceptar, un poco antes de contarlo.
        let waited = moment("timeout")? - moment("accept")?;
        assert!(waited >= 250_000, "echó a su cliente a los {waited} µs");
    }
    let steps = trace.steps()?;
    let count = |wanted: fn(&Step) -> bool| steps.iter().filter(|step| wanted(step)).count();
    assert_eq!(count(|step| step.what() == "timeout"), 2);
    // Una vez por plazo, o una para los dos si vencen en el mismo milisegundo.
    assert!((1..=2).contains(&count(is_timeout)), "despertó {} veces", count(is_timeout));
    Ok(())
}
