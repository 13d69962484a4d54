//! Las pruebas de 02_03_6_lento: la cola con un socket de mentira, y el servidor con los de verdad.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;
pub mod server;

use std::io::ErrorKind::{self, TimedOut, WouldBlock};
use std::io::{self, Write};
use std::time::Duration;

use ejercicio::Outbox;
use ejercicios::prelude::*;
use given::{Full, LIMIT as QUEUE, NOT_READING};
use harness::frame;
use server::serve;
use socket2::SockRef;

/// Lo que se mira si el hilo gasta procesador sin tener nada que hacer.
const A_WHILE: Duration = Duration::from_millis(400);

/// Veces que se tolera que alguien llame a `write` cuando no hay sitio.
const PATIENCE: usize = 50;

/// Búferes del núcleo en los que caben dos o tres mensajes, y no todos.
const SMALL: usize = 16 * 1024;

/// Bytes de cada mensaje de Ana.
const LENGTH: usize = 20_000;

/// Lo que el servidor debe a quien echa.
const OWED: &str =
    "A quien se echa hay que dejarle leer, sin cortarlo, lo que ya estaba en su cola";

/// Mensajes que caben en la cola de quien no lee, y mensajes que no caben.
const FEW: usize = 10;
const MANY: usize = 20;

ejercicios::tests! {
    lo_encolado_sale_en_orden,
    lo_que_no_cabe_en_el_núcleo_se_queda_para_después,
    sin_nada_en_la_cola_no_pide_escribir,
    que_no_haya_sitio_no_es_un_fallo_ni_se_insiste,
    cualquier_corte_da_los_mismos_bytes,
    un_fallo_de_verdad_se_devuelve,
    el_límite_se_mira_antes_de_guardar,
    las_últimas_palabras_van_detrás_y_después_nada,
    al_echar_la_razón_va_detrás_y_una_sola_vez,
    lo_que_dice_uno_les_llega_a_los_demás,
    sin_nada_que_hacer_duerme,
    quien_lee_despacio_lo_recibe_todo_y_en_orden,
    a_quien_no_lee_se_le_echa_y_los_demás_no_lo_notan,
}

fn lo_encolado_sale_en_orden() -> Outcome {
    let mut line = Line::of(100)?;
    line.queue("hola, ")?;
    line.queue("mundo")?;
    line.flush(100)?;
    line.is_out("hola, mundo", "con sitio para todo")?;
    line.queue(", y adiós")?;
    line.flush(100)?;
    line.is_out("hola, mundo, y adiós", "al encolar algo más")
}

fn lo_que_no_cabe_en_el_núcleo_se_queda_para_después() -> Outcome {
    let mut line = Line::of(100)?;
    line.queue("hola, mundo")?;
    line.flush(3)?;
    line.is_out("hol", "si el núcleo solo admite 3 bytes")?;
    line.wants_write(true, "quedan bytes en la cola: alguien ha de avisar cuando haya sitio")?;
    line.flush(100)?;
    line.is_out("hola, mundo", "cuando vuelve a haber sitio")
}

fn sin_nada_en_la_cola_no_pide_escribir() -> Outcome {
    let mut line = Line::of(100)?;
    let why = "no queda nada: un socket casi siempre admite más, y `select` volvería al instante, \
               siempre";
    line.wants_write(false, why)?;
    line.queue("hola")?;
    line.wants_write(true, "hay bytes en la cola y nadie los ha escrito")?;
    line.flush(100)?;
    line.wants_write(false, why)
}

fn que_no_haya_sitio_no_es_un_fallo_ni_se_insiste() -> Outcome {
    let mut line = Line::of(100)?;
    line.queue("hola")?;
    line.flush(0)?;
    line.flush(2)?;
    line.sink.signals = 1;
    line.flush(100)?;
    line.is_out("hola", "tras faltar el sitio y llegar una señal")
}

fn cualquier_corte_da_los_mismos_bytes() -> Outcome {
    for size in 1..=12 {
        let mut line = Line::of(1000)?;
        let mut expected = String::new();
        for number in 0..8 {
            let text = format!("mensaje {number}; ");
            line.queue(&text)?;
            line.flush(size)?;
            expected += &text;
        }
        line.flush(expected.len())?;
        line.is_out(&expected, &format!("si el núcleo admite {size} bytes cada vez"))?;
    }
    Ok(())
}

fn un_fallo_de_verdad_se_devuelve() -> Outcome {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::HostUnreachable] {
        let mut line = Line::of(100)?;
        line.queue("hola")?;
        line.flush(2)?;
        line.sink.broken = Some(kind);
        let outcome = line.try_flush()?;
        ensure_fails(format!("el error, si `write` falla con {kind:?}"), kind, &outcome)?;
    }
    Ok(())
}

