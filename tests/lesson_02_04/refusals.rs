//! Lo que se responde a una petición mal escrita: su código, la razón en una línea y el cierre.

use std::collections::BTreeSet;

use harness::Failure;

use crate::web::{self, GET, Outcome, ask, assert_snapshot, conversation, exchange, without_dates};

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
fn cada_error_de_escritura_tiene_su_código_y_cierra() -> Outcome {
    let server = web::server(&[])?;
    let cases: [(u16, &[u8]); 27] = [
        // La primera línea.
        (400, b"hola\r\n\r\n"),
        (400, b"GET /\r\n\r\n"),
        (400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1\r\nHost: a\r\n\r\n"),
        (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET ruta HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /\xc3\xb1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        // Host (RFC 9112 §3.2): uno en HTTP/1.1, y nunca dos.
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        // Los campos.
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nsin dos puntos\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n: sin nombre\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: \x07\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        // El cuerpo.
        (413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"),
        (413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
    ];
    for (status, request) in cases {
        let (got, _) = refused_once(&server, request)?;
        assert_eq!(got, status, "{}", request.escape_ascii());
    }
    let fields = "a: b\r\n".repeat(101);
    let (status, _) =
        refused_once(&server, format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes())?;
    assert_eq!(status, 431);
    Ok(())
}

/// Dos programas que midan un cuerpo de distinta manera ven peticiones distintas: así se cuela una
/// a través de un intermediario (RFC 9112 §11.2). Ante la duda, se rechaza y se cierra.
#[test]
fn ningún_contrabando_consigue_una_segunda_respuesta() -> Outcome {
    let server = web::server(&[])?;
    let stowaway = "GET /intrusa HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = stowaway.len();
    let chunk = format!("{length:x}\r\n{stowaway}\r\n0\r\n\r\n");
    let post = |fields: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}").into_bytes()
    };
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let attempts = [
        // Dos formas de medir el cuerpo.
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunk),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &chunk),
        post("Content-Length: 0\r\nContent-Length: 35\r\n", stowaway),
        post("Content-Length: 35\r\nContent-Length: 35\r\n", stowaway),
        post("Content-Length: 0, 35\r\n", stowaway),
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        // Longitudes que no lo son.
        post("Content-Length: +0\r\n", stowaway),
        post("Content-Length: -1\r\n", stowaway),
        post("Content-Length: 0x0\r\n", stowaway),
        post("Content-Length: 0 0\r\n", stowaway),
        post("Content-Length:\r\n", stowaway),
        post("Content-Length: 0;\r\n", stowaway),
        // Codificaciones que uno entiende y otro no.
        post("Transfer-Encoding: gzip, chunked\r\n", &chunk),
        post("Transfer-Encoding: chunked, identity\r\n", &chunk),
        post("Transfer-Encoding: xchunked\r\n", &chunk),
        post("Transfer-Encoding: \"chunked\"\r\n", &chunk),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &chunk),
        post("Transfer-Encoding:\r\n", &chunk),
        post("Transfer-Encoding: \x0bchunked\r\n", &chunk),
        // Campos escritos para que solo uno los vea.
        post("Content-Length : 35\r\n", stowaway),
        post("Transfer-Encoding : chunked\r\n", &chunk),
        post(" Content-Length: 35\r\n", stowaway),
        post("X: y\r\n Content-Length: 35\r\n", stowaway),
        post("X: y\r\n\tTransfer-Encoding: chunked\r\n", &chunk),
        post("X: y\rContent-Length: 35\r\n", stowaway),
        post("X: y\0Content-Length: 35\r\n", stowaway),
        post("Content-Length\0: 35\r\n", stowaway),
        post("\rContent-Length: 35\r\n", stowaway),
        // Un retorno de carro suelto no es una línea vacía (RFC 9112 §2.2).
        ["\r", GET].concat().into_bytes(),
        ["\n\r\r\n", GET].concat().into_bytes(),
        // Trozos mal escritos.
        chunked("zz\r\n"),
        chunked("\r\n\r\n"),
        chunked(";x\r\n\r\n"),
        chunked(" \r\n\r\n"),
        chunked("+4\r\nhola\r\n0\r\n\r\n"),
        chunked("0x4\r\nhola\r\n0\r\n\r\n"),
        chunked("-0\r\n\r\n"),
        chunked("4\nhola\r\n0\r\n\r\n"),
        chunked("4\r\nholaXX0\r\n\r\n"),
        chunked("4\r\nhola0\r\n\r\n"),
        chunked("4\r\nhola\n0\r\n\r\n"),
        chunked("10000000000000000\r\n"),
        // Un salto suelto en una extensión: para unos acaba la línea, para otros no.
        chunked("2;\nxx\r\n0\r\n\r\n"),
        chunked("0;\n\r\n\r\n"),
        chunked("0\r\x0b\n\r\n"),
    ];
    for attempt in attempts {
        let (status, _) = refused_once(&server, &attempt)?;
        assert!([400, 501].contains(&status), "{status} a {}", attempt.escape_ascii());
    }
    let mut witness = conversation(&server).peer("testigo")?;
    ask(&mut witness)?;
    witness.leave()
}

#[test]
fn las_razones_están_en_español_y_dicen_qué_pasa() -> Outcome {
    let server = web::server(&[])?;
    let fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(101));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let long_trailer = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        .to_owned()
        + &"x".repeat(300);
    let requests = [
        "hola\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET ruta HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        &long_trailer,
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
    assert_snapshot("razones", &reasons.into_iter().collect::<String>());
    Ok(())
}
