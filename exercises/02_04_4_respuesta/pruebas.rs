//! Las pruebas de 02_04_4_respuesta: con un socket de mentira que admite en cada escritura lo que
//! se le diga, con uno de verdad vigilado por epoll, y con el servidor entero.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod client;
pub mod server;

use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

use client::{Client, Outgoing};
use ejercicios::epoll::names;
use ejercicios::fake::Sink;
use ejercicios::fake::Space::{self, Fits, Refuses};
use ejercicios::prelude::*;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use server::serve;
use socket2::SockRef;

/// Una respuesta corta, sin dos bytes iguales.
const ANSWER: &[u8] = b"0123456789abcdefghij";

/// Más de lo que suelen admitir los búferes del núcleo (tcp(7)).
const LARGE: usize = 8_000_000;

/// Lo que se espera un aviso que ha de llegar: menos que el límite de la prueba, que no diría cuál.
const ENOUGH: Duration = Duration::from_secs(1);

/// Lo que se da a lo que no debe ocurrir, por si ocurre.
const A_WHILE: Duration = Duration::from_millis(50);

/// Lo que se mira si el hilo gira sin tener nada que hacer.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

ejercicios::tests! {
    lo_que_cabe_sale_enseguida,
    lo_que_no_cabe_se_guarda,
    sigue_por_donde_iba,
    lo_nuevo_va_detrás_de_lo_que_falta,
    si_no_cabe_nada_no_insiste,
    una_señal_no_es_un_fallo,
    quien_ya_no_está_sí_es_un_fallo,
    se_pide_epollout_solo_mientras_falte_algo,
    mientras_falte_algo_no_se_le_lee,
    quien_no_recoge_no_hace_esperar_a_los_demás,
    a_quien_lee_despacio_le_llega_entera,
    quien_corta_a_mitad_no_se_lleva_a_nadie,
    con_todo_escrito_duerme,
}

fn lo_que_cabe_sale_enseguida() -> Outcome {
    let mut answering = Answering::over([]);
    answering.send(ANSWER)?;
    ensure(!answering.sink.written.is_empty(), || {
        "Había sitio, y `send` no escribió nada. Casi siempre cabe todo: esperar a EPOLLOUT sería \
         otra vuelta del bucle para cada respuesta."
    })?;
    answering.owes(ANSWER, 0)
}

fn lo_que_no_cabe_se_guarda() -> Outcome {
    let mut answering = Answering::over([Fits(7)]);
    answering.send(ANSWER)?;
    answering.called(1, "`send`, si de 20 bytes solo cupieron 7,")?;
    answering.owes(ANSWER, 13)?;
    answering.finish()?;
    answering.owes(ANSWER, 0)
}

fn sigue_por_donde_iba() -> Outcome {
    let mut answering = Answering::over((1..=5).map(Fits));
    answering.send(ANSWER)?;
    for (times, left) in [(2, 17), (3, 14), (4, 10), (5, 5)] {
        answering.on_writable()?;
        answering.called(times, "`on_writable`, por cada aviso,")?;
        answering.owes(ANSWER, left)?;
    }
    answering.finish()?;
    answering.owes(ANSWER, 0)
}

fn lo_nuevo_va_detrás_de_lo_que_falta() -> Outcome {
    // Cuando llega la segunda respuesta ya vuelve a haber sitio: aun así, le toca después.
    let mut answering = Answering::over([Fits(7)]);
    answering.send(&ANSWER[..10])?;
    answering.send(&ANSWER[10..])?;
    answering.finish()?;
    answering.owes(ANSWER, 0).hint(
        "eran dos respuestas de diez bytes, y de la primera faltaban tres cuando llegó la \
         segunda: lo nuevo va detrás de lo que falta",
    )
}

