//! Las trazas que muestra el libro son las de estos programas: se repiten y se comparan.
//!
//! `INSTA_UPDATE=always cargo test -p mas_alla` escribe las nuevas en su sitio; léelas con
//! `git diff` antes de darlas por buenas.

use std::env;
use std::fs;
use std::path::Path;

use harness::{Conversation, Failure, Peer, chat, frame};
use mas_alla::strace::{Traced, skip};

const CALLS: &str = "network,epoll_create1,epoll_ctl,epoll_wait,eventfd2,poll,io_uring_enter,close";

/// Si aquí se puede comparar: las trazas son de Linux en x86-64.
fn comparable() -> Result<bool, Failure> {
    let untested = "las trazas de «Más allá»";
    if cfg!(not(target_arch = "x86_64")) {
        return skip(untested, "en otra arquitectura las llamadas son otras").map(|()| false);
    }
    Traced::available(untested)
}

fn start(program: &str) -> Result<Traced, Failure> {
    Traced::start(Path::new(program), &["--port", "0"], CALLS)
}

/// Lo que va haciendo un servidor, en trozos.
struct Story<'a> {
    traced: &'a Traced,
    told: usize,
}

impl Story<'_> {
    /// Compara lo ocurrido desde el trozo anterior con lo que muestra el libro. Espera a que haya
    /// `times` llamadas con `last`, que es con la que acaba.
    fn tells(&mut self, name: &str, last: &str, times: usize) -> Result<(), Failure> {
        self.traced.wait_for(last, times)?;
        let calls = self.traced.calls()?;
        let text: String = calls[self.told..].iter().map(|call| normalised(call) + "\n").collect();
        self.told = calls.len();
        compare(name, &text)
    }
}

fn compare(name: &str, text: &str) -> Result<(), Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sesiones").join(name);
    if env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always") {
        fs::write(&path, text)?;
    }
    let shown = fs::read_to_string(&path)?;
    assert_eq!(text, shown, "la traza ya no es la de sesiones/{name}");
    Ok(())
}

/// Sin lo que cambia de una vez a otra: puertos, punteros y plazos.
fn normalised(call: &str) -> String {
    let mut call = call.to_owned();
    while let Some((before, rest)) = call.split_once("{sa_family=") {
        let after = rest.split_once(')').and_then(|(_, rest)| rest.split_once(")}"));
        let after = after.map_or("", |(_, after)| after);
        call = format!("{before}{{127.0.0.1:…}}{after}");
    }
    let call = replaced(&call, "data={", "}", "data=…");
    let call = replaced(&call, "data=0x", "}", "data=…}");
    let call = replaced(&call, ", 0x", ",", ", …,");
    let call = call.replace(" (Resource temporarily unavailable)", "");
    let call = match call.split_once("IORING_ENTER_GETEVENTS") {
        // Las demás banderas dependen de lo que sepan este núcleo y este strace.
        Some((before, _)) => format!("{before}IORING_ENTER_GETEVENTS, …) = {}", result(&call)),
        None => call,
    };
    let call = match call.split_once("  ") {
        Some((before, _)) => format!("{before} = {}", result(&call)),
        None => call,
    };
    shortened(&call)
}

/// Lo que devolvió una llamada.
fn result(call: &str) -> &str {
    call.rsplit_once("= ").map_or("", |(_, result)| result)
}

/// Cambia cada trozo que va de `start` a `end`, ellos incluidos.
fn replaced(text: &str, start: &str, end: &str, with: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(start) {
        let Some((_, after)) = after.split_once(end) else { break };
        result += before;
        result += with;
        rest = after;
    }
    result + rest
}

/// Los milisegundos que duerme `epoll_wait`, si tiene un plazo.
fn shortened(call: &str) -> String {
    let Some((before, rest)) = call.split_once("], ") else { return call.to_owned() };
    let Some((count, timeout)) = rest.split_once(", ") else { return call.to_owned() };
    let Some((timeout, result)) = timeout.split_once(')') else { return call.to_owned() };
    match timeout.parse::<u32>() {
        Ok(1..) if call.starts_with("epoll_wait") => {
            format!("{before}], {count}, PLAZO){result}")
        }
        _ => call.to_owned(),
    }
}

fn say(peer: &mut Peer, text: &str) -> Result<(), Failure> {
    peer.send(text)?;
    peer.expect(text)
}

#[test]
fn la_traza_del_eco_sobre_poll() -> Result<(), Failure> {
    if !comparable()? {
        return Ok(());
    }
    let traced = start(env!("CARGO_BIN_EXE_eco_poll"))?;
    let echo = Conversation::with(traced.server().address());
    let mut ana = echo.peer("ana")?;
    let mut beto = echo.peer("beto")?;
    traced.wait_for("accept4(", 2)?;
    say(&mut ana, "hola\n")?;
    traced.wait_for("sendto(", 1)?;
    let mut story = Story { traced: &traced, told: traced.calls()?.len() };
    say(&mut beto, "adiós\n")?;
    story.tells("poll_eco.txt", "sendto(", 2)
}

