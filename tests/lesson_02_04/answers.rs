//! Lo que se responde a una petición bien escrita.

use std::fmt::Write;

use super::web::{
    self, BODY, GET, HEAD, Outcome, conversation, exchange, expect_status, visible, without_dates,
};
use crate::photograph::photograph;

#[test]
fn la_respuesta_es_la_del_contrato_byte_a_byte() -> Outcome {
    let server = web::server(&[])?;
    let answer = exchange(server.address(), GET.as_bytes())?;
    photograph("lesson_02_04__respuesta", &visible(&without_dates(&answer)));
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
    // Este no cierra su lado: espera, y lo echan.
    let mut client = conversation(&server).peer("a medias")?;
    client.send("GET / HT")?;
    let answer = expect_status(&mut client, 408)?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let _ = writeln!(album, "# Una petición que no acaba de llegar\n{}", visible(&body));
    photograph("lesson_02_04__respuestas", &album);
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
