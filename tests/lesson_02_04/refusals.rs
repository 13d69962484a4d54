//! Lo que se dice a quien envía una petición mal escrita: la razón, en una línea.

use std::collections::BTreeSet;

use harness::Failure;

use super::web::{self, GET, Outcome, exchange, without_dates};
use crate::photograph::photograph;

/// Envía `request` y, pegada, una petición correcta: si el servidor se equivoca al medir la
/// primera, contestará a la segunda. Devuelve el único código y la razón.
fn refused_once(web: &harness::Server, request: &[u8]) -> Result<(u16, String), Failure> {
    let everything = [request, GET.as_bytes(), GET.as_bytes()].concat();
    let answers = without_dates(&exchange(web.address(), &everything)?);
    let shown = request.escape_ascii();
    assert_eq!(answers.matches("\r\nDate: ").count(), 1, "«{shown}» recibió:\n{answers}");
    let (head, reason) = answers.split_once("\r\n\r\n").unwrap_or_default();
    assert!(head.contains("\r\nConnection: close"), "«{shown}» recibió:\n{answers}");
    let lines = reason.ends_with(".\n") && reason.lines().count() == 1;
    assert!(lines, "la razón no es una frase en una línea: {reason:?}");
    let status = head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default();
    Ok((status, reason.to_owned()))
}

#[test]
fn las_razones_están_en_español_y_dicen_qué_pasa() -> Outcome {
    let server = web::server(&[])?;
    let fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(101));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let long_trailer = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        .to_owned()
        + &"x".repeat(9000);
    let long_chunk = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;"
        .to_owned()
        + &"x".repeat(300);
    let requests = [
        "\x16\x03\x01",
        "{}",
        "hola\r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET ruta HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x07\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        &long_trailer,
        &long_chunk,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n",
        &fields,
        &long,
    ];
    let mut reasons = BTreeSet::new();
    for request in requests {
        let (status, reason) = refused_once(&server, request.as_bytes())?;
        reasons.insert(format!("{status} {reason}"));
    }
    assert_eq!(reasons.len(), requests.len(), "cada error tiene su propia razón");
    photograph("lesson_02_04__razones", &reasons.into_iter().collect::<String>());
    Ok(())
}
