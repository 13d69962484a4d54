//! Las pruebas de 02_02_5_plazo.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;

use std::io::{self, ErrorKind::ConnectionReset};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use ejercicio::attend;
use ejercicios::prelude::*;
use given::{End, FAREWELL};
use harness::numbered_lines;
use socket2::SockRef;

/// El plazo en las pruebas: corto, pero lo bastante para una máquina ocupada.
const PATIENCE: Duration = Duration::from_millis(400);

/// Lo que cabe en cada búfer por el que pasa la respuesta. El núcleo reserva el doble (socket(7)).
const ROOM: usize = 16 * 1024;

ejercicios::tests! {
    quien_cierra_su_lado_termina_bien,
    a_quien_calla_se_le_echa,
    también_a_quien_calla_después_de_hablar,
    cada_mensaje_da_un_plazo_nuevo,
    a_quien_no_lee_se_le_deja,
    quien_lee_despacio_puede_quedarse,
    una_conexión_rota_es_un_error,
    una_conexión_rota_al_escribir_también,
}

fn quien_cierra_su_lado_termina_bien() -> Outcome {
    let (mut client, attending) = start(LIMIT)?;
    plays(&attending, || {
        echoes(&mut client, "hola\n")?;
        client.half_close()?;
        client.expect_end()
    })?;
    ends(attending, End::Closed)
}

fn a_quien_calla_se_le_echa() -> Outcome {
    for patience in [PATIENCE, PATIENCE / 2] {
        let started = Instant::now();
        let (mut client, attending) = start(patience)?;
        plays(&attending, || {
            client.expect(FAREWELL)?;
            client.expect_end()
        })?;
        was_patient(patience, started)?;
        ends(attending, End::Silent)?;
    }
    Ok(())
}

fn también_a_quien_calla_después_de_hablar() -> Outcome {
    let (mut client, attending) = start(PATIENCE)?;
    let mut last = Instant::now();
    plays(&attending, || {
        for word in ["hola\n", "¿sigues ahí?\n"] {
            last = Instant::now();
            echoes(&mut client, word)?;
        }
        client.expect(FAREWELL)?;
        client.expect_end()
    })
    .hint("el plazo vale para cada espera, y no solo para la primera")?;
    was_patient(PATIENCE, last)?;
    ends(attending, End::Silent)
}

fn cada_mensaje_da_un_plazo_nuevo() -> Outcome {
    let (mut client, attending) = start(PATIENCE)?;
    plays(&attending, || {
        for _ in 0..8 {
            client.pause(PATIENCE * 7 / 50);
            echoes(&mut client, "sigo aquí\n")?;
        }
        client.half_close()?;
        client.expect_end()
    })
    .hint("el plazo cuenta desde lo último que llegó, y no desde el comienzo")?;
    ends(attending, End::Closed)
}

fn a_quien_no_lee_se_le_deja() -> Outcome {
    let (mut client, stream) = connected_narrowly(ROOM)?;
    SockRef::from(&stream).set_send_buffer_size(ROOM)?;
    client.set_limit(PATIENCE);
    // Antes de que nadie lea, mucho más de lo que cabrá en la respuesta: por lenta que vaya la
    // máquina, falta sitio donde escribir antes que algo que leer.
    let sent = client.try_send(vec![b'x'; 64 * ROOM]);
    ensure(sent >= 8 * ROOM, || {
        format!("El núcleo solo aceptó {sent} bytes: son pocos para esta prueba. Repítela.")
    })?;
    let started = Instant::now();
    ends(attend_to(stream, PATIENCE)?, End::Deaf)?;
    was_patient(PATIENCE, started)
}

fn quien_lee_despacio_puede_quedarse() -> Outcome {
    let (mut client, stream) = connected_narrowly(ROOM)?;
    SockRef::from(&stream).set_send_buffer_size(ROOM)?;
    // Antes de empezar: escribirlo lleva su tiempo, y el plazo ya corre.
    let message = numbered_lines(24 * ROOM);
    let attending = attend_to(stream, PATIENCE)?;
    plays(&attending, || {
        let sending = client.send_meanwhile(message.as_slice())?;
        // Cada vez, más de lo que cabe en su búfer: al vaciarlo, el núcleo avisa de que hay sitio.
        let (slowly, rest) = message.split_at(15 * ROOM);
        for piece in slowly.chunks(3 * ROOM) {
            client.pause(PATIENCE * 23 / 100);
            client.expect(piece)?;
        }
        client.expect(rest)?;
        sending.finish()?;
        client.half_close()?;
        client.expect_end()
    })
    .hint(
        "el cliente lee despacio, y en cada plazo siempre algo: solo se deja a quien no lee nada",
    )?;
    ends(attending, End::Closed)
}

fn una_conexión_rota_es_un_error() -> Outcome {
    let (client, attending) = start(LIMIT)?;
    client.reset()?;
    let outcome = attending.finish(LIMIT)?;
    ensure_fails("el error, si el cliente corta la conexión", ConnectionReset, &outcome)
}

fn una_conexión_rota_al_escribir_también() -> Outcome {
    let (mut client, stream) = connected_narrowly(ROOM)?;
    SockRef::from(&stream).set_send_buffer_size(ROOM)?;
    let attending = attend_to(stream, LIMIT)?;
    client.set_limit(PATIENCE / 6);
    // Cuando ya no se le admite más, es que tu función espera sitio para la respuesta.
    let sent = client.try_send(vec![b'x'; 1024 * ROOM]);
    ensure(sent < 1024 * ROOM, || "El cliente no leía nada, y se le admitió todo.")?;
    client.reset()?;
    let outcome = attending.finish(LIMIT)?;
    let what = "el error, si el cliente corta la conexión mientras se le escribe";
    ensure_fails(what, ConnectionReset, &outcome)
}

by_hand!(|listener| {
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || attend(&stream, Duration::from_secs(5)));
    }
    Ok(())
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let seen = hands.run_typing("nc ", "hola\n")?;
    ensure_equal("lo que ve quien habla y calla", &format!("hola\n{FAREWELL}"), &seen)
});

/// Pone a `attend` a atender a un cliente, con esa paciencia: si el plazo no ha de vencer, de sobra.
fn start(patience: Duration) -> Result<(Peer, Task<io::Result<End>>), Failure> {
    let (client, stream) = connected_narrowly(ROOM)?;
    Ok((client, attend_to(stream, patience)?))
}

fn attend_to(stream: TcpStream, patience: Duration) -> Result<Task<io::Result<End>>, Failure> {
    Task::start("atender a un cliente", move || attend(&stream, patience))
}

/// Comprueba que desde entonces pasó el plazo entero. Los del núcleo van en pasos de unos milisegundos.
fn was_patient(patience: Duration, since: Instant) -> Outcome {
    let waited = since.elapsed();
    ensure(waited + Duration::from_millis(10) >= patience, || {
        let (patience, waited) = (patience.as_millis(), waited.as_millis());
        format!("La paciencia era de {patience} ms, y se acabó a los {waited}.")
    })
}

fn plays(attending: &Task<io::Result<End>>, script: impl FnOnce() -> Outcome) -> Outcome {
    attending.explain_what_it_does(script())
}

fn ends(attending: Task<io::Result<End>>, expected: End) -> Outcome {
    let end = attending.finish(LIMIT)?;
    let end =
        end.map_err(|error| Failure::new(format!("Tu función devolvió {}.", shown(&error))))?;
    ensure_equal("cómo terminó la conversación", &expected, &end)
}
