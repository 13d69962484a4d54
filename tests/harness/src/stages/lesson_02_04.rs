//! Lección 02_04, el servidor web: HTTP/1.1 (RFC 9112) con una sola página.

use std::time::{Duration, Instant, SystemTime};

use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::peer::Peer;
use crate::response::Response;
use crate::sending::Sending;
use crate::stage::{Check, Stage};
use crate::wording;

/// Lo que contesta a todo GET: 25 caracteres, contando el salto de línea, que son 26 bytes.
const BODY: &str = "¡Hola desde EpollServer!\n";
const LENGTH: &str = "26";
const MEDIA_TYPE: &str = "text/plain; charset=utf-8";
const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const GET_AND_CLOSE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// Cuánto puede apartarse `Date` de la hora de esta máquina.
const CLOCK_SKEW: Duration = Duration::from_secs(5);
/// Un búfer de recepción pequeño, para que a quien no lee se le llene pronto.
const SMALL_BUFFER: usize = 4096;
/// Lo que pide quien no lee, y cuántas veces de un golpe: aunque el servidor no lea ninguna, en su búfer
/// caben todas, y detrás el final.
const SHORT_GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const VOLLEY: usize = 2000;
/// Cuántas veces, a quien ya debe más de lo que guarda el núcleo.
const FLOOD: usize = 50_000;
/// Lo que ocupa la página, con su cabecera.
const PAGE: usize = 143;
/// Más respuestas de las que el núcleo guarda para quien no lee.
const OWED: usize = 8 * 1024 * 1024;
/// El límite de lo que se guarda para quien no lee.
const MOST_KEPT: usize = 32 * 1024 * 1024;
/// Lo que no se le debe a nadie: ese límite y, con holgura, lo que el núcleo guarda por su cuenta.
const TOO_MUCH: usize = MOST_KEPT + OWED;
/// Lo que separa dos envíos para que el servidor los lea por separado.
const PAUSE: Duration = Duration::from_millis(100);

/// Cada cuánto envía un byte quien nunca acaba.
const DRIP: Duration = Duration::from_millis(500);

