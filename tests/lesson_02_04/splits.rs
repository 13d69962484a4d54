//! TCP es un flujo: por dónde se parta no significa nada. Cualquier corte de cualquier secuencia
//! de peticiones correctas recibe, byte a byte, las mismas respuestas.

use harness::Failure;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::web::{
    self, BODY, Outcome, SOME_DATE, exchange, exchange_cut, serves_a_latecomer, without_dates,
};

/// Una petición y la respuesta que le corresponde.
#[derive(Debug, Clone)]
struct Turn {
    request: Vec<u8>,
    answer: String,
}

impl Turn {
    fn new(request: impl Into<Vec<u8>>, answer: String) -> Turn {
        Turn { request: request.into(), answer }
    }
}

/// La respuesta, escrita aquí por segunda vez: si fuera el código del servidor quien la escribe,
/// no se comprobaría nada.
fn answer(status: &str, extra: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nDate: {SOME_DATE}\r\n\
         Content-Length: {length}\r\n{extra}\r\n"
    )
}

fn page() -> String {
    answer("200 OK", "", BODY) + BODY
}

fn not_allowed() -> String {
    let body = "Solo se atienden GET y HEAD.\n";
    answer("405 Method Not Allowed", "Allow: GET, HEAD\r\n", body) + body
}

fn not_implemented() -> String {
    let body = "Ese método no se conoce.\n";
    answer("501 Not Implemented", "", body) + body
}

fn chunked(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks {
        request.extend_from_slice(format!("{:x};n=v\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\nFirma: x\r\n\r\n");
    request
}

fn sized(body: &[u8]) -> Vec<u8> {
    let head = format!("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn turn() -> impl Strategy<Value = Turn> {
    let old = answer("200 OK", "Connection: keep-alive\r\n", BODY) + BODY;
    prop_oneof![
        Just(Turn::new(web::GET, page())),
        Just(Turn::new("GET /a?b HTTP/1.1\nHost: a\n\n", page())),
        Just(Turn::new("\r\n\n\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", page())),
        Just(Turn::new("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", old)),
        Just(Turn::new(web::HEAD, answer("200 OK", "", BODY))),
        Just(Turn::new("PLANTA /arbol HTTP/1.1\r\nHost: a\r\n\r\n", not_implemented())),
        vec(any::<u8>(), 0..80).prop_map(|body| Turn::new(sized(&body), not_allowed())),
        vec(vec(any::<u8>(), 1..40), 0..4)
            .prop_map(|chunks| Turn::new(chunked(&chunks), not_allowed())),
    ]
}

fn check<S: Strategy>(
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> Outcome {
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    runner.run(strategy, test).map_err(|error| Failure::new(error.to_string()))
}

#[test]
fn cualquier_corte_de_cualquier_secuencia_recibe_las_mismas_respuestas() -> Outcome {
    let server = web::server(&[])?;
    let conversations = (vec(turn(), 1..6), vec(any::<prop::sample::Index>(), 0..8));
    check(&conversations, |(turns, cuts)| {
        let request = turns.iter().map(|turn| turn.request.as_slice()).collect::<Vec<_>>().concat();
        let expected: String = turns.iter().map(|turn| turn.answer.as_str()).collect();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(request.len())).collect();
        cuts.sort_unstable();
        let received = exchange_cut(server.address(), &request, &cuts)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(without_dates(&received), expected);
        Ok(())
    })
}

#[test]
fn ningunos_bytes_acaban_con_el_servidor() -> Outcome {
    let server = web::server(&[])?;
    let pieces = prop_oneof![
        vec(any::<u8>(), 0..40),
        Just(b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n\r\n".to_vec()),
        Just(b"Content-Length: 20\r\n\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"3\r\nabc\r\n".to_vec()),
    ];
    check(&vec(pieces, 1..10), |pieces| {
        // Con bytes sin leer, el cierre puede ser un reset: aquí solo importa que siga en pie.
        let _ = exchange(server.address(), &pieces.concat());
        prop_assert!(server.is_alive());
        Ok(())
    })?;
    serves_a_latecomer(&server)
}
