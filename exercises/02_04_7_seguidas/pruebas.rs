//! Las pruebas de 02_04_7_seguidas: qué respuestas deja en la cola lo que va llegando.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod request;
pub mod server;

use ejercicio::{Exchange, body_length, persistence};
use ejercicios::prelude::*;
use multiplexacion::http::Persistence;
use request::{MAX_QUEUED, Request};
use server::serve;

/// Peticiones que llegan de un golpe de quien no lee: sus respuestas pasan de `MAX_QUEUED`.
const MANY: usize = 500;

ejercicios::tests! {
    en_http_1_1_sigue_abierta_y_en_1_0_se_cierra,
    connection_puede_decir_lo_contrario,
    connection_es_una_lista_y_no_importan_las_mayúsculas,
    el_cuerpo_mide_lo_que_dice_content_length,
    un_content_length_dudoso_no_se_adivina,
    responde_a_una_petición,
    una_tras_otra_por_la_misma_conexión,
    varias_en_una_lectura_y_en_su_orden,
    lo_que_está_a_medias_espera,
    el_cuerpo_no_es_la_petición_siguiente,
    con_el_cuerpo_a_medias_aún_no_se_responde_y_no_se_guarda,
    cortadas_por_cualquier_sitio_son_las_mismas,
    tras_cerrar_no_se_atiende_a_las_de_detrás,
    la_respuesta_dice_qué_será_de_la_conexión,
    lo_que_no_se_entiende_se_rechaza_y_se_cierra,
    con_mucho_por_escribir_no_se_responde_a_más,
    el_límite_es_justo_ese,
    tres_peticiones_de_golpe_por_un_socket,
    quien_pregunta_y_no_lee_lo_recibe_todo_después,
}

fn en_http_1_1_sigue_abierta_y_en_1_0_se_cierra() -> Outcome {
    survives("HTTP/1.1", &[], Persistence::Implicit)?;
    survives("HTTP/1.0", &[], Persistence::Close)
}

fn connection_puede_decir_lo_contrario() -> Outcome {
    survives("HTTP/1.1", &["close"], Persistence::Close)?;
    survives("HTTP/1.0", &["keep-alive"], Persistence::Explicit)?;
    survives("HTTP/1.1", &["keep-alive"], Persistence::Implicit)?;
    survives("HTTP/1.1", &["upgrade"], Persistence::Implicit)
}

fn connection_es_una_lista_y_no_importan_las_mayúsculas() -> Outcome {
    let hint = "`Connection` es una lista de palabras separadas por comas, sin distinguir mayúsculas; \
                puede aparecer varias veces, y `close` manda";
    for (version, values, expected) in [
        ("HTTP/1.1", &["Close"][..], Persistence::Close),
        ("HTTP/1.1", &["upgrade, close"], Persistence::Close),
        ("HTTP/1.1", &["upgrade ,CLOSE , te"], Persistence::Close),
        ("HTTP/1.1", &["upgrade", "close"], Persistence::Close),
        ("HTTP/1.1", &["closed, not-close"], Persistence::Implicit),
        ("HTTP/1.0", &["te, Keep-Alive"], Persistence::Explicit),
        ("HTTP/1.0", &["keep-alive, close"], Persistence::Close),
    ] {
        survives(version, values, expected).hint(hint)?;
    }
    Ok(())
}

fn el_cuerpo_mide_lo_que_dice_content_length() -> Outcome {
    measures(&[], Some(0))?;
    measures(&["0"], Some(0))?;
    measures(&["12"], Some(12))?;
    measures(&["007"], Some(7))
}

fn un_content_length_dudoso_no_se_adivina() -> Outcome {
    for values in [
        &["12", "12"][..],
        &["12", "13"],
        &["+5"],
        &["-1"],
        &["5, 5"],
        &["0x10"],
        &["cinco"],
        &[""],
    ] {
        measures(values, None).hint(
            "otro programa podría entender otra cosa, y ver acabar el cuerpo en otro sitio: \
             cifras y nada más, y una sola vez",
        )?;
    }
    measures(&["99999999999999999999999"], None)
}