pub(crate) const STAGES: &[Stage] = &[
    stage(
        1,
        "responde a un GET",
        "200 y el cuerpo exacto, sea cual sea la ruta, y sin un salto de línea de más delante.",
        answers,
    ),
    stage(
        2,
        "una petición en dos segmentos",
        "una lectura no es una petición: se guarda lo que llega y no se contesta hasta la línea \
         vacía que acaba la cabecera.",
        in_two_pieces,
    ),
    stage(
        3,
        "la conexión persiste",
        "en HTTP/1.1 la conexión sigue abierta tras cada respuesta, salvo que se diga lo contrario.",
        keep_alive,
    ),
    stage(
        4,
        "peticiones encadenadas",
        "el cliente no tiene por qué esperar la respuesta para enviar la siguiente petición: en una \
         lectura pueden venir varias, y se contestan todas.",
        pipelining,
    ),
    stage(
        5,
        "más peticiones que búfer",
        "una petición puede quedar partida entre dos lecturas: lo que sobra se guarda.",
        long_pipeline,
    ),
    stage(
        6,
        "quien no lee no frena a nadie",
        "con la salida llena se deja de leer a ese cliente (contrapresión) y se atiende a los demás; \
         cuando vuelve a leer, recibe todo lo suyo.",
        slow_reader,
    ),
    stage(
        7,
        "byte a byte",
        "la línea vacía que acaba la cabecera puede llegar en cuatro lecturas.",
        byte_by_byte,
    ),
    stage(
        8,
        "los campos de la cabecera",
        "Content-Type con su juego de caracteres, Content-Length en bytes (26, no 25: la «¡» ocupa \
         dos) y la fecha de hoy en formato IMF-fixdate.",
        headers,
    ),
    stage(
        9,
        "HEAD",
        "los mismos campos que GET y ningún cuerpo: si lo hubiera, el cliente lo tomaría por \
         el comienzo de la respuesta siguiente. Y las respuestas van en el orden de las peticiones.",
        head,
    ),
    stage(
        10,
        "el cuerpo no es la petición siguiente",
        "un cuerpo se consume entero, aunque llegue después y en varias lecturas, o se rechaza y se \
         cierra; si se leyera como otra petición, cualquiera podría colar una (contrabando de \
         peticiones). A quien pregunta antes de enviarlo se le contesta antes.",
        bodies,
    ),
    stage(
        11,
        "el cuerpo por trozos tampoco",
        "Transfer-Encoding: chunked también es un cuerpo, y manda sobre Content-Length (RFC 9112, \
         sección 6.3).",
        chunked_bodies,
    ),
    stage(
        12,
        "peticiones raras e inválidas",
        "un tabulador tras los dos puntos es raro y vale (RFC 9112, sección 5). A lo que no se \
         entiende se contesta un 400 (u otro que lo explique: 505, si es la versión), y después se \
         cierra: ya no se sabe dónde empezaría la petición siguiente.",
        bad_requests,
    ),
    stage(
        13,
        "una cabecera sin final",
        "una cabecera de más de 8 KiB se rechaza con un 431 o un 400, que ha de llegar aunque el \
         cliente siga enviando: se cierra el propio lado y se descarta lo que llegue, porque cerrar sin \
         leer reinicia la conexión.",
        endless_head,
    ),
    stage(
        14,
        "cuándo se cierra",
        "HTTP/1.0 y «Connection: close», sola o en una lista, cierran tras la respuesta. A quien pide \
         con HTTP/1.0 que la conexión siga se le anuncia que sigue, o se cierra. Quien cierra su lado \
         recibe antes todo lo que pidió, aunque lo lea tarde.",
        closing,
    ),
    stage(
        15,
        "cierres y reinicios",
        "cero bytes leídos, EPOLLHUP y ECONNRESET son el final de un cliente, no el del servidor.",
        resets,
    ),
    stage(
        16,
        "mil a la vez",
        "mil conexiones abiertas, y todas reciben su respuesta.",
        one_thousand,
    ),
    stage(
        17,
        "quien no acaba no se queda",
        "una cabecera a medias no se espera para siempre: a los 15 segundos de su primer byte, como \
         mucho, se contesta un 408, o nada, y se cierra. Enviar un byte de vez en cuando no alarga el \
         plazo.",
        deadlines,
    ),
    Stage::ending("02_04", 18, still_inside),
];

const fn stage(
    number: usize,
    title: &'static str,
    purpose: &'static str,
    check: fn(&Conversation) -> Result<(), Failure>,
) -> Stage {
    Stage { lesson: "02_04", number, title, purpose, check: Check::Talk(check) }
}

fn answers(web: &Conversation) -> Result<(), Failure> {
    for target in ["/", "/lo/que/sea?x=1&y=%C3%B1", "http://localhost/"] {
        let mut client = web.peer("cliente")?;
        client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))?;
        expect_page(&mut client)?;
    }
    let mut client = web.peer("cliente")?;
    client.send("GET / HTTP/1.1\r\naccept:*/*\r\nhOsT:  localhost  \r\nX-Vacio:\r\n\r\n")?;
    expect_page(&mut client)?;
    finish(client)
}

fn headers(web: &Conversation) -> Result<(), Failure> {
    let mut client = web.peer("cliente")?;
    client.send(GET)?;
    let page = expect_page(&mut client)?;
    if page.is_http_1_0 {
        return Err(client.failure("La respuesta dice HTTP/1.0, y se pide HTTP/1.1."));
    }
    let length = page.header("Content-Length").unwrap_or_default();
    for (name, expected, got) in [
        ("Content-Type", MEDIA_TYPE, page.media_type().as_str()),
        ("Content-Length", LENGTH, length),
    ] {
        if got != expected {
            let headline = format!("El campo {name} no es el del contrato.");
            return Err(client.mismatch(headline, expected, got));
        }
    }
    let Some(date) = page.date() else {
        return Err(match page.header("Date") {
            None => client.failure("A la respuesta le falta el campo Date."),
            Some(date) => {
                client.failure(format!("El campo Date no es una fecha IMF-fixdate: «{date}»."))
            }
        });
    };
    let now = SystemTime::now();
    if date > now + CLOCK_SKEW || date < now - CLOCK_SKEW {
        let date = page.header("Date").unwrap_or_default();
        return Err(client.failure(format!("El campo Date no dice la hora: «{date}».")));
    }
    Ok(())
}

