//! Lección 02_02, el eco (RFC 862): todo byte vuelve igual y en orden, hasta que el cliente cierra
//! su lado; entonces cierra el servidor.

use std::time::Duration;

use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::numbered_lines;
use crate::peer::Peer;
use crate::stage::{Check, Stage};

/// Lo que separa dos envíos para que el servidor los lea por separado.
const PAUSE: Duration = Duration::from_millis(100);
/// Más de lo que cabe entre todos los búferes del núcleo en una conexión.
const LARGE: usize = 16 * 1024 * 1024;
/// Un búfer de recepción pequeño, para que a quien no lee se le llene pronto.
const SMALL_BUFFER: usize = 16 * 1024;
/// Más de lo que el núcleo guarda para quien no lee: de aquí, varios megas se quedan en la cola de
/// quien los tenga, o sin leer.
const PENDING: usize = 8 * 1024 * 1024;

pub(crate) const STAGES: &[Stage] = &[
    stage(
        1,
        "acepta y responde",
        "el servidor acepta la conexión y devuelve lo que recibe en cuanto lo recibe, tantas veces \
         como le escriban.",
        answers,
    ),
    stage(
        2,
        "lecturas parciales",
        "un mensaje puede llegar en varios segmentos: una lectura no es un mensaje. Hay que seguir \
         leyendo hasta que read(2) devuelva 0.",
        partial_reads,
    ),
    stage(
        3,
        "los bytes exactos",
        "vuelven los mismos bytes, sean texto o no: nada de convertirlos en cadenas, ni de \
         pararse en el byte cero o en el fin de línea.",
        exact_bytes,
    ),
    stage(
        4,
        "el final, en orden",
        "cuando el cliente cierra su lado (FIN), primero vuelve todo lo pendiente y después \
         cierra el servidor; ni antes ni nunca. Cerrar con bytes sin leer reinicia la conexión.",
        orderly_end,
    ),
    stage(
        5,
        "un mensaje más grande que los búferes",
        "write(2) puede aceptar menos de lo que se le da: hay que insistir con el resto \
         (`write_all`) y después seguir leyendo.",
        large_message,
    ),
    stage(
        6,
        "el final, con mucho por devolver",
        "el FIN del cliente dice que no enviará más, no que no vaya a leer: lo que aún no ha cabido \
         se sigue escribiendo, por mucho que sea y por despacio que lea, y después se cierra.",
        late_reader,
    ),
    stage(
        7,
        "muchos a la vez, y algunos callados",
        "un cliente que calla no puede hacer esperar a los demás: a cada uno se le atiende por su \
         lado.",
        many_at_once,
    ),
    stage(
        8,
        "un reinicio no molesta a los demás",
        "ECONNRESET y EPIPE son el final de un cliente, no el del servidor.",
        resets,
    ),
    stage(
        9,
        "doscientos a la vez",
        "las conexiones se aceptan según llegan, aunque ninguna termine.",
        two_hundred,
    ),
    stage(
        10,
        "mil a la vez",
        "con un hilo por cliente, mil hilos: que sus pilas sean pequeñas y que la cola de \
         listen(2) sea larga.",
        one_thousand,
    ),
    Stage::ending("02_02", 11, still_inside),
];

const fn stage(
    number: usize,
    title: &'static str,
    purpose: &'static str,
    check: fn(&Conversation) -> Result<(), Failure>,
) -> Stage {
    Stage { lesson: "02_02", number, title, purpose, check: Check::Talk(check) }
}

fn answers(echo: &Conversation) -> Result<(), Failure> {
    let mut client = echo.peer("cliente")?;
    for message in ["hola\n", "¿sigues ahí?\n"] {
        client.send(message)?;
        client.expect(message)?;
    }
    client.leave()
}

fn partial_reads(echo: &Conversation) -> Result<(), Failure> {
    let mut client = echo.peer("cliente")?;
    client.send("ho")?;
    client.pause(PAUSE);
    client.send("la")?;
    client.half_close()?;
    client.expect("hola")?;
    client.expect_end()
}

fn exact_bytes(echo: &Conversation) -> Result<(), Failure> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut client = echo.peer("cliente")?;
    client.send(&every_byte)?;
    client.expect(&every_byte)?;
    client.send("á\r\n\n")?;
    client.expect("á\r\n\n")?;
    client.leave()
}