fn el_límite_se_mira_antes_de_guardar() -> Outcome {
    let mut line = Line::of(10)?;
    line.queue("0123456")?;
    line.refuses("789A", "en la cola hay 7 bytes de 10, y llegan 4")?;
    line.queue("789").hint(
        "lo que no cabía no debía guardarse, ni en parte: seguía habiendo 7 bytes de 10, y estos 3 \
         llegan justo al límite, sin pasarlo",
    )?;
    line.refuses("A", "la cola está llena")?;
    line.flush(4)?;
    line.is_out("0123", "tras dos mensajes que no cabían")?;
    line.queue("ABCD")
        .hint("lo que ya se escribió deja su sitio libre: quedaban 4 bytes en la cola")?;
    line.flush(100)?;
    line.is_out("0123456789ABCD", "tras dos mensajes que no cabían")
}

fn las_últimas_palabras_van_detrás_y_después_nada() -> Outcome {
    let mut line = Line::of(10)?;
    line.queue("0123456789")?;
    line.flush(4)?;
    line.queue_last(" y adiós")?;
    line.refuses("x", "ya se dijeron las últimas palabras")?;
    line.flush(100)?;
    line.is_out("0123456789 y adiós", "con unas últimas palabras")?;
    line.refuses("x", "ya se dijeron las últimas palabras, y no queda nada por salir")
}

fn al_echar_la_razón_va_detrás_y_una_sola_vez() -> Outcome {
    let mut line = Line::of(10)?;
    line.send("01234567", Ok(()))?;
    line.flush(3)?;
    line.send("89ABC", Ok(()))?;
    for extra in ["x", "yz"] {
        line.send(extra, Err(Full))?;
    }
    line.flush(1000)?;
    let mut expected = b"0123456789ABC".to_vec();
    expected.extend(frame::encode(NOT_READING));
    line.is_out(&expected, "si después de llenarse la cola se le envían dos marcos más")?;
    line.send("x", Err(Full)).hint("ya se le echó: no se le envía nada más, aunque haya sitio")
}

fn lo_que_dice_uno_les_llega_a_los_demás() -> Outcome {
    with_chat(|clients, _| {
        let mut ana = clients.peer("ana")?;
        let mut beto = enters(clients, "beto", &mut [&mut ana])?;
        let mut eva = enters(clients, "eva", &mut [&mut ana, &mut beto])?;
        ana.send_frame("hola")?;
        beto.expect_frame("hola")?;
        eva.expect_frame("hola")?;
        beto.reset()?;
        eva.send_frame("¿y Beto?")?;
        ana.expect_frame("¿y Beto?")
    })
}

fn sin_nada_que_hacer_duerme() -> Outcome {
    with_chat(|clients, server| {
        let mut ana = clients.peer("ana")?;
        let _beto = enters(clients, "beto", &mut [&mut ana])?;
        sleeps(server, "Nadie tenía nada que recibir")
    })
}

fn quien_lee_despacio_lo_recibe_todo_y_en_orden() -> Outcome {
    with_chat(|clients, server| {
        let mut chat = Slow::start(clients)?;
        chat.talk(FEW, server)?;
        sleeps(server, "Beto no leía, y no había nada más que hacer")?;
        for number in 0..FEW {
            let read = chat.beto.expect_frame(message(number)).hint(format!(
                "Beto no leía, y ahora sí: le toca el mensaje {number}. Lo que no cupo en el núcleo \
                 debe esperar en su cola, y salir cuando haya sitio"
            ));
            server.explain_what_it_does(read)?;
        }
        chat.ana.send_frame("¿ya estás al día?")?;
        chat.beto.expect_frame("¿ya estás al día?")
    })
}

fn a_quien_no_lee_se_le_echa_y_los_demás_no_lo_notan() -> Outcome {
    with_chat(|clients, server| {
        let mut chat = Slow::start(clients)?;
        chat.talk(MANY, server)?;
        let seen = chat.reads_until_dismissed()?;
        ensure(seen < MANY, || {
            format!("Beto no leía, y se le guardaron los {MANY} mensajes: su cola no tiene límite.")
        })?;
        let queued = QUEUE / LENGTH;
        ensure(seen >= queued, || {
            format!(
                "{OWED}, y en la de Beto había {queued} mensajes cuando el siguiente no cupo: le \
                 llegaron {seen}. Unas últimas palabras van detrás de lo encolado."
            )
        })?;
        let why = "tras la razón no se le envía nada más, y el servidor se despide";
        server.explain_what_it_does(chat.beto.expect_end().hint(why))?;
        chat.ana.send_frame("¿y Beto?")?;
        chat.eva.expect_frame("¿y Beto?")
    })
}

by_hand!(|listener| serve(&listener));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let beto = hands.open("nc -d")?;
    hands.wait_for_connections(1)?;
    hands.run("for i in")?;
    hands.wake()?;
    beto.ends().map(drop)
});

