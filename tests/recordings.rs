//! Las grabaciones que muestra el libro, hechas otra vez: la misma conversación deja hoy las mismas
//! llamadas, en el mismo orden, sobre los mismos descriptores y desde las mismas líneas.
//!
//! No se comparan los momentos, los puertos ni lo que guardaba el núcleo, que son de cada vez. Con
//! `INSTA_UPDATE=always`, donde ya no sea la misma se escribe la de hoy.
#![allow(clippy::unwrap_used, reason = "todo este programa es una prueba")]

mod calls;
mod watched;

use std::fs;
use std::path::Path;

use harness::{Failure, Signal, chat, frame, numbered_lines, tools};

use calls::Repeats;
use watched::Watched;

/// Más peticiones de las que caben, con sus respuestas, entre el servidor y quien no lee.
const REQUESTS: usize = 30_000;

/// Los marcos de 60 000 letras que caben seguro entre el servidor y quien no lee.
const FRAMES: usize = 4;

#[test]
fn el_eco_con_dos_clientes_y_uno_que_calla() -> Result<(), Failure> {
    let kept = "lessons/02_02_threading/grabaciones/02_02";
    let arguments = ["--serve", "--port", "0"];
    let Some(echo) = Watched::lesson(kept, "aplic_02_02", &arguments)? else { return Ok(()) };
    echo.sleeps("poll", 1)?;
    let mut ana = echo.talk().peer("ana")?;
    echo.sleeps("recvfrom", 1)?;
    echo.sleeps("poll", 2)?;
    ana.send("hola\n")?;
    ana.expect("hola\n")?;
    echo.sleeps("recvfrom", 2)?;
    let mut beto = echo.talk().peer("beto")?;
    echo.sleeps("recvfrom", 3)?;
    echo.sleeps("poll", 3)?;
    beto.send("¿hay alguien?\n")?;
    beto.expect("¿hay alguien?\n")?;
    echo.sleeps("recvfrom", 4)?;
    beto.half_close()?;
    beto.expect_end()?;
    echo.calls("close", 7, 1)?;
    echo.sleeps("poll", 4)?;
    ana.send("sigo aquí\n")?;
    ana.expect("sigo aquí\n")?;
    echo.sleeps("recvfrom", 5)?;
    ana.half_close()?;
    ana.expect_end()?;
    echo.calls("close", 6, 1)?;
    echo.sleeps("poll", 5)?;
    let _eva = echo.talk().peer("eva")?;
    echo.sleeps("recvfrom", 6)?;
    echo.sleeps("poll", 6)?;
    echo.ends(Signal::SIGINT, Repeats::All)
}

#[test]
fn el_chat_de_ana_y_beto() -> Result<(), Failure> {
    let kept = "lessons/02_03_select_chat/grabaciones/02_03";
    let arguments = ["--name", "servidor", "--port", "0"];
    let Some(server) = Watched::lesson(kept, "aplic_02_03", &arguments)? else { return Ok(()) };
    let conversation = server.chat();
    server.sleeps("pselect6", 1)?;
    let mut ana = conversation.peer("ana")?;
    server.sleeps("pselect6", 2)?;
    // El marco, en dos trozos: la longitud, y un rato después el texto.
    ana.send([0, 0, 0, 9])?;
    server.sleeps("pselect6", 3)?;
    ana.send("NAME: ana")?;
    chat::expect_welcome(&mut ana)?;
    server.sleeps("pselect6", 4)?;
    let mut beto = conversation.peer("beto")?;
    server.sleeps("pselect6", 5)?;
    beto.send_frame("NAME: beto")?;
    chat::expect_welcome(&mut beto)?;
    ana.expect_frame(chat::joined(2, &beto))?;
    server.sleeps("pselect6", 6)?;
    ana.send_frame("hola")?;
    beto.expect_frame(chat::said(&ana, "hola"))?;
    server.sleeps("pselect6", 7)?;
    let farewell = chat::left(&beto);
    beto.close();
    ana.expect_frame(farewell)?;
    server.sleeps("pselect6", 8)?;
    server.type_in("salir\n");
    server.repeats(Repeats::All)
}

#[test]
fn el_chat_con_quien_lee_despacio() -> Result<(), Failure> {
    let kept = "lessons/02_03_select_chat/grabaciones/02_03_lento";
    let arguments = ["--name", "servidor", "--port", "0"];
    let Some(server) = Watched::lesson(kept, "aplic_02_03", &arguments)? else { return Ok(()) };
    let conversation = server.chat();
    server.sleeps("pselect6", 1)?;
    let mut eva = chat::join(&conversation, "eva")?;
    let mut beto = conversation.peer_with_receive_buffer("beto", 4096)?;
    beto.send_frame("NAME: beto")?;
    chat::expect_welcome(&mut beto)?;
    eva.expect_frame(chat::joined(2, &beto))?;
    // Habla hasta que el servidor deja de leerla: ya no cabe más en ninguna parte.
    let frame = frame::encode("a".repeat(60_000));
    let mut said = "NAME: eva".len() + 4;
    for _ in 0..FRAMES {
        eva.send(&frame)?;
        said += frame.len();
        server.has_read(5, said)?;
    }
    let talking = eva.send_meanwhile(frame.repeat(FRAMES))?;
    server.stops_reading(5)?;
    for _ in 0..2 * FRAMES {
        beto.next_frame()?;
        server.dozes()?;
    }
    talking.finish()?;
    server.type_in("salir\n");
    server.repeats(Repeats::Kinds)
}

