//! Las trazas que muestra el libro son las de estos programas: se repiten y se comparan.
//!
//! `INSTA_UPDATE=always cargo test -p mas_alla` escribe las nuevas en su sitio; léelas con
//! `git diff` antes de darlas por buenas.

use std::path::Path;
use std::sync::LazyLock;

use harness::{Conversation, Failure, Peer, chat, frame, tools};
use prose::{Traced, Varying, recorded};

const CALLS: &str = "network,epoll_create1,epoll_ctl,epoll_wait,eventfd2,poll,io_uring_enter,close";

/// Un servidor que ya escucha, si aquí se puede comparar lo que hace.
fn start(program: &str) -> Result<Option<Traced>, Failure> {
    if !Traced::comparable("las trazas de «Más allá»")? {
        return Ok(None);
    }
    Traced::start(Path::new(program), &["--port", "0"], CALLS, &["-f", "-s", "64"]).map(Some)
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
        let now: String =
            calls[self.told..].iter().map(|call| ERASED.erased(call) + "\n").collect();
        self.told = calls.len();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sesiones").join(name);
        recorded(&file, &now, str::to_owned)
    }
}

/// Lo que cambia de una vez a otra (puertos, punteros y plazos), y lo que no cabe a lo ancho.
static ERASED: LazyLock<Varying> = LazyLock::new(|| {
    Varying::new(&[
        (r"\{sa_family=.*?\).*?\)\}", "{127.0.0.1:…}"),
        (r"data=\{.*?\}", "data=…"),
        (r"data=0x.*?\}", "data=…}"),
        (r", 0x.*?,", ", …,"),
        (r" \(Resource temporarily unavailable\)", ""),
        // Las demás banderas dependen de lo que sepan este núcleo y este strace.
        (r"IORING_ENTER_GETEVENTS.*= ", "IORING_ENTER_GETEVENTS, …) = "),
        (r"  .*= ", " = "),
        // La ficha de cada descriptor, en dos líneas: no caben en una página.
        (r"^(poll\(.*?fd=4.*?\},) ", "$1\n      "),
        (r"^(epoll_wait.*?\], [^,]*, )[1-9][0-9]*\)", "${1}PLAZO)"),
    ])
});

fn say(peer: &mut Peer, text: &str) -> Result<(), Failure> {
    peer.send(text)?;
    peer.expect(text)
}

#[test]
fn la_traza_del_eco_sobre_poll() -> Result<(), Failure> {
    let Some(traced) = start(env!("CARGO_BIN_EXE_eco_poll"))? else { return Ok(()) };
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
    let Some(traced) = start(env!("CARGO_BIN_EXE_eco_flanco"))? else { return Ok(()) };
    traced.wait_for("epoll_ctl(", 2)?;
    let mut story = Story { traced: &traced, told: traced.calls()?.len() };
    let mut ana = Conversation::with(traced.server().address()).peer("ana")?;
    story.tells("flanco_llegada.txt", "EAGAIN", 2)?;
    say(&mut ana, "hola\n")?;
    story.tells("flanco_eco.txt", "EAGAIN", 3)
}

#[test]
fn la_traza_del_eco_sobre_io_uring() -> Result<(), Failure> {
    let traced = match start(env!("CARGO_BIN_EXE_eco_uring")) {
        Err(failure) if failure.to_string().contains("no permite usar io_uring") => {
            return tools::skip("este sistema no lo permite", "la traza de io_uring");
        }
        traced => traced?,
    };
    let Some(traced) = traced else { return Ok(()) };
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
    let Some(traced) = start(env!("CARGO_BIN_EXE_chat_mio"))? else { return Ok(()) };
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
    let Some(traced) = start(env!("CARGO_BIN_EXE_chat_tokio"))? else { return Ok(()) };
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