fn responde_a_una_petición() -> Outcome {
    let mut talk = Talk::default();
    talk.hears(get("/uno"))?;
    talk.answers("a una petición", &["GET /uno"])?;
    talk.keeps(b"", "tras una petición entera")?;
    talk.is_closing(false, "tras una petición de HTTP/1.1")
}

fn una_tras_otra_por_la_misma_conexión() -> Outcome {
    let mut talk = Talk::default();
    for target in ["/uno", "/dos", "/tres"] {
        talk.hears(get(target))?;
        talk.answers("a la petición siguiente", &[&format!("GET {target}")])?;
    }
    talk.keeps(b"", "tras tres peticiones enteras")
}

fn varias_en_una_lectura_y_en_su_orden() -> Outcome {
    let mut talk = Talk::default();
    talk.hears([get("/uno"), get("/dos"), get("/tres")].concat())?;
    let answers = talk.take_answers()?;
    ensure(answers.len() != 1, || {
        "Llegaron tres peticiones enteras en una lectura, y solo respondiste a la primera. Epoll no \
         avisará de las otras dos, que ya están leídas: su cliente esperaría para siempre."
    })?;
    let what = "las respuestas a tres peticiones";
    ensure_equal(what, texts(&["GET /uno", "GET /dos", "GET /tres"]), answers)?;
    talk.keeps(b"", "tras tres peticiones enteras")
}

fn lo_que_está_a_medias_espera() -> Outcome {
    let third = get("/tres");
    let (half, rest) = third.split_at(20);
    let mut talk = Talk::default();
    talk.hears([&get("/uno"), &get("/dos"), half].concat())?;
    talk.answers("a dos peticiones y el principio de otra", &["GET /uno", "GET /dos"])?;
    talk.keeps(half, "tras dos peticiones enteras y el principio de otra")?;
    talk.hears(rest)?;
    talk.answers("al llegar el resto de la tercera", &["GET /tres"])
}

fn el_cuerpo_no_es_la_petición_siguiente() -> Outcome {
    let body = get("/trampa");
    let mut talk = Talk::default();
    talk.hears([post("/uno", body.len()), body, get("/dos")].concat())?;
    let answers = talk.take_answers()?;
    ensure(!answers.iter().any(|answer| answer.contains("/trampa")), || {
        format!(
            "El cuerpo de la primera petición decía «GET /trampa HTTP/1.1», y lo tomaste por una \
             petición: respondiste {answers:?}. Quien escribe un cuerpo no debe poder escribir \
             peticiones: sáltate los bytes que diga `body_length`."
        )
    })?;
    let what = "las respuestas a un POST con cuerpo y a un GET";
    ensure_equal(what, texts(&["POST /uno", "GET /dos"]), answers)?;
    talk.keeps(b"", "tras dos peticiones enteras")
}

fn con_el_cuerpo_a_medias_aún_no_se_responde_y_no_se_guarda() -> Outcome {
    let mut talk = Talk::default();
    talk.hears([post("/uno", 10), b"0123".to_vec()].concat())?;
    talk.answers("a un POST con 4 de los 10 bytes de su cuerpo", &[])?;
    talk.keeps(b"", "con el cuerpo a medias: no interesa a nadie, y no se guarda,")?;
    let missing = talk.exchange.unfinished.as_ref().map(|(_, missing)| *missing);
    ensure_equal("los bytes que faltan según `unfinished`", Some(6), missing)?;
    talk.hears("45678")?;
    talk.answers("a un POST con 9 de los 10 bytes de su cuerpo", &[])?;
    talk.hears([b"9".to_vec(), get("/dos")].concat())?;
    talk.answers("al llegar el último byte del cuerpo y otra petición", &["POST /uno", "GET /dos"])
}

