//! Lo que se responde a una petición bien escrita.

use std::fmt::Write;

use crate::web::{
    self, BODY, GET, GET_AND_CLOSE, HEAD, Outcome, ask, assert_snapshot, conversation, exchange,
    expect_page, expect_status, visible, without_dates,
};

#[test]
fn la_respuesta_es_la_del_contrato_byte_a_byte() -> Outcome {
    let server = web::server(&[])?;
    let answer = exchange(server.address(), GET.as_bytes())?;
    assert_snapshot("respuesta", &visible(&without_dates(&answer)));
    Ok(())
}

#[test]
fn cada_clase_de_respuesta_byte_a_byte() -> Outcome {
    let server = web::server(&["--head-timeout", "0.05", "--idle-timeout", "0.05"])?;
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let requests = [
        ("HEAD", HEAD),
        ("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        ("HTTP/1.0 que sigue", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        ("Un método que no se atiende", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("Un método que no existe", "BORRA / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("Sin sintaxis", "hola\r\n\r\n"),
        ("Un cuerpo enorme", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n"),
        ("Una cabecera enorme", &long),
        ("Otra versión", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ];
    let mut album = String::new();
    for (name, request) in requests {
        let answer = exchange(server.address(), request.as_bytes())?;
        let _ = writeln!(album, "# {name}\n{}", visible(&without_dates(&answer)));
    }
    // Este no cierra su lado: espera, y lo despiden.
    let mut client = conversation(&server).peer("a medias")?;
    client.send("GET / HT")?;
    let answer = expect_status(&mut client, 408)?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let _ = writeln!(album, "# Una petición que no acaba de llegar\n{}", visible(&body));
    assert_snapshot("respuestas", &album);
    Ok(())
}

#[test]
fn head_recibe_la_misma_cabecera_que_get_y_ningun_cuerpo() -> Outcome {
    let server = web::server(&[])?;
    let get = without_dates(&exchange(server.address(), GET.as_bytes())?);
    let head = without_dates(&exchange(server.address(), HEAD.as_bytes())?);
    assert_eq!(get, head + BODY);
    Ok(())
}

#[test]
fn los_métodos_que_no_se_atienden_no_cierran_la_conexión_y_su_cuerpo_se_consume() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    let requests = [
        ("POST /", 405),
        ("PUT /", 405),
        ("DELETE /", 405),
        ("OPTIONS /", 405),
        ("OPTIONS *", 405),
        ("PATCH /", 405),
        ("TRACE /", 405),
        ("CONNECT localhost:80", 405),
        ("BREW /", 501),
        // Los métodos distinguen mayúsculas (RFC 9110 §9.1).
        ("get /", 501),
    ];
    for (start, status) in requests {
        for body in ["\r\n", "Content-Length: 35\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"] {
            client.send(format!("{start} HTTP/1.1\r\nHost: a\r\n{body}"))?;
            match body {
                "\r\n" => {}
                // Un cuerpo que parece otra petición.
                sized if sized.contains("35") => client.send(GET)?,
                _ => client.send(format!("23\r\n{GET}\r\n0\r\n\r\n"))?,
            }
            let answer = expect_status(&mut client, status)?;
            let allow = (status == 405).then_some("GET, HEAD");
            assert_eq!(answer.header("Allow"), allow, "{start}");
            assert!(!answer.announces_close(), "{start}");
        }
    }
    ask(&mut client)?;
    client.leave()
}

#[test]
fn un_get_con_cuerpo_se_responde_y_el_cuerpo_no_es_otra_petición() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    client
        .send(format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{GET}", GET.len()))?;
    expect_page(&mut client)?;
    ask(&mut client)?;
    client.leave()
}

/// Qué se pide, qué dice `Connection` en la respuesta y si después se puede pedir otra vez.
#[test]
fn la_conexión_sigue_o_se_cierra_según_lo_pedido() -> Outcome {
    let server = web::server(&[])?;
    let web = conversation(&server);
    for (request, connection) in [
        (GET, None),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Some("close")),
        ("GET / HTTP/1.1\r\nHost: a\r\nconnection:CLOSE\r\n\r\n", Some("close")),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", Some("close")),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", Some("close")),
        ("GET / HTTP/1.0\r\n\r\n", Some("close")),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Some("keep-alive")),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", Some("close")),
    ] {
        let mut client = web.peer("cliente")?;
        client.send(request)?;
        let page = expect_page(&mut client)?;
        assert_eq!(page.header("Connection"), connection, "{request}");
        if connection == Some("close") {
            client.expect_end()?;
        } else {
            ask(&mut client)?;
            client.leave()?;
        }
    }
    Ok(())
}

#[test]
fn tras_pedir_el_cierre_no_se_responde_a_nada_más() -> Outcome {
    let server = web::server(&[])?;
    let answers = exchange(server.address(), [GET, GET_AND_CLOSE, GET, GET].concat().as_bytes())?;
    assert_eq!(without_dates(&answers).matches("HTTP/1.1 200 OK").count(), 2);
    Ok(())
}

#[test]
fn el_destino_puede_tener_cualquiera_de_sus_formas() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    let long = format!("/{}", "a".repeat(7000));
    for target in
        ["/", "/a/b.html?c=d&e=%C3%B1", "http://localhost/", "HTTP://localhost:80/a?b", "//", &long]
    {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))?;
        expect_page(&mut client)?;
    }
    client.leave()
}

#[test]
fn las_líneas_vacías_de_antes_se_pasan_por_alto() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    for blank in ["\r\n", "\n", "\r\n\r\n\n\r\n"] {
        client.send([blank, GET, blank, HEAD].concat())?;
        expect_page(&mut client)?;
        assert_eq!(client.expect_response_to_head()?.status, 200);
        client.send_in_pieces([blank, GET].concat(), 1)?;
        expect_page(&mut client)?;
    }
    client.leave()
}

/// Como lo escribe una persona con `nc`, línea a línea.
#[test]
fn a_mano_las_líneas_pueden_acabar_en_un_salto_a_secas() -> Outcome {
    let (_server, mut client) = web::visited(&[], "quien teclea")?;
    for _ in 0..2 {
        for line in ["GET / HTTP/1.1\n", "Host: localhost\n", "\n"] {
            client.send(line)?;
        }
        expect_page(&mut client)?;
    }
    client.leave()
}

#[test]
fn un_cuerpo_a_trozos_se_consume_llegue_como_llegue() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "0\r\n\r\n",
        "4\r\nhola\r\n0\r\n\r\n",
        "4;nombre=valor\r\nhola\r\n00A ; x=\"y\"\r\n0123456789\r\n0\r\nFirma: abc\r\nOtra: d\r\n\r\n",
    ] {
        for size in [1, 3, 1000] {
            client.send_in_pieces([head, body, GET].concat(), size)?;
            expect_status(&mut client, 405)?;
            expect_page(&mut client)?;
        }
    }
    client.leave()
}

/// Quien pregunta antes de enviar el cuerpo recibe ya la respuesta definitiva: no hace falta que
/// lo envíe, y si lo envía, no se toma por otra petición.
#[test]
fn a_quien_pregunta_si_puede_enviar_el_cuerpo_se_le_responde_ya() -> Outcome {
    let (_server, mut client) = web::visited(&[], "cliente")?;
    let length = GET.len();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    ))?;
    let answer = expect_status(&mut client, 405)?;
    assert!(answer.announces_close());
    client.try_send(GET);
    client.expect_end()
}