/// Ana habla, Eva escucha y Beto no lee.
struct Slow {
    ana: Peer,
    beto: Peer,
    eva: Peer,
}

impl Slow {
    fn start(clients: &Conversation) -> Result<Slow, Failure> {
        let mut ana = clients.peer("ana")?;
        let mut eva = enters(clients, "eva", &mut [&mut ana])?;
        let mut beto = clients.peer_with_receive_buffer("beto (no lee)", SMALL)?;
        present(&mut beto, &mut [&mut ana, &mut eva])?;
        Ok(Slow { ana, beto, eva })
    }

    /// Ana dice `count` mensajes, cada uno cuando Eva ya tiene el anterior.
    fn talk(&mut self, count: usize, server: &Serving) -> Outcome {
        for number in 0..count {
            self.ana.send_frame(message(number))?;
            let heard = self.eva.expect_frame(message(number)).hint(
                "Beto está conectado y no lee: a los demás no les importa, y el servidor no espera \
                 por él",
            );
            // Aquí, y no fuera: Beto sigue conectado.
            server.explain_what_it_does(heard)?;
        }
        Ok(())
    }

    /// Beto lee por fin: mensajes enteros y seguidos, y la razón. Devuelve cuántos fueron.
    fn reads_until_dismissed(&mut self) -> Result<usize, Failure> {
        for number in 0..MANY {
            let got = self.beto.next_frame().within(format!("{OWED}, y detrás, la razón."))?;
            if got == NOT_READING {
                return Ok(number);
            }
            ensure(got == message(number), || {
                format!(
                    "A Beto le tocaba el mensaje {number}, o la razón por la que se le echa, y \
                     le llegó otro texto, de {} bytes, que empieza por «{}»: ¿algo se perdió o se \
                     repitió por el camino?",
                    got.len(),
                    got.chars().take(20).collect::<String>().trim_end()
                )
            })?;
        }
        Ok(MANY)
    }
}

/// El mensaje número tantos.
fn message(number: usize) -> String {
    format!("{:<LENGTH$}", format!("mensaje {number}"))
}

/// Llega alguien más: cuando los demás lo oyen, ya está dentro.
fn enters(clients: &Conversation, name: &str, others: &mut [&mut Peer]) -> Result<Peer, Failure> {
    let mut peer = clients.peer(name)?;
    present(&mut peer, others)?;
    Ok(peer)
}

fn present(peer: &mut Peer, others: &mut [&mut Peer]) -> Outcome {
    let greeting = format!("soy {}", peer.name());
    peer.send_frame(&greeting)?;
    others.iter_mut().try_for_each(|other| other.expect_frame(&greeting))
}

/// Pone en marcha el servidor y sigue el guion.
fn with_chat(script: impl FnOnce(&Conversation, &Serving) -> Outcome) -> Outcome {
    let (listener, clients) = listening_in_frames()?;
    // Los aceptados lo heredan: el núcleo no se queda con todo lo que se les envía.
    SockRef::from(&listener).set_send_buffer_size(SMALL)?;
    with_server("el servidor", (listener, clients), |listener| serve(&listener), script)
}

/// Comprueba que el servidor duerme mientras nadie hace nada.
fn sleeps(server: &Serving, when: &str) -> Outcome {
    ensure(!server.spins(A_WHILE), || {
        format!(
            "{when}, y el servidor no duerme. O tu cola pide escribir sin tener nada, y `select` \
             vuelve al instante, o insiste donde no hay sitio."
        )
    })
}

/// Una cola y un socket de mentira.
struct Line {
    outbox: Option<Outbox>,
    sink: Sink,
}

impl Line {
    fn of(limit: usize) -> Result<Line, Failure> {
        let outbox = within(LIMIT, "crear una cola", move || Outbox::new(limit))?;
        Ok(Line { outbox: Some(outbox), sink: Sink::default() })
    }

