//! Las pruebas de 02_04_3_peticion: con un socket de mentira que entrega lo que se le diga en cada
//! lectura, y con uno de verdad.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod step;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;

use ejercicio::{Request, end_of_head};
use ejercicios::fake::Piece::{self, End, Fails};
use ejercicios::fake::{Source, bytes};
use ejercicios::prelude::*;
use multiplexacion::steps::counted;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use step::{MAX_HEAD, Step};

/// Una cabecera como las de los navegadores, con su línea vacía.
const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8804\r\nAccept: */*\r\n\r\n";

/// Bytes de cada parte de una cabecera larga. Cabe en el búfer de cualquiera.
const PIECE: usize = 64;

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

ejercicios::tests! {
    encuentra_el_final_de_una_cabecera,
    el_final_puede_llegar_partido,
    no_vuelve_a_mirar_lo_ya_examinado,
    una_cabecera_que_llega_entera,
    llega_en_dos_partes_cortada_por_cualquier_sitio,
    llega_byte_a_byte_y_se_recuerda_por_dónde_se_iba,
    lo_que_llega_detrás_se_guarda,
    cada_aviso_es_una_lectura,
    si_no_había_nada_se_espera,
    el_final_de_la_entrada_se_mira,
    un_error_de_verdad_se_dice,
    la_mayor_que_cabe,
    si_cabe_da_igual_lo_que_llegue_detrás,
    una_cabecera_que_no_cabe_se_rechaza,
    una_cabecera_sin_fin_no_se_queda_con_la_memoria,
    on_readable_no_vuelve_a_mirar_lo_ya_examinado,
    con_un_socket_de_verdad,
}

fn encuentra_el_final_de_una_cabecera() -> Outcome {
    for (input, expected) in [
        (&b"\r\n\r\n"[..], Some(4)),
        (b"GET / HTTP/1.1\r\n\r\n", Some(18)),
        (b"GET / HTTP/1.1\r\n\r\nGET /otra HTTP/1.1\r\n\r\n", Some(18)),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", None),
        (b"GET / HTTP/1.1\r\n\r", None),
        (b"", None),
    ] {
        looks(input, 0, expected)?;
    }
    Ok(())
}

fn el_final_puede_llegar_partido() -> Outcome {
    let head = b"GET / HTTP/1.1\r\n\r\n";
    let start = head.len() - 4;
    looks(head, start, Some(head.len()))
        .hint("lo examinado acababa justo antes del final, que llegó entero ahora")?;
    for scanned in start + 1..head.len() {
        let before = head[start..scanned].escape_ascii();
        looks(head, scanned, Some(head.len())).hint(format!(
            "el final llegó partido en dos: «{before}» ya estaba examinado, y lo que falta llegó \
             ahora"
        ))?;
    }
    Ok(())
}

fn no_vuelve_a_mirar_lo_ya_examinado() -> Outcome {
    // Si alguien mirase ahí, vería un final. Nadie debe mirar.
    let mut input = b"\r\n\r\n".to_vec();
    input.extend_from_slice(&[b'x'; 100]);
    for scanned in [4, 5, 6, 7, 50, 104] {
        let found = search(&input, scanned)?;
        ensure(found.is_none(), || {
            format!(
                "Con scanned = {scanned}, `end_of_head` volvió a mirar bytes que ya estaban \
                 examinados: encontró un final que la prueba puso al principio, a propósito, y \
                 devolvió {found:?}. Una cabecera de n bytes que llega de uno en uno costaría n² \
                 comparaciones. Basta retroceder tres bytes desde `scanned`."
            )
        })?;
    }
    Ok(())
}

fn una_cabecera_que_llega_entera() -> Outcome {
    let mut reading = Reading::of([bytes(HEAD)]);
    reading.gives("cuando llega la cabecera entera", &head(HEAD))?;
    reading.keeps(b"", 0)
}

fn llega_en_dos_partes_cortada_por_cualquier_sitio() -> Outcome {
    for cut in 1..HEAD.len() {
        let (first, second) = HEAD.split_at(cut);
        let mut reading = Reading::of([bytes(first), bytes(second)]);
        let when = format!("con los {cut} primeros bytes de la cabecera");
        reading.gives(&when, &Step::Wait)?;
        reading.keeps(first, cut)?;
        reading
            .gives(&format!("al llegar el resto, tras los {cut} primeros bytes"), &head(HEAD))?;
    }
    Ok(())
}

fn llega_byte_a_byte_y_se_recuerda_por_dónde_se_iba() -> Outcome {
    let pieces = HEAD.iter().map(|byte| bytes([*byte]));
    let mut reading = Reading::of(pieces);
    for count in 1..HEAD.len() {
        reading.gives(&format!("con {count} bytes, de uno en uno"), &Step::Wait)?;
        reading.keeps(&HEAD[..count], count)?;
    }
    reading.gives("con el último byte", &head(HEAD))?;
    reading.keeps(b"", 0)
}

fn lo_que_llega_detrás_se_guarda() -> Outcome {
    let second = b"POST /otra HTTP/1.1\r\nHost: x\r\n\r\n";
    let (piece, rest) = second.split_at(9);
    let mut reading = Reading::of([bytes([HEAD, piece].concat()), bytes(rest)]);
    reading.gives("con una cabecera y el principio de otra", &head(HEAD))?;
    reading.keeps(piece, 0)?;
    reading.gives("al llegar el resto de la segunda", &head(second))?;
    reading.keeps(b"", 0)
}

fn cada_aviso_es_una_lectura() -> Outcome {
    let mut reading = Reading::of((0..50).map(|_| bytes(b"x")));
    for count in 1..=3 {
        reading.gives("con un byte más", &Step::Wait)?;
        ensure_equal("las veces que llamaste a `read`", &count, &reading.source.reads).hint(
            "una por aviso: si queda algo, epoll lo repetirá, y quien no para de enviar no \
             hace esperar a los demás",
        )?;
    }
    Ok(())
}

fn si_no_había_nada_se_espera() -> Outcome {
    for kind in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
        let mut reading = Reading::of([bytes(&HEAD[..20]), Fails(kind), bytes(&HEAD[20..])]);
        reading.gives("con los 20 primeros bytes", &Step::Wait)?;
        reading.gives(&format!("si `read` devuelve {kind:?}: no pasó nada"), &Step::Wait)?;
        reading.keeps(&HEAD[..20], 20)?;
        reading.gives("al llegar lo que faltaba", &head(HEAD))?;
    }
    Ok(())
}

fn el_final_de_la_entrada_se_mira() -> Outcome {
    let hint = "`read` dio cero: no habrá más. Esperar a otro aviso es recibirlo sin descanso, para \
                siempre";
    let explain = |failure: Failure| failure.hint(hint);
    let mut reading = Reading::of([bytes(HEAD), End]);
    reading.gives("cuando llega la cabecera entera", &head(HEAD))?;
    reading
        .gives("si el cliente cierra su lado sin nada a medias", &Step::Left)
        .map_err(explain)?;
    let mut reading = Reading::of([bytes(&HEAD[..20]), End]);
    reading.gives("con los 20 primeros bytes", &Step::Wait)?;
    reading
        .gives("si el cliente cierra su lado a mitad de una cabecera", &Step::CutShort)
        .map_err(explain)
}

fn un_error_de_verdad_se_dice() -> Outcome {
    let kind = ErrorKind::ConnectionReset;
    let mut reading = Reading::of([bytes(&HEAD[..20]), Fails(kind)]);
    reading.gives("con los 20 primeros bytes", &Step::Wait)?;
    reading.gives("si se reinicia la conexión", &Step::Broken(kind))
}

fn la_mayor_que_cabe() -> Outcome {
    let head_of_max = head_of(MAX_HEAD);
    let pieces = head_of_max.chunks(PIECE).map(bytes);
    let mut reading = Reading::of(pieces);
    for count in 1..MAX_HEAD / PIECE {
        let when = format!("con los {} primeros bytes", count * PIECE);
        reading.gives(&when, &Step::Wait)?;
    }
    reading.gives(&format!("con una cabecera de {MAX_HEAD} bytes"), &head(&head_of_max))
}

fn si_cabe_da_igual_lo_que_llegue_detrás() -> Outcome {
    let fits = head_of(MAX_HEAD - 12);
    // El último trozo trae su final, y con lo de detrás pasa de MAX_HEAD.
    let arrived = [fits.as_slice(), &[b'x'; PIECE - 20]].concat();
    let (first, others) = arrived.split_at(arrived.len() % PIECE);
    let pieces = std::iter::once(first).chain(others.chunks(PIECE)).map(bytes);
    let mut reading = Reading::of(pieces);
    let step = reading.until_it_decides(MAX_HEAD / PIECE + 1)?;
    ensure(step == head(&fits), || {
        format!(
            "Llegó una cabecera de {} bytes, que cabe, y con su final, el principio de otra cosa. \
             Debía ser Head, y fue {}. Lo que no puede pasar de MAX_HEAD ({MAX_HEAD}) es la \
             cabecera, y no todo lo que haya en `input`.",
            fits.len(),
            brief(&step)
        )
    })
}

fn una_cabecera_que_no_cabe_se_rechaza() -> Outcome {
    let head_past_max = head_of(MAX_HEAD + 1);
    // Primero, de modo que antes de acabar ya no quepa; después, de modo que lo que la hace pasar
    // del límite traiga también su final.
    let in_pieces = head_past_max.chunks(PIECE).map(bytes);
    let (all_but_two, two) = head_past_max.split_at(MAX_HEAD - 1);
    let with_its_end = all_but_two.chunks(PIECE).chain([two]).map(bytes);
    for mut reading in [Reading::of(in_pieces), Reading::of(with_its_end)] {
        let step = reading.until_it_decides(MAX_HEAD / PIECE + 1)?;
        ensure(step == Step::TooLong, || {
            format!(
                "Llegó una cabecera de {} bytes, uno más de los que caben, y debía ser TooLong. \
                 Fue {}.",
                head_past_max.len(),
                brief(&step)
            )
        })?;
    }
    Ok(())
}

fn una_cabecera_sin_fin_no_se_queda_con_la_memoria() -> Outcome {
    let pieces = (0..1000).map(|_| bytes(vec![b'x'; PIECE]));
    let mut reading = Reading::of(pieces);
    for _ in 1..MAX_HEAD / PIECE {
        reading.gives("con menos de MAX_HEAD bytes sin final", &Step::Wait)?;
    }
    let step = reading.until_it_decides(50)?;
    let kept = reading.request.input.len();
    ensure(step == Step::TooLong, || {
        format!(
            "Quien no termina nunca su cabecera ya tiene guardados {kept} bytes en tu servidor, y \
             sigues con {}. Con MAX_HEAD ({MAX_HEAD}) bytes sin final tenía que ser TooLong.",
            brief(&step)
        )
    })?;
    ensure(reading.source.reads <= MAX_HEAD / PIECE, || {
        format!(
            "Con MAX_HEAD ({MAX_HEAD}) bytes sin final ya no puede caber, y no lo dijiste hasta \
             tener {kept}."
        )
    })
}

fn on_readable_no_vuelve_a_mirar_lo_ya_examinado() -> Outcome {
    let mut input = b"\r\n\r\n".to_vec();
    input.extend_from_slice(&[b'x'; 100]);
    let mut reading = Reading::of([bytes(b"algo")]);
    reading.request.scanned = input.len();
    reading.request.input = input;
    let step = reading.next()?;
    ensure(step == Step::Wait, || {
        format!(
            "`on_readable` volvió a mirar bytes que ya estaban examinados: la prueba puso un final \
             en ellos, a propósito, y salió {}. Da `self.scanned` a `end_of_head`, y pon en él \
             cuánto se ha examinado.",
            brief(&step)
        )
    })
}

fn con_un_socket_de_verdad() -> Outcome {
    let (mut client, mut stream) = connected()?;
    let reading = Task::start("leer de un socket hasta el final", move || {
        let mut request = Request::default();
        let mut steps = Vec::new();
        // Bloqueante: cada lectura espera a que llegue algo, así que no hay más vueltas que bytes.
        while steps.len() <= HEAD.len() {
            match request.on_readable(&mut stream) {
                Step::Wait => {}
                step @ Step::Head(_) => steps.push(step),
                step => {
                    steps.push(step);
                    break;
                }
            }
        }
        steps
    })?;
    reading.explain(client.send_in_pieces(HEAD, 7).and_then(|()| client.half_close()))?;
    let steps = reading.finish(LIMIT)?;
    let what = "lo que dio la conversación, sin contar los Wait";
    ensure_equal(what, vec![head(HEAD), Step::Left], steps)
}

by_hand!(|listener| {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients = HashMap::new();
    let mut arrived = 0;
    loop {
        let mut events = [EpollEvent::empty(); 64];
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => count,
            // Ctrl-Z y `fg` también despiertan (signal(7)).
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..count] {
            let id = event.data();
            if id == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                arrived += 1;
                epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, arrived))?;
                clients.insert(arrived, (stream, Request::default()));
            } else if let Some((stream, request)) = clients.get_mut(&id) {
                let step = request.on_readable(stream);
                writeln!(io::stdout(), "cliente {id}: {}", brief(&step))?;
                if step != Step::Wait {
                    answer(stream, &step);
                    // Cerrarlo lo quita también de epoll.
                    clients.remove(&id);
                }
            }
        }
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let client = hands.open("nc -C")?;
    client.types("GET /hola HTTP/1.1\nHost: x\n");
    hands.wait_for_server("Wait")?;
    client.types("\n");
    client.shows("Host: x")
});

/// Devuelve a quien pregunta su propia cabecera. Cabe siempre en un búfer de salida vacío.
fn answer(stream: &mut TcpStream, step: &Step) {
    let (status, body) = match step {
        Step::Head(head) => ("200 OK", head.as_slice()),
        Step::TooLong => ("431 Request Header Fields Too Large", &b"No cabe.\n"[..]),
        _ => return,
    };
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    // Si ya se fue, no hay a quién responder.
    let _ = stream.write_all(&response);
}

/// Llama a `end_of_head` y comprueba lo que dice.
fn looks(input: &'static [u8], scanned: usize, expected: Option<usize>) -> Outcome {
    let got = search(input, scanned)?;
    let text = input.escape_ascii();
    ensure_equal(format!("`end_of_head` de «{text}» con scanned = {scanned}"), &expected, &got)
}

fn search(input: &[u8], scanned: usize) -> Result<Option<usize>, Failure> {
    let input = input.to_vec();
    within(LIMIT, "buscar el final de una cabecera", move || end_of_head(&input, scanned))
}

/// Una petición que va llegando por un socket de mentira.
#[derive(Default)]
struct Reading {
    request: Request,
    source: Source,
}

impl Reading {
    fn of(pieces: impl IntoIterator<Item = Piece>) -> Reading {
        Reading { request: Request::default(), source: Source::of(pieces) }
    }

    /// Un aviso más.
    fn next(&mut self) -> Result<Step, Failure> {
        lending(LIMIT, "atender un EPOLLIN", self, |reading| {
            reading.request.on_readable(&mut reading.source)
        })
    }

    /// Un aviso más, y lo que debe dar.
    fn gives(&mut self, when: &str, expected: &Step) -> Outcome {
        let step = self.next()?;
        ensure(step == *expected, || {
            format!("`on_readable` {when} debía dar {}, y dio {}.", brief(expected), brief(&step))
        })
    }

    /// Avisos hasta que deje de esperar, o hasta `most`.
    fn until_it_decides(&mut self, most: usize) -> Result<Step, Failure> {
        for _ in 1..most {
            let step = self.next()?;
            if step != Step::Wait {
                return Ok(step);
            }
        }
        self.next()
    }

    /// Lo que debe quedar guardado.
    fn keeps(&self, input: &[u8], scanned: usize) -> Outcome {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        ensure_equal("lo que queda en `input`", text(input), text(&self.request.input))?;
        let what = format!("`scanned`, con {} en `input`", counted(input.len(), "byte", "bytes"));
        ensure_equal(&what, &scanned, &self.request.scanned)
    }
}

fn head(text: &[u8]) -> Step {
    Step::Head(text.to_vec())
}

/// Una cabecera de `length` bytes justos.
fn head_of(length: usize) -> Vec<u8> {
    let (start, end) = (b"GET / HTTP/1.1\r\nX: ", b"\r\n\r\n");
    let filling = vec![b'x'; length - start.len() - end.len()];
    [&start[..], &filling, end].concat()
}

/// Un paso, sin kilobytes de cabecera.
fn brief(step: &Step) -> String {
    match step {
        Step::Head(head) if head.len() > 100 => format!("Head con {} bytes", head.len()),
        Step::Head(head) => format!("Head con «{}»", head.escape_ascii()),
        other => format!("{other:?}"),
    }
}