fn in_two_pieces(web: &Conversation) -> Result<(), Failure> {
    let mut client = web.peer("cliente")?;
    let (start, rest) = GET.split_at(8);
    client.send(start)?;
    client.wait_until_read();
    if client.hears_within(PAUSE) {
        return Err(client.failure("El servidor contestó antes de que acabara la petición."));
    }
    client.send(rest)?;
    expect_page(&mut client)?;
    client.half_close()?;
    client.expect_end()
}

fn keep_alive(web: &Conversation) -> Result<(), Failure> {
    let mut client = web.peer("cliente")?;
    for _ in 0..5 {
        client.send(GET)?;
        let page = expect_page(&mut client)?;
        if page.announces_close() {
            return Err(client.failure("El servidor anuncia que cierra, y nadie se lo ha pedido."));
        }
    }
    finish(client)
}

fn pipelining(web: &Conversation) -> Result<(), Failure> {
    const COUNT: usize = 16;
    let mut client = web.peer("cliente")?;
    client.send(GET.repeat(COUNT))?;
    expect_pages(&mut client, COUNT)?;
    finish(client)
}

fn long_pipeline(web: &Conversation) -> Result<(), Failure> {
    const COUNT: usize = 500;
    let mut client = web.peer("cliente")?;
    let sending = client.send_meanwhile(GET.repeat(COUNT))?;
    expect_pages(&mut client, COUNT)?;
    sending.finish()?;
    finish(client)
}

fn byte_by_byte(web: &Conversation) -> Result<(), Failure> {
    let mut client = web.peer("cliente")?;
    client.send_in_pieces(GET, 1)?;
    expect_page(&mut client)?;
    finish(client)
}

fn head(web: &Conversation) -> Result<(), Failure> {
    let mut client = web.peer("cliente")?;
    client.send(HEAD)?;
    expect_headers_only(&mut client)?;
    client.send(GET)?;
    if client.comes_next(BODY) {
        return Err(client.failure("Tras la cabecera con la que contestó a HEAD llegó un cuerpo."));
    }
    expect_page(&mut client)?;
    // Sin cuerpo en las de HEAD, si las respuestas vinieran en otro orden, no se entenderían.
    client.send([GET, HEAD].concat().repeat(8))?;
    for _ in 0..8 {
        expect_page(&mut client)?;
        expect_headers_only(&mut client)?;
    }
    finish(client)
}

/// Una petición falsa, dentro de un cuerpo.
const STOWAWAY: &str = "GET /intrusa HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn bodies(web: &Conversation) -> Result<(), Failure> {
    for (method, field) in [
        ("POST", "Content-Length"),
        ("PUT", "content-length"),
        ("DELETE", "CONTENT-LENGTH"),
        ("GET", "Content-length"),
    ] {
        let head = body_head(method, field, STOWAWAY.len());
        expect_answered_once(web.peer(&format!("cliente {method}"))?, &[&(head + STOWAWAY)])?;
    }
    asking_first(web)?;
    bodies_by_parts(web)
}

/// El comienzo de una petición con un cuerpo de esa longitud.
fn body_head(method: &str, field: &str, length: usize) -> String {
    format!("{method} / HTTP/1.1\r\nHost: localhost\r\n{field}: {length}\r\n\r\n")
}

/// Nada obliga al cuerpo a llegar con su cabecera, ni entero. Cada parte parece una petición.
fn bodies_by_parts(web: &Conversation) -> Result<(), Failure> {
    /// Más de lo que se suele leer de una vez.
    const LARGE: usize = 128 * 1024;
    for (name, times) in [("cuerpo en dos partes", 1), ("cuerpo grande", LARGE / STOWAWAY.len())] {
        let start = STOWAWAY.repeat(times);
        let head = body_head("POST", "Content-Length", start.len() + STOWAWAY.len());
        expect_answered_once(web.peer(name)?, &[&head, &start, STOWAWAY])?;
    }
    Ok(())
}