fn cortadas_por_cualquier_sitio_son_las_mismas() -> Outcome {
    let bytes = [get("/uno"), post("/dos", 4), b"hola".to_vec(), get("/tres")].concat();
    for cut in 1..bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let mut talk = Talk::default();
        talk.hears(first)?;
        let mut answers = talk.take_answers()?;
        talk.hears(second)?;
        answers.extend(talk.take_answers()?);
        let seen = first[first.len().saturating_sub(12)..].escape_ascii();
        let what = format!("las respuestas si las tres peticiones llegan cortadas tras «…{seen}»");
        ensure_equal(what, texts(&["GET /uno", "POST /dos", "GET /tres"]), answers)?;
    }
    Ok(())
}

fn tras_cerrar_no_se_atiende_a_las_de_detrás() -> Outcome {
    let mut talk = Talk::default();
    let last = request("GET /dos HTTP/1.1", &["Host: x", "connection: Close"]);
    talk.hears([get("/uno"), last, get("/tres")].concat())?;
    talk.answers("si la segunda de tres pide cerrar", &["GET /uno", "GET /dos"])?;
    talk.is_closing(true, "tras responder a quien pidió cerrar")?;
    talk.hears(get("/cuatro"))?;
    talk.answers("si llega otra cuando ya se cierra", &[])
}

fn la_respuesta_dice_qué_será_de_la_conexión() -> Outcome {
    for (bytes, expected) in [
        (request("GET / HTTP/1.0", &[]), "Connection: close\r\n"),
        (request("GET / HTTP/1.0", &["Connection: keep-alive"]), "Connection: keep-alive\r\n"),
        (request("GET / HTTP/1.1", &["Host: x", "Connection: close"]), "Connection: close\r\n"),
    ] {
        let mut talk = Talk::default();
        talk.hears(&bytes)?;
        let output = String::from_utf8_lossy(&talk.exchange.output).into_owned();
        ensure(output.contains(expected), || {
            format!(
                "La respuesta a «{}» tenía que decir «{}», y es «{}». Da a `response` lo que dijo \
                 `persistence`.",
                bytes.escape_ascii(),
                expected.trim_end(),
                output.escape_debug()
            )
        })?;
    }
    Ok(())
}

fn lo_que_no_se_entiende_se_rechaza_y_se_cierra() -> Outcome {
    for (wrong, status) in [
        (b"hola\r\n\r\n".to_vec(), "400"),
        (
            request("POST /x HTTP/1.1", &["Host: x", "Content-Length: 5", "Content-Length: 5"]),
            "400",
        ),
        (request("POST /x HTTP/1.1", &["Host: x", "Transfer-Encoding: chunked"]), "501"),
        (vec![b'x'; 10_000], "431"),
    ] {
        let start = wrong[..wrong.len().min(90)].escape_ascii().to_string();
        let mut talk = Talk::default();
        talk.hears([get("/uno"), wrong, get("/dos")].concat())?;
        let when = format!("si tras la primera petición llega «{start}»");
        talk.answers(&when, &["GET /uno", status])?;
        talk.is_closing(true, &when)?;
    }
    Ok(())
}