fn orderly_end(echo: &Conversation) -> Result<(), Failure> {
    let mut silent = echo.peer("quien no dice nada")?;
    silent.half_close()?;
    silent.expect_end()?;

    let message = numbered_lines(3000);
    let mut client = echo.peer("cliente")?;
    client.send(&message)?;
    client.half_close()?;
    client.expect(&message)?;
    client.expect_end()
}

fn large_message(echo: &Conversation) -> Result<(), Failure> {
    let message = numbered_lines(LARGE);
    let mut client = echo.peer("cliente")?;
    let sending = client.send_meanwhile(message.as_slice())?;
    client.expect(&message)?;
    sending.finish()?;
    client.leave()
}

/// Envía mucho, cierra su lado en cuanto sale todo y no lee hasta que el servidor lo tiene: o hasta
/// que se ve que no lo tomará mientras nadie lea, que también vale.
fn late_reader(echo: &Conversation) -> Result<(), Failure> {
    let message = numbered_lines(PENDING);
    let mut client = echo.peer_with_receive_buffer("quien lee más tarde", SMALL_BUFFER)?;
    let sending = client.send_all_meanwhile(message.as_slice())?;
    sending.settle();
    client.expect(&message)?;
    sending.finish()?;
    client.expect_end()
}

fn many_at_once(echo: &Conversation) -> Result<(), Failure> {
    let mut silent = echo.peers("callado", 5)?;
    let mut talkers = echo.peers("cliente", 20)?;
    silent.extend(echo.peers("otro callado", 5)?);
    speak_together(&mut talkers)?;
    for peer in talkers.into_iter().chain(silent) {
        say_and_leave(peer)?;
    }
    Ok(())
}

fn resets(echo: &Conversation) -> Result<(), Failure> {
    // Cuándo ve el servidor cada reinicio, solo él lo sabe: entre uno y otro, se le hace hablar.
    const ROUNDS: usize = 10;
    let message = numbered_lines(100_000);
    let mut witness = echo.peer("testigo")?;
    for round in 1..=ROUNDS {
        echo.peer(&format!("quien reinicia al llegar {round}"))?.reset()?;
        let mut rude = echo.peer(&format!("quien reinicia a medias {round}"))?;
        rude.try_send(&message);
        rude.reset()?;
        echo.peer(&format!("quien cierra al llegar {round}"))?.close();
        witness.send("sigo aquí\n")?;
        witness.expect("sigo aquí\n")?;
    }
    say_and_leave(echo.peer("quien llega después")?)?;
    witness.leave()
}

fn two_hundred(echo: &Conversation) -> Result<(), Failure> {
    simultaneous(echo, 200)
}

fn one_thousand(echo: &Conversation) -> Result<(), Failure> {
    simultaneous(echo, 1000)
}

/// Unos que callan y otro que ya ha hablado.
fn still_inside(echo: &Conversation) -> Result<Vec<Peer>, Failure> {
    let mut inside = echo.peers("callado", 3)?;
    let mut client = echo.peer("cliente")?;
    client.send("hola\n")?;
    client.expect("hola\n")?;
    inside.push(client);
    Ok(inside)
}

fn simultaneous(echo: &Conversation, count: usize) -> Result<(), Failure> {
    let mut peers = echo.peers("cliente", count)?;
    speak_together(&mut peers)?;
    for peer in &mut peers {
        peer.half_close()?;
    }
    for peer in &mut peers {
        peer.expect_end()?;
    }
    Ok(())
}

/// Todos hablan antes de que nadie escuche, y escuchan en el orden contrario: solo sale bien si el
/// servidor los atiende a la vez.
fn speak_together(peers: &mut [Peer]) -> Result<(), Failure> {
    for peer in &mut *peers {
        let message = greeting(peer);
        peer.send(message)?;
    }
    for peer in peers.iter_mut().rev() {
        let message = greeting(peer);
        peer.expect(message)?;
    }
    Ok(())
}

fn greeting(peer: &Peer) -> String {
    format!("hola, soy {}\n", peer.name())
}

fn say_and_leave(mut peer: Peer) -> Result<(), Failure> {
    let message = format!("adiós, soy {}\n", peer.name());
    peer.send(&message)?;
    peer.half_close()?;
    peer.expect(&message)?;
    peer.expect_end()
}