/// Quien pregunta antes de enviar el cuerpo espera un «100 Continue», o la respuesta (RFC 9110, sección
/// 10.1.1). La de que el cuerpo no llegó a tiempo (408) no lo es: a él nadie le ha contestado.
fn asking_first(web: &Conversation) -> Result<(), Failure> {
    let mut polite = web.peer("quien pregunta antes")?;
    polite.send(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\
         Expect: 100-continue\r\n\r\n",
    )?;
    if polite.comes_next("HTTP/1.1 100") {
        polite.send("hola\n")?;
        return polite.expect_response().map(drop);
    }
    match polite.expect_response() {
        Ok(answer) if answer.status != 408 => Ok(()),
        Err(failure) if !failure.is_silence() => Err(failure),
        _ => Err(polite.failure(
            "El servidor espera el cuerpo de «quien pregunta antes», que no lo envía hasta que le \
             contesten.",
        )),
    }
}

fn chunked_bodies(web: &Conversation) -> Result<(), Failure> {
    let start = format!("5\r\nhola,\r\n{:X};a=b\r\n", STOWAWAY.len());
    let chunks = format!("{start}{STOWAWAY}\r\n0\r\n\r\n");
    let headers = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
    expect_answered_once(web.peer("por trozos")?, &[&format!("{headers}\r\n{chunks}")])?;
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let parts = [head, &start, STOWAWAY, "\r\n0\r\n\r\n"];
    expect_answered_once(web.peer("por trozos, uno a uno")?, &parts)?;
    let ambiguous = format!("{headers}Content-Length: 5\r\n\r\n{chunks}");
    // Con dos longitudes puede haber quien entienda otra cosa: tras contestar, se cierra (RFC 9112,
    // sección 6.1).
    let mut confused = web.peer("con dos longitudes")?;
    confused.send(&ambiguous)?;
    confused.expect_response()?;
    confused.expect_end_or_reset()?;
    // Sin longitud no se sabe dónde acaba el cuerpo: se conteste lo que se conteste, se cierra.
    let mut lost = web.peer("con un trozo sin longitud")?;
    lost.send(format!("{headers}\r\nxyz\r\n{STOWAWAY}"))?;
    lost.expect_response()?;
    lost.expect_end_or_reset()
}

/// Envía una petición en esas partes, que se leen por separado. Se contesta una vez y la conexión sigue
/// sirviendo, o se contesta y se cierra; pero lo que iba en el cuerpo no se contesta nunca.
fn expect_answered_once(mut client: Peer, parts: &[&str]) -> Result<(), Failure> {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            client.pause_until_read(PAUSE);
        }
        // Quien rechaza el cuerpo puede haber cerrado ya.
        client.try_send(part);
    }
    let answer = client.expect_response()?;
    if answer.announces_close() {
        return client.expect_end_or_reset();
    }
    client.try_send(GET_AND_CLOSE);
    match client.next_response_or_end()? {
        Some(page) => {
            check_page(&mut client, page)?;
            client.expect_end()
        }
        None if answer.status >= 400 => Ok(()),
        None => Err(client.failure(
            "El servidor contestó como si la conexión siguiera, y la cerró sin anunciarlo.",
        )),
    }
}