    /// Ejecuta algo con la cola, con un límite.
    fn with<T: Send + 'static>(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut Outbox) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let mut outbox = self.outbox.take().ok_or_else(|| Failure::new("La cola se perdió."))?;
        let (result, outbox) = within(LIMIT, what, move || (work(&mut outbox), outbox))?;
        self.outbox = Some(outbox);
        Ok(result)
    }

    fn try_queue(&mut self, text: &str) -> Result<Result<(), Full>, Failure> {
        let bytes = text.as_bytes().to_vec();
        self.with("encolar un mensaje", move |outbox| outbox.queue(&bytes))
    }

    fn queue(&mut self, text: &str) -> Outcome {
        let outcome = self.try_queue(text)?;
        ensure(outcome.is_ok(), || format!("«{text}» cabía en la cola, y `queue` dijo que no."))
    }

    /// Envía un marco, y comprueba lo que devuelve `send`.
    fn send(&mut self, frame: &str, expected: Result<(), Full>) -> Outcome {
        let bytes = frame.as_bytes().to_vec();
        let outcome = self.with("enviar un marco", move |outbox| outbox.send(&bytes))?;
        ensure_equal(format!("lo que devuelve `send` con «{frame}»"), expected, outcome)
    }

    fn refuses(&mut self, text: &str, when: &str) -> Outcome {
        let outcome = self.try_queue(text)?;
        ensure(outcome == Err(Full), || {
            format!("«{text}» no debía admitirse ({when}), y `queue` dijo que sí.")
        })
    }

    fn queue_last(&mut self, text: &str) -> Outcome {
        let bytes = text.as_bytes().to_vec();
        self.with("encolar las últimas palabras", move |outbox| outbox.queue_last(&bytes))
    }

    fn wants_write(&mut self, expected: bool, why: &str) -> Outcome {
        let got = self.with("preguntar si quiere escribir", |outbox| outbox.wants_write())?;
        ensure(got == expected, || format!("`wants_write` dice {got}, y {why}."))
    }

    /// Una llamada a `flush`, que no ha de insistir si no hay sitio.
    fn try_flush(&mut self) -> Result<io::Result<()>, Failure> {
        let mut sink = std::mem::take(&mut self.sink);
        sink.refusals = 0;
        let (outcome, sink) =
            self.with("escribir lo que quepa", move |outbox| (outbox.flush(&mut sink), sink))?;
        self.sink = sink;
        ensure(self.sink.refusals <= PATIENCE, || {
            format!(
                "El núcleo dijo que no había sitio (`WouldBlock`), y tu `flush` llamó a `write` \
                 {PATIENCE} veces más. Mientras insiste por uno, nadie atiende a los demás: debe \
                 volver, y `select` avisará cuando haya sitio."
            )
        })?;
        Ok(outcome)
    }

    /// Hace sitio en el núcleo para `room` bytes, y llama a `flush`: una vez o, como `select`, otra
    /// más mientras haya sitio y algo que escribir.
    fn flush(&mut self, room: usize) -> Outcome {
        self.sink.room = room;
        loop {
            let before = (self.sink.room, self.sink.signals);
            let outcome = self.try_flush()?;
            Line::went_well(&outcome)?;
            if self.sink.room == 0 || before == (self.sink.room, self.sink.signals) {
                return Ok(());
            }
        }
    }

    fn went_well(outcome: &io::Result<()>) -> Outcome {
        ensure(outcome.is_ok(), || {
            format!(
                "Nada había fallado, y tu `flush` devolvió {}: el servidor cerraría a un \
                 cliente sano. `WouldBlock` solo dice que ahora no hay sitio, e `Interrupted`, que \
                 llegó una señal.",
                shown(outcome)
            )
        })
    }

    /// Comprueba lo que ha salido hasta ahora.
    fn is_out(&self, expected: impl AsRef<[u8]>, when: &str) -> Outcome {
        let (written, expected) = (&self.sink.written, expected.as_ref());
        if written == expected {
            return Ok(());
        }
        let same = written.iter().zip(expected).take_while(|(a, b)| a == b).count();
        let story = if same == written.len() {
            format!("De {} bytes salieron {same}: los demás se perdieron", expected.len())
        } else if written.len() > expected.len() {
            format!(
                "Debían salir {} bytes y salieron {}: lo que el núcleo ya aceptó no se le da otra \
                 vez",
                expected.len(),
                written.len()
            )
        } else {
            format!("Lo que salió no es lo que se encoló, desde el byte {same}")
        };
        Err(Failure::new(format!("{story} ({when}).")).section(
            "Diferencia",
            [
                format!("se esperaba  {:?}", String::from_utf8_lossy(expected)),
                format!("salió        {:?}", String::from_utf8_lossy(written)),
            ],
        ))
    }
}

/// Un socket no bloqueante de mentira.
#[derive(Default)]
struct Sink {
    written: Vec<u8>,
    /// Bytes que aún admite.
    room: usize,
    /// Llamadas que interrumpirá una señal.
    signals: usize,
    /// La conexión se rompió: todo falla así.
    broken: Option<ErrorKind>,
    /// Veces que dijo que no había sitio en la última llamada a `flush`.
    refusals: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        if self.signals > 0 {
            self.signals -= 1;
            return Err(ErrorKind::Interrupted.into());
        }
        if self.room == 0 {
            self.refusals += 1;
            // A quien no se cansa se le para.
            let kind = if self.refusals > PATIENCE { TimedOut } else { WouldBlock };
            return Err(kind.into());
        }
        let count = bytes.len().min(self.room);
        self.room -= count;
        self.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