#[test]
fn la_traza_del_eco_por_flanco() -> Result<(), Failure> {
    if !comparable()? {
        return Ok(());
    }
    let traced = start(env!("CARGO_BIN_EXE_eco_flanco"))?;
    traced.wait_for("epoll_ctl(", 2)?;
    let mut story = Story { traced: &traced, told: traced.calls()?.len() };
    let mut ana = Conversation::with(traced.server().address()).peer("ana")?;
    story.tells("flanco_llegada.txt", "EAGAIN", 2)?;
    say(&mut ana, "hola\n")?;
    story.tells("flanco_eco.txt", "EAGAIN", 3)
}

#[test]
fn la_traza_del_eco_sobre_io_uring() -> Result<(), Failure> {
    if !comparable()? {
        return Ok(());
    }
    let traced = match start(env!("CARGO_BIN_EXE_eco_uring")) {
        Err(failure) if failure.to_string().contains("no permite usar io_uring") => {
            return skip("la traza de io_uring", "este sistema no lo permite");
        }
        traced => traced?,
    };
    let mut ana = Conversation::with(traced.server().address()).peer("ana")?;
    say(&mut ana, "uno\n")?;
    traced.settled()?;
    let mut story = Story { traced: &traced, told: traced.calls()?.len() };
    let done = story.told;
    say(&mut ana, "dos\n")?;
    say(&mut ana, "tres\n")?;
    traced.wait_for("", done + 4)?;
    story.tells("uring_eco.txt", "io_uring_enter(", 4)
}

#[test]
fn la_traza_del_chat_sobre_mio() -> Result<(), Failure> {
    if !comparable()? {
        return Ok(());
    }
    let traced = start(env!("CARGO_BIN_EXE_chat_mio"))?;
    let room = Conversation::in_frames(traced.server().address());
    let mut ana = enter(&traced, &room, "ana", 1)?;
    let mut beto = enter(&traced, &room, "beto", 2)?;
    ana.expect_frame(chat::joined(2, &beto))?;
    traced.wait_for("EAGAIN", 4)?;
    let mut story = Story { traced: &traced, told: traced.calls()?.len() };
    ana.send_frame("hola")?;
    beto.expect_frame(chat::said(&ana, "hola"))?;
    story.tells("mio_mensaje.txt", "EAGAIN", 5)
}

#[test]
fn la_traza_del_chat_sobre_tokio() -> Result<(), Failure> {
    if !comparable()? {
        return Ok(());
    }
    let traced = start(env!("CARGO_BIN_EXE_chat_tokio"))?;
    traced.wait_for("EPOLL_CTL_ADD", 3)?;
    // Lo anterior es la carga del programa.
    let told = traced.calls()?.iter().position(|call| call.starts_with("epoll_create1"));
    let mut story = Story { traced: &traced, told: told.unwrap_or_default() };
    story.tells("tokio_arranque.txt", "EPOLL_CTL_ADD", 3)?;
    let room = Conversation::in_frames(traced.server().address());
    let mut ana = enter(&traced, &room, "ana", 1)?;
    story.tells("tokio_llegada.txt", "CLIENT: 127.0.0.1", 1)?;
    let mut beto = enter(&traced, &room, "beto", 2)?;
    ana.expect_frame(chat::joined(2, &beto))?;
    // Lo que se entrega a cada uno lo escribe su tarea, y cuál va primero no está dicho.
    traced.wait_for("(Conectado", 1)?;
    traced.wait_for("CLIENT: 127.0.0.1", 2)?;
    story.told = traced.calls()?.len();
    ana.send_frame("hola")?;
    beto.expect_frame(chat::said(&ana, "hola"))?;
    story.tells("tokio_mensaje.txt", "sendto(11", 2)?;
    beto.half_close()?;
    ana.expect_frame(chat::left(&beto))?;
    story.tells("tokio_despedida.txt", "(Desconectado", 1)
}

/// Entra paso a paso, para que cada uno sea un suceso distinto para el servidor: primero se
/// conecta y, cuando ya le han mirado el socket vacío, dice su nombre.
fn enter(traced: &Traced, room: &Conversation, name: &str, number: usize) -> Result<Peer, Failure> {
    let mut peer = room.peer(name)?;
    traced.wait_for("[{events=EPOLLOUT", number)?;
    peer.send(frame::encode(format!("NAME: {name}")))?;
    chat::expect_welcome(&mut peer)?;
    Ok(peer)
}