fn si_no_cabe_nada_no_insiste() -> Outcome {
    let mut answering = Answering::over([Refuses(ErrorKind::WouldBlock)]);
    answering.send(ANSWER).hint(
        "que ahora no quepa no es un fallo: el cliente sigue ahí, y epoll avisará cuando haya \
         sitio",
    )?;
    answering.called(1, "`send`, si no cabía nada,")?;
    answering.owes(ANSWER, ANSWER.len())?;
    answering.sink.space.push_back(Refuses(ErrorKind::WouldBlock));
    answering.on_writable()?;
    answering.called(2, "`on_writable`, si al final no había sitio,")?;
    answering.finish()?;
    answering.owes(ANSWER, 0)
}

fn una_señal_no_es_un_fallo() -> Outcome {
    let mut answering = Answering::over([Refuses(ErrorKind::Interrupted), Fits(5)]);
    answering.send(ANSWER).map_err(interrupted)?;
    answering.sink.space.push_front(Refuses(ErrorKind::Interrupted));
    answering.on_writable().map_err(interrupted)?;
    answering.finish()?;
    answering.owes(ANSWER, 0)
}

fn quien_ya_no_está_sí_es_un_fallo() -> Outcome {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset] {
        let mut answering = Answering::over([Refuses(kind)]);
        let sent = answering.try_send(ANSWER)?;
        ensure_equal(format!("lo que devuelve `send` si `write` da {kind:?}"), Err(kind), sent)?;
        let mut answering = Answering::over([Fits(7), Refuses(kind)]);
        answering.send(ANSWER)?;
        let written = answering.try_on_writable()?;
        let what = format!("lo que devuelve `on_writable` si `write` da {kind:?}");
        ensure_equal(&what, Err(kind), written)?;
    }
    Ok(())
}

fn se_pide_epollout_solo_mientras_falte_algo() -> Outcome {
    with_client(|room| {
        room.send(ANSWER)?;
        room.says_nothing("cuando la respuesta ya salió entera")?;
        room.fill()?;
        room.peer_reads_everything()?;
        room.says_nothing("cuando por fin salió todo")
    })
}

fn mientras_falte_algo_no_se_le_lee() -> Outcome {
    with_client(|room| {
        room.fill()?;
        room.peer()?.send("otra petición")?;
        let flags = room.wait(A_WHILE)?;
        ensure(flags.is_none_or(|flags| !flags.contains(EpollFlags::EPOLLIN)), || {
            format!(
                "Al cliente le faltaba media respuesta, no la recogía y pidió otra, y epoll avisó \
                 con {}. Quien no recoge lo que pidió no debe pedir más: mientras falte algo, \
                 EPOLLOUT y nada más.",
                said(flags)
            )
        })?;
        room.peer_reads_everything()?;
        let flags = room.wait(ENOUGH)?;
        ensure(flags == Some(EpollFlags::EPOLLIN), || {
            format!(
                "La respuesta ya salió entera, la siguiente petición del cliente está esperando, y \
                 epoll dijo {}. Con todo escrito, lo que se espera vuelve a ser EPOLLIN.",
                said(flags)
            )
        })
    })
}

fn quien_no_recoge_no_hace_esperar_a_los_demás() -> Outcome {
    with_loop(|clients, server| {
        let mut deaf = clients.peer_with_receive_buffer("quien no recoge", 4096)?;
        deaf.send(request(LARGE))?;
        let mut other = clients.peer("otro")?;
        let served =
            receives(&mut other, 5).and_then(|()| receives(&mut clients.peer("uno nuevo")?, 5));
        // Aquí, y no fuera: quien no recoge sigue conectado.
        server.explain_what_it_does(
            served
                .hint("otro cliente pidió 8 000 000 bytes y no los recoge: ¿tiene parado al hilo?"),
        )
    })
}