fn con_mucho_por_escribir_no_se_responde_a_más() -> Outcome {
    let mut talk = Talk::default();
    let requests: Vec<u8> = (0..MANY).flat_map(|number| get(&format!("/{number}"))).collect();
    talk.hears(requests)?;
    let mut answers = Vec::new();
    while answers.len() < MANY {
        let (queued, left) = (talk.exchange.output.len(), talk.exchange.input.len());
        // La última respuesta puede pasar del límite, pero ninguna empieza después.
        ensure(queued < MAX_QUEUED + 1024, || {
            format!(
                "Llegaron {MANY} peticiones, y en `output` ya hay {queued} bytes que nadie ha leído. \
                 Con MAX_QUEUED ({MAX_QUEUED}) o más no se responde a ninguna otra: quien pregunta \
                 sin leer se queda con la memoria de tu servidor."
            )
        })?;
        ensure(queued > 0, || {
            format!(
                "Se escribió todo lo que había en `output`, y `advance` no siguió: quedan {left} \
                 bytes de peticiones en `input`, y se respondió a {} de {MANY}. Epoll no avisará \
                 de ellas: ya están leídas.",
                answers.len()
            )
        })?;
        answers.extend(talk.take_answers()?);
        // Se ha escrito todo: `advance`, otra vez.
        talk.hears("")?;
    }
    let expected: Vec<String> = (0..MANY).map(|number| format!("GET /{number}")).collect();
    ensure_equal("las respuestas, en orden", &expected, &answers)
}

fn el_límite_es_justo_ese() -> Outcome {
    for (queued, answers) in [(MAX_QUEUED - 1, true), (MAX_QUEUED, false)] {
        let mut talk = Talk::default();
        talk.exchange.output = vec![b'x'; queued];
        talk.hears(get("/uno"))?;
        ensure((talk.exchange.output.len() > queued) == answers, || {
            let did = if answers { "no respondiste" } else { "respondiste" };
            format!(
                "En `output` había {queued} bytes sin escribir, llegó una petición y {did}. Con \
                 MAX_QUEUED ({MAX_QUEUED}) o más no se responde; con menos, sí."
            )
        })?;
    }
    Ok(())
}

fn tres_peticiones_de_golpe_por_un_socket() -> Outcome {
    with_loop(|web| {
        let mut client = web.peer("cliente")?;
        client.send([get("/uno"), post("/dos", 4), b"hola".to_vec(), get("/tres")].concat())?;
        for expected in ["GET /uno\n", "POST /dos\n", "GET /tres\n"] {
            receives(&mut client, expected)?;
        }
        client.send(request("GET /fin HTTP/1.0", &[]))?;
        receives(&mut client, "GET /fin\n")?;
        client.expect_end()
    })
}

fn quien_pregunta_y_no_lee_lo_recibe_todo_después() -> Outcome {
    with_loop(|web| {
        let mut busy = web.peer_with_receive_buffer("quien pregunta y no lee", 4096)?;
        let requests: Vec<u8> = (0..5000).flat_map(|_| get("/mucho")).collect();
        let sending = busy.send_meanwhile(requests)?;
        let mut other = web.peer("otro")?;
        other.send(get("/otro"))?;
        receives(&mut other, "GET /otro\n")?;
        for _ in 0..5000 {
            receives(&mut busy, "GET /mucho\n")?;
        }
        sending.finish()?;
        busy.half_close()?;
        busy.expect_end()
    })
}

by_hand!(|listener| serve(&listener));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let seen = hands.run("curl")?;
    ensure(seen.lines().count() == 3 && seen.contains("GET /dos"), || seen)?;
    let three = hands.run("printf")?;
    ensure(three.matches("HTTP/1.1 200 OK").count() == 3 && three.contains("/tres"), || three)
});