#[test]
fn la_web_con_media_petición_y_quien_no_lee() -> Result<(), Failure> {
    let kept = "lessons/02_04_epoll_web/grabaciones/02_04";
    let Some(server) = Watched::lesson(kept, "aplic_02_04", &["--port", "0"])? else {
        return Ok(());
    };
    server.sleeps("epoll_wait", 1)?;
    let mut nc = server.talk().peer("nc")?;
    server.sleeps("epoll_wait", 2)?;
    nc.send("GET / HTTP/1.1\r\n")?;
    server.sleeps("epoll_wait", 3)?;
    nc.send("Host: 127.0.0.1\r\n\r\n")?;
    nc.expect_response()?;
    server.sleeps("epoll_wait", 4)?;
    let mut slow = server.talk().peer_with_receive_buffer("quien no lee", 4096)?;
    server.sleeps("epoll_wait", 5)?;
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let asking = slow.send_meanwhile(request.repeat(REQUESTS))?;
    server.asks_for("EPOLLOUT")?;
    for _ in 0..REQUESTS {
        slow.expect_response()?;
    }
    asking.finish()?;
    slow.close();
    server.calls("close", 7, 1)?;
    nc.close();
    server.calls("close", 6, 1)?;
    server.ends(Signal::SIGINT, Repeats::Kinds)
}

#[test]
fn t3_10_un_chat_que_gira() -> Result<(), Failure> {
    let kept = "book/ejemplos/grabaciones/autopsia_gira";
    let Some(server) = Watched::python(kept, "autopsia_gira")? else { return Ok(()) };
    server.sleeps("pselect6", 1)?;
    let mut ana = server.talk().peer("ana")?;
    server.calls("accept4", 3, 1)?;
    let mut beto = server.talk().peer("beto")?;
    server.calls("accept4", 3, 2)?;
    ana.send("hola\n")?;
    beto.expect("hola\n")?;
    server.calls("sendto", 5, 1)?;
    server.ends(Signal::SIGTERM, Repeats::Kinds)
}

#[test]
fn t3_03_un_chat_congelado() -> Result<(), Failure> {
    let kept = "book/ejemplos/grabaciones/autopsia_congelado";
    let Some(server) = Watched::python(kept, "autopsia_congelado")? else { return Ok(()) };
    server.sleeps("pselect6", 1)?;
    let mut ana = server.talk().peer("ana")?;
    server.sleeps("recvfrom", 1)?;
    ana.send("ana\n")?;
    server.sleeps("pselect6", 2)?;
    let _beto = server.talk().peer("beto")?;
    server.sleeps("recvfrom", 2)?;
    ana.send("¿hay alguien?\n")?;
    server.holds(4, 15)?;
    let _eva = server.talk().peer("eva")?;
    server.holds(3, 1)?;
    server.ends(Signal::SIGTERM, Repeats::All)
}

#[test]
fn un_eco_por_flanco_que_lee_una_vez() -> Result<(), Failure> {
    let kept = "book/ejemplos/grabaciones/autopsia_flanco";
    let Some(server) = Watched::python(kept, "autopsia_flanco")? else { return Ok(()) };
    server.sleeps("epoll_wait", 1)?;
    let mut ana = server.talk().peer("ana")?;
    server.sleeps("epoll_wait", 2)?;
    ana.send("uno, dos, tres, cuatro, cinco y seis")?;
    ana.expect("uno, dos, tres, ")?;
    server.sleeps("epoll_wait", 3)?;
    server.holds(5, 20)?;
    ana.send("!")?;
    ana.expect("cuatro, cinco y ")?;
    server.sleeps("epoll_wait", 4)?;
    server.holds(5, 5)?;
    server.ends(Signal::SIGTERM, Repeats::All)
}

#[test]
fn un_eco_al_que_le_pasa_algo() -> Result<(), Failure> {
    let kept = "book/ejemplos/grabaciones/adivina";
    let Some(server) = Watched::python(kept, "adivina")? else { return Ok(()) };
    server.sleeps("epoll_wait", 1)?;
    let mut ana = server.talk().peer_with_receive_buffer("ana", 2048)?;
    server.sleeps("epoll_wait", 2)?;
    for times in 3..7 {
        ana.send(&numbered_lines(4096)[..4096])?;
        server.sleeps("epoll_wait", times)?;
    }
    ana.half_close()?;
    server.calls("close", 5, 1)?;
    ana.drain()?;
    server.ends(Signal::SIGTERM, Repeats::Kinds)
}

#[test]
fn el_libro_dice_lo_que_cuenta_el_programa_que_lee_una_grabación() -> Result<(), Failure> {
    const COMMAND: &str =
        "python3 book/ejemplos/python/cuenta.py book/ejemplos/grabaciones/adivina.jsonl";
    if !tools::available("python3", COMMAND)? {
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exit = prose::run(root, COMMAND, "")?;
    let chapter = fs::read_to_string(root.join("lessons/02_06_inside/capitulo.md"))?;
    let quoted = format!("$ {COMMAND}\n{}", exit.stdout);
    assert!(chapter.contains(&quoted), "el capítulo debe decir:\n{quoted}");
    Ok(())
}