fn a_quien_lee_despacio_le_llega_entera() -> Outcome {
    with_loop(|clients, server| {
        let mut slow = clients.peer_with_receive_buffer("quien lee despacio", 16 * 1024)?;
        slow.send([request(LARGE), request(5)].concat())?;
        slow.pause(A_WHILE);
        let received = receives_all(&mut slow, LARGE).and_then(|()| receives_all(&mut slow, 5));
        let why = "lo que no cupo espera en `pending`: ¿quién avisa de que vuelve a haber sitio?";
        server.explain_what_it_does(received.hint(why))
    })
}

fn quien_corta_a_mitad_no_se_lleva_a_nadie() -> Outcome {
    with_loop(|clients, _| {
        let mut other = clients.peer("otro")?;
        receives(&mut other, 5)?;
        let mut rude = clients.peer_with_receive_buffer("quien corta", 4096)?;
        rude.send(request(LARGE))?;
        // El bucle ya atendió a quien corta: aceptó después a este.
        receives(&mut clients.peer("uno nuevo")?, 5)?;
        rude.reset()?;
        receives(&mut other, 7)
    })
}

fn con_todo_escrito_duerme() -> Outcome {
    with_loop(|clients, server| {
        let mut client = clients.peer("cliente")?;
        client.send(request(LARGE))?;
        receives_all(&mut client, LARGE)?;
        ensure(!server.spins(LONG_ENOUGH), || {
            "Todo estaba escrito, nadie decía nada, y el bucle no duerme: `epoll_wait` vuelve una y \
             otra vez. Si ya no queda nada por escribir, ¿sigues pidiendo EPOLLOUT? Sitio para \
             escribir casi siempre hay."
        })
    })
}

by_hand!(|listener| serve(&listener, tell));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let slow = hands.open("curl -s --limit-rate")?;
    hands.wait_for_server("cliente 1: le faltan")?;
    ensure_equal("lo que recibe el otro", "1....", hands.run("curl http")?.as_str())?;
    ensure(slow.is_busy(), || "El que lee despacio terminó antes que el otro.")
});

/// Una respuesta que va saliendo por un socket de mentira.
#[derive(Default)]
struct Answering {
    out: Outgoing,
    sink: Sink,
}

impl Answering {
    fn over(space: impl IntoIterator<Item = Space>) -> Answering {
        Answering { out: Outgoing::default(), sink: Sink::with(space) }
    }

    fn try_send(&mut self, bytes: &'static [u8]) -> Result<Result<(), ErrorKind>, Failure> {
        self.working("responder", move |out, sink| out.send(sink, bytes))
    }

    fn try_on_writable(&mut self) -> Result<Result<(), ErrorKind>, Failure> {
        self.working("atender un EPOLLOUT", Outgoing::on_writable)
    }