/// Una petición: su primera línea y sus campos.
fn request(line: &str, fields: &[&str]) -> Vec<u8> {
    let mut text = format!("{line}\r\n");
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn get(target: &str) -> Vec<u8> {
    request(&format!("GET {target} HTTP/1.1"), &["Host: x"])
}

/// La cabecera de un POST con un cuerpo de `length` bytes.
fn post(target: &str, length: usize) -> Vec<u8> {
    let fields = ["Host: x", &format!("Content-Length: {length}")];
    request(&format!("POST {target} HTTP/1.1"), &fields)
}

/// La cabecera que empieza así, ya leída, con un campo `name` por cada valor.
fn read(line: &str, name: &str, values: &[&str]) -> Result<(Request, String), Failure> {
    let fields: Vec<String> = values.iter().map(|value| format!("{name}: {value}")).collect();
    let shown = if fields.is_empty() { format!("{line}, sin {name}") } else { fields.join(" y ") };
    let mut all = vec!["Host: x"];
    all.extend(fields.iter().map(String::as_str));
    match Request::read(&request(line, &all)) {
        Ok(Some((request, _))) => Ok((request, shown)),
        other => {
            Err(Failure::new(format!("`Request::read`, que no había que cambiar, da {other:?}.")))
        }
    }
}

fn survives(version: &str, values: &[&str], expected: Persistence) -> Outcome {
    let (request, shown) = read(&format!("GET / {version}"), "Connection", values)?;
    let got = within(LIMIT, "decidir si la conexión sigue", move || persistence(&request))?;
    ensure_equal(format!("`persistence` en {version}, con «{shown}»"), &expected, &got)
}

fn measures(values: &[&str], expected: Option<usize>) -> Outcome {
    let (request, shown) = read("POST / HTTP/1.1", "Content-Length", values)?;
    let got = within(LIMIT, "medir un cuerpo", move || body_length(&request))?;
    ensure_equal(format!("`body_length` con «{shown}»"), &expected, &got)
}

/// Una conversación sin socket.
#[derive(Default)]
struct Talk {
    exchange: Exchange,
}

impl Talk {
    /// Llegan esos bytes, y se llama a `advance`.
    fn hears(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        self.exchange.input.extend_from_slice(bytes.as_ref());
        lending(LIMIT, "atender lo que llegó", &mut self.exchange, Exchange::advance)
    }

    /// Se escribe todo lo que hay en `output`: de cada respuesta, su cuerpo si es 200, y si no, su
    /// código.
    fn take_answers(&mut self) -> Result<Vec<String>, Failure> {
        let output = std::mem::take(&mut self.exchange.output);
        let mut rest = String::from_utf8_lossy(&output).into_owned();
        let mut answers = Vec::new();
        while !rest.is_empty() {
            let (answer, after) = first_answer(&rest).ok_or_else(|| {
                Failure::new(format!("En `output` hay algo que no es una respuesta: «{rest}»."))
            })?;
            answers.push(answer);
            rest = after;
        }
        Ok(answers)
    }

    fn answers(&mut self, when: &str, expected: &[&str]) -> Outcome {
        let answers = self.take_answers()?;
        ensure_equal(format!("las respuestas {when}"), texts(expected), answers)
    }

    fn keeps(&self, input: &[u8], when: &str) -> Outcome {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let what = format!("lo que queda en `input` {when}");
        ensure_equal(what, text(input), text(&self.exchange.input)).hint(
            "de `input` sale lo usado, y nada más: lo que llegó de la petición siguiente no \
             volverá a llegar",
        )
    }

    fn is_closing(&self, expected: bool, when: &str) -> Outcome {
        ensure_equal(format!("`closing` {when}"), &expected, &self.exchange.closing)
    }
}

/// La primera respuesta de un texto, y lo que viene detrás.
fn first_answer(text: &str) -> Option<(String, String)> {
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?;
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "))?;
    let (body, rest) = rest.split_at_checked(length.parse().ok()?)?;
    let answer = if status == "200" { body.trim_end() } else { status };
    Some((answer.to_owned(), rest.to_owned()))
}

fn texts(answers: &[&str]) -> Vec<String> {
    answers.iter().map(|&answer| answer.to_owned()).collect()
}

fn receives(client: &mut Peer, expected: &str) -> Outcome {
    let response = client.expect_response()?;
    if response.body == expected.as_bytes() {
        return Ok(());
    }
    Err(client.mismatch("El cuerpo de la respuesta es otro.", expected, response.body))
}

/// Pone en marcha el servidor y sigue el guion.
fn with_loop(script: impl FnOnce(&Conversation) -> Outcome) -> Outcome {
    with_server("el servidor", listening()?, |listener| serve(&listener), |web, _| script(web))
}