fn bad_requests(web: &Conversation) -> Result<(), Failure> {
    let cases: [(&str, &[u8], &[u16]); 10] = [
        ("basura", b"hola\r\n\r\n", &[400, 501, 505]),
        ("basura larga", b"esto no es HTTP en absoluto\r\n\r\n", &[400, 501, 505]),
        ("binario", b"\xff\xfe\x00\x01\r\n\r\n", &[400, 501, 505]),
        ("ruta binaria", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", &[400]),
        ("sin Host", b"GET / HTTP/1.1\r\n\r\n", &[400]),
        ("dos Host", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &[400]),
        ("HTTP/3.0", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", &[505, 400]),
        ("espacio antes de los dos puntos", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", &[400]),
        (
            "longitud que no es un número",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhola\n",
            &[400],
        ),
        (
            "dos longitudes",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhola\n",
            &[400],
        ),
    ];
    for (name, request, statuses) in cases {
        let mut client = web.peer(name)?;
        client.send(request)?;
        expect_status(&mut client, statuses)?;
        client.expect_end_or_reset()?;
    }
    let mut client = web.peer("quien llega después")?;
    client.send("GET / HTTP/1.1\r\nHost:\t localhost\t\r\n\r\n")?;
    expect_page(&mut client)?;
    finish(client)
}

fn endless_head(web: &Conversation) -> Result<(), Failure> {
    let mut request = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Relleno: ".to_vec();
    request.resize(9 * 1024, b'x');
    let mut client = web.peer("quien no acaba")?;
    client.send(&request)?;
    expect_status(&mut client, &[431, 400])?;

    let mut client = web.peer("quien no cabe")?;
    client.send([&request, b"\r\n\r\n".as_slice()].concat())?;
    expect_status(&mut client, &[431, 400])?;
    client.expect_end()?;

    // Justo por debajo del límite, sí.
    let mut client = web.peer("quien cabe")?;
    client.send([&request[..8 * 1024 - 64], b"\r\n\r\n".as_slice()].concat())?;
    expect_page(&mut client)?;
    finish(client)?;

    // `nc` no dice si la conexión se reinició.
    let mut client = web.clone().unrepeatable().peer("quien no acaba, y sigue")?;
    client.send(&request)?;
    for _ in 0..8 {
        client.try_send(b"x".repeat(16 * 1024));
    }
    expect_status(&mut client, &[431, 400])?;
    // Si el servidor ya no está, al primer envío responde con un reinicio, y el segundo lo nota.
    client.try_send("x");
    client.try_send("x");
    // En orden: un RST puede llevarse lo que de la respuesta aún no haya llegado.
    client.expect_end()
}

fn closing(web: &Conversation) -> Result<(), Failure> {
    // `nc` no dice cuándo cierra el servidor.
    let web = &web.clone().unrepeatable();
    for (name, request) in [
        ("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        ("close", GET_AND_CLOSE),
        ("Close", "GET / HTTP/1.1\r\nHost: a\r\nconnection: Close\r\n\r\n"),
        ("en una lista", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n"),
        (
            "en dos campos",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
        ),
    ] {
        let mut client = web.peer(name)?;
        client.send(request)?;
        expect_page(&mut client)?;
        client.expect_end()?;
    }
    persistent_1_0(web)?;
    // Quien cierra su lado tras preguntar espera aún la respuesta.
    let mut client = web.peer("quien ya no preguntará más")?;
    client.send(GET)?;
    client.half_close()?;
    expect_page(&mut client)?;
    client.expect_end()?;
    late_reader(web)
}

/// Pide más páginas de las que caben sin leer ninguna, cierra su lado, y las lee después.
fn late_reader(web: &Conversation) -> Result<(), Failure> {
    let mut late = web.peer_with_receive_buffer("quien lee más tarde", SMALL_BUFFER)?;
    let asked = ask_without_reading(&mut late, OWED)?;
    late.half_close()?;
    expect_pages(&mut late, asked)?;
    late.expect_end()
}

/// Pide páginas sin leer ninguna, hasta que el servidor deja de leer sus peticiones o le debe ya `most`
/// bytes. Devuelve cuántas pidió.
fn ask_without_reading(client: &mut Peer, most: usize) -> Result<usize, Failure> {
    let mut asked = 0;
    while asked * PAGE < most {
        client.send(SHORT_GET.repeat(VOLLEY))?;
        asked += VOLLEY;
        if client.wait_until_read() != Some(true) {
            break;
        }
    }
    Ok(asked)
}

/// Quien habla HTTP/1.0 y pide que la conexión siga no puede saber si sigue, salvo que se le diga
/// (RFC 9112, apéndice C.2.2).
fn persistent_1_0(web: &Conversation) -> Result<(), Failure> {
    const REQUEST: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut client = web.peer("HTTP/1.0 que sigue")?;
    client.send(REQUEST)?;
    let page = expect_page(&mut client)?;
    if page.announces_keep_alive() {
        client.send(REQUEST)?;
        expect_page(&mut client)?;
        return finish(client);
    }
    client.expect_end().map_err(|failure| {
        failure.hint(
            "si la conexión sigue, la respuesta ha de decir «Connection: keep-alive»; si no lo \
             dice, ha de cerrarse.",
        )
    })
}

fn deadlines(web: &Conversation) -> Result<(), Failure> {
    // Una orden espera poco, y en tan poco tiempo tampoco los echa quien lo hace bien.
    let web = web.clone().unrepeatable();
    let patience = web.patience() * 3 / 2;
    let mut half = web.peer("quien no acaba")?;
    half.send(&GET[..20])?;
    let mut dripping = web.peer("quien gotea")?;
    dripping.send("GET / HTTP/1.1\r\nX: ")?;
    let end = Instant::now() + patience;
    dripping.set_limit(DRIP);
    while dripping.drain().is_err() {
        if Instant::now() >= end {
            return Err(too_patient(dripping.still_open(patience)));
        }
        dripping.try_send("x");
    }
    half.set_limit(end.saturating_duration_since(Instant::now()).max(DRIP));
    half.drain().map_err(|_| too_patient(half.still_open(patience)))
}

fn too_patient(failure: Failure) -> Failure {
    failure.hint(
        "si tu servidor espera más a propósito, dale una opción para acortar su plazo y escríbela en \
         la orden, como «-- ./web --plazo 5».",
    )
}

fn resets(web: &Conversation) -> Result<(), Failure> {
    // Cuándo ve el servidor cada reinicio, solo él lo sabe: entre uno y otro, se le pregunta.
    const ROUNDS: usize = 10;
    let mut witness = web.peer("testigo")?;
    for round in 1..=ROUNDS {
        witness.send(GET)?;
        expect_page(&mut witness)?;
        web.peer(&format!("quien cierra al llegar {round}"))?.close();
        web.peer(&format!("quien reinicia al llegar {round}"))?.reset()?;
        let mut rude = web.peer(&format!("quien reinicia a medias {round}"))?;
        rude.try_send(&GET[..20]);
        rude.reset()?;
        let mut rude = web.peer(&format!("quien reinicia con respuestas en camino {round}"))?;
        rude.try_send(GET.repeat(100));
        rude.reset()?;
    }
    witness.send(GET)?;
    expect_page(&mut witness)?;
    finish(witness)?;
    let mut late = web.peer("quien llega después")?;
    late.send(GET)?;
    expect_page(&mut late)?;
    finish(late)
}

fn slow_reader(web: &Conversation) -> Result<(), Failure> {
    let mut slow = web.peer_with_receive_buffer("lento", SMALL_BUFFER)?;
    let mut asked = ask_without_reading(&mut slow, OWED)?;
    // Quien guarda más que el núcleo puede hacerlo, hasta un límite.
    let mut unread = None;
    while unread.is_none() && asked * PAGE >= OWED {
        if asked * PAGE >= TOO_MUCH {
            return Err(owes_too_much(&mut slow, asked));
        }
        let sending = slow.send_meanwhile(SHORT_GET.repeat(FLOOD))?;
        asked += FLOOD;
        if sending.settle() {
            sending.finish()?;
        } else {
            unread = Some(sending);
        }
    }
    for number in 1..=10 {
        let mut client = web.peer(&format!("otro cliente {number}"))?;
        client.send(GET)?;
        expect_page(&mut client)?;
        finish(client)?;
    }
    expect_pages(&mut slow, asked)?;
    unread.map_or(Ok(()), Sending::finish)?;
    finish(slow)
}

fn owes_too_much(slow: &mut Peer, asked: usize) -> Failure {
    slow.failure(format!(
        "«lento» no lee ninguna respuesta, y el servidor le ha tomado ya {} peticiones: le debe {} de \
         respuestas, y el límite son {}.",
        wording::grouped(asked),
        wording::mebibytes(asked * PAGE),
        wording::mebibytes(MOST_KEPT)
    ))
}

fn one_thousand(web: &Conversation) -> Result<(), Failure> {
    let mut clients = web.peers("cliente", 1000)?;
    for client in &mut clients {
        client.send(GET)?;
    }
    for client in clients.iter_mut().rev() {
        expect_page(client)?;
    }
    // Siguen abiertas: se pregunta otra vez por las mismas.
    for client in &mut clients {
        client.send(GET_AND_CLOSE)?;
    }
    for client in &mut clients {
        expect_page(client)?;
        client.expect_end()?;
    }
    Ok(())
}

/// Uno que calla, otro entre dos peticiones y otro con la suya a medias.
fn still_inside(web: &Conversation) -> Result<Vec<Peer>, Failure> {
    let silent = web.peer("callado")?;
    let mut halfway = web.peer("quien no acaba")?;
    halfway.send(&GET[..20])?;
    let mut client = web.peer("cliente")?;
    client.send(GET)?;
    expect_page(&mut client)?;
    Ok(vec![silent, halfway, client])
}

// ---- El contrato, en piezas ----------------------------------------------------------------

fn expect_page(client: &mut Peer) -> Result<Response, Failure> {
    let page = client.expect_response()?;
    check_page(client, page)
}

/// Tantas páginas seguidas; si falta alguna, se dice cuántas llegaron.
fn expect_pages(client: &mut Peer, count: usize) -> Result<(), Failure> {
    for number in 0..count {
        expect_page(client).map_err(|failure| {
            let (arrived, all) = (wording::grouped(number), wording::grouped(count));
            failure.adding(&format!("Respuestas que llegaron: {arrived} de {all}."))
        })?;
    }
    Ok(())
}

fn check_page(client: &mut Peer, page: Response) -> Result<Response, Failure> {
    check_status(client, &page, &[200])?;
    if page.body != BODY.as_bytes() {
        let headline = format!("«{}» recibió otro cuerpo.", client.name());
        return Err(client.mismatch(headline, BODY, &page.body));
    }
    Ok(page)
}

/// Lo que se contesta a HEAD: la cabecera de la página, y nada más. La longitud y el tipo pueden faltar;
/// si están, son los de GET (RFC 9110, secciones 8.6 y 9.3.2).
fn expect_headers_only(client: &mut Peer) -> Result<(), Failure> {
    let answer = client.expect_response_to_head()?;
    check_status(client, &answer, &[200])?;
    let length = answer.header("Content-Length").map(str::to_owned);
    let media_type = answer.header("Content-Type").map(|_| answer.media_type());
    for (name, expected, got) in
        [("Content-Length", LENGTH, length), ("Content-Type", MEDIA_TYPE, media_type)]
    {
        if let Some(got) = got.filter(|got| got != expected) {
            let headline = format!("El campo {name} de la respuesta a HEAD no es el de GET.");
            return Err(client.mismatch(headline, expected, got));
        }
    }
    Ok(())
}

/// Una respuesta con uno de esos códigos.
fn expect_status(client: &mut Peer, accepted: &[u16]) -> Result<(), Failure> {
    let answer = client.expect_response()?;
    check_status(client, &answer, accepted)
}

fn check_status(client: &mut Peer, answer: &Response, accepted: &[u16]) -> Result<(), Failure> {
    if accepted.contains(&answer.status) {
        return Ok(());
    }
    let expected: Vec<String> = accepted.iter().map(ToString::to_string).collect();
    let headline = format!("«{}» esperaba otro código.", client.name());
    Err(client.mismatch(headline, expected.join(" o "), answer.status.to_string()))
}

/// Acaba en orden: cierra su lado y no llega nada más.
fn finish(mut client: Peer) -> Result<(), Failure> {
    client.half_close()?;
    client.expect_end()
}