    fn working(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut Outgoing, &mut Sink) -> io::Result<()> + Send + 'static,
    ) -> Result<Result<(), ErrorKind>, Failure> {
        let outcome = lending(LIMIT, what, self, |it| work(&mut it.out, &mut it.sink))?;
        Ok(outcome.map_err(|error| error.kind()))
    }

    fn send(&mut self, bytes: &'static [u8]) -> Outcome {
        self.try_send(bytes)?.map_err(|kind| Failure::new(format!("`send` devolvió {kind:?}.")))
    }

    fn on_writable(&mut self) -> Outcome {
        self.try_on_writable()?
            .map_err(|kind| Failure::new(format!("`on_writable` devolvió {kind:?}.")))
    }

    /// Avisos hasta que no quede nada: con sitio para todo, bastan dos.
    fn finish(&mut self) -> Outcome {
        for _ in 0..2 {
            if !self.out.pending.is_empty() {
                self.on_writable()?;
            }
        }
        Ok(())
    }

    /// Entre lo escrito y lo pendiente está todo, en orden; y pendientes quedan justo `left`.
    fn owes(&self, expected: &[u8], left: usize) -> Outcome {
        let written = &self.sink.written;
        let pending: Vec<u8> = self.out.pending.iter().copied().collect();
        let all = [written.as_slice(), &pending].concat();
        let seen = format!(
            "En el socket hay «{}», y en `pending`, «{}»",
            written.escape_ascii(),
            pending.escape_ascii()
        );
        let count =
            |bytes: usize| if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
        if all.len() < expected.len() {
            let lost = count(expected.len() - all.len());
            return Err(Failure::new(format!(
                "{seen}: de los {} de la respuesta se perdieron {lost}. `write` dice cuántos \
                 admitió el núcleo; los demás siguen siendo cosa tuya.",
                count(expected.len())
            )));
        }
        if all.len() > expected.len() {
            let extra = count(all.len() - expected.len());
            return Err(Failure::new(format!(
                "{seen}: sobran {extra}. Lo que ya salió se quita de `pending`: si no, se repite."
            )));
        }
        ensure(all == expected, || {
            format!("{seen}. Los bytes no están en su orden, que es «{}».", expected.escape_ascii())
        })?;
        ensure_equal("los bytes que quedan en `pending`", &left, &pending.len())
    }

    /// Cuántas veces se ha llamado a `write` hasta ahora.
    fn called(&self, times: usize, who: &str) -> Outcome {
        ensure(self.sink.writes == times, || {
            format!(
                "{who} debía llamar a `write` una sola vez (en total, {times}), y en total van {}. \
                 Insistir hasta que quepa es quedarse con el hilo: mientras tanto no se atiende a \
                 nadie. Lo que falte saldrá cuando epoll avise.",
                self.sink.writes
            )
        })
    }
}

fn interrupted(failure: Failure) -> Failure {
    failure.hint("una señal interrumpió la escritura (EINTR): no salió nada, y no es un fallo")
}

/// Un cliente que epoll ya vigila, con poco sitio para escribirle, y quien está al otro lado.
struct Watched {
    epoll: Epoll,
    client: Client,
    peer: Option<Peer>,
    /// Lo que se le ha respondido y aún no ha leído.
    unread: Vec<u8>,
}

fn with_client(script: impl FnOnce(&mut Watched) -> Outcome + Send + 'static) -> Outcome {
    let (peer, stream) = connected_narrowly(4096)?;
    SockRef::from(&stream).set_send_buffer_size(4096)?;
    let client = Client::new(stream, 100)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(io::Error::from)?;
    let event = EpollEvent::new(EpollFlags::EPOLLIN, client.id);
    epoll.add(&client.stream, event).map_err(io::Error::from)?;
    let mut watched = Watched { epoll, client, peer: Some(peer), unread: Vec::new() };
    within(LIMIT, "responder a un cliente y vigilarlo", move || script(&mut watched))?
}

impl Watched {
    fn peer(&mut self) -> Result<&mut Peer, Failure> {
        self.peer.as_mut().ok_or_else(|| Failure::new("Quien estaba al otro lado ya no está."))
    }

    fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.unread.extend_from_slice(bytes);
        let sent = self.client.out.send(&mut self.client.stream, bytes);
        done("`send`", sent)?;
        self.follow_up()
    }

    fn follow_up(&self) -> Outcome {
        self.client.follow_up(&self.epoll).map_err(|error| {
            Failure::new(format!(
                "`follow_up` devolvió {:?}. El cliente ya está en epoll: lo que se espera de él se \
                 cambia, y no se añade otra vez.",
                error.kind()
            ))
        })
    }

    /// El aviso siguiente, si lo hay antes de `limit`.
    fn wait(&self, limit: Duration) -> Result<Option<EpollFlags>, Failure> {
        let mut events = [EpollEvent::empty()];
        let timeout = EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX);
        let count = self.epoll.wait(&mut events, timeout).map_err(io::Error::from)?;
        let Some(event) = events[..count].first() else { return Ok(None) };
        ensure_equal(
            "el número que devuelve epoll, que ha de ser `id` (el evento nuevo sustituye al anterior \
             entero, con su número)",
            &self.client.id,
            &event.data(),
        )?;
        Ok(Some(event.events()))
    }

    fn says_nothing(&self, when: &str) -> Outcome {
        let flags = self.wait(A_WHILE)?;
        ensure(flags.is_none(), || {
            format!(
                "Epoll avisó con {} {when}, y no había nada que hacer: el bucle giraría sin \
                 descanso. Se pide EPOLLOUT solo mientras quede algo por escribir: sitio casi \
                 siempre hay.",
                said(flags)
            )
        })
    }

    /// Responde mucho más de lo que cabe, y atiende los avisos hasta que ya no haya sitio.
    fn fill(&mut self) -> Outcome {
        self.send(&vec![b'x'; 200_000])?;
        while let Some(flags) = self.wait(A_WHILE)? {
            self.on_writable(flags)?;
        }
        ensure(!self.client.out.pending.is_empty(), || {
            "Se respondieron 200 000 bytes a quien no lee, con pocos miles de sitio en el núcleo, \
             y en `pending` no queda nada: se perdieron."
        })
    }

    fn on_writable(&mut self, flags: EpollFlags) -> Outcome {
        ensure(flags.contains(EpollFlags::EPOLLOUT), || {
            format!(
                "Faltaba media respuesta por escribir, y epoll avisó con {}: ahora lo que se espera \
                 es sitio, EPOLLOUT.",
                names(flags)
            )
        })?;
        let written = self.client.out.on_writable(&mut self.client.stream);
        done("`on_writable`", written)?;
        self.follow_up()
    }

    /// Quien está al otro lado lo lee todo, y aquí se atienden los avisos hasta terminar.
    fn peer_reads_everything(&mut self) -> Outcome {
        let mut peer = self.peer.take().ok_or_else(|| Failure::new("Ya estaba leyendo."))?;
        let expected = std::mem::take(&mut self.unread);
        let reading = thread::spawn(move || peer.expect(expected).map(|()| peer));
        while !self.client.out.pending.is_empty() {
            let flags = self.wait(ENOUGH)?;
            let Some(flags) = flags else {
                return Err(Failure::new(format!(
                    "Quien no leía ya lee: en el núcleo hay sitio, en `pending` quedan {} bytes, y \
                     epoll no dijo nada en un segundo. Solo avisa de lo que se le pide: mientras \
                     falte algo, EPOLLOUT.",
                    self.client.out.pending.len()
                )));
            };
            self.on_writable(flags)?;
        }
        self.peer = Some(reading.join().map_err(|_| Failure::new("Nadie pudo leer."))??);
        Ok(())
    }
}

/// Lo que dijo epoll.
fn said(flags: Option<EpollFlags>) -> String {
    flags.map_or("nada".to_owned(), names)
}

/// Pone en marcha el bucle y sigue el guion.
fn with_loop(script: impl FnOnce(&Conversation, &Serving) -> Outcome) -> Outcome {
    with_server("el servidor", listening()?, |listener| serve(&listener, |_| ()), script)
}

fn request(length: usize) -> String {
    format!("GET /{length} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// Pide y recibe.
fn receives(peer: &mut Peer, length: usize) -> Outcome {
    peer.send(request(length))?;
    receives_all(peer, length)
}

/// Recibe una respuesta de ese tamaño, con sus líneas en orden.
fn receives_all(peer: &mut Peer, length: usize) -> Outcome {
    let body = peer.expect_response()?.body;
    let mut expected = (1..).map(|number| format!("{number:.<99}\n"));
    for (place, line) in body.chunks(100).enumerate() {
        let whole = expected.next().unwrap_or_default();
        if line != &whole.as_bytes()[..line.len()] {
            let at = place * 100;
            let headline = format!(
                "«{}» recibió una respuesta de {} bytes, pero desde el {at} no son los suyos.",
                peer.name(),
                body.len()
            );
            return Err(peer.mismatch(headline, &whole, line));
        }
    }
    ensure_equal("los bytes que llegan de la respuesta", &length, &body.len())
}
