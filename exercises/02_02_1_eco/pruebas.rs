//! Las pruebas de 02_02_1_eco: con un socket de verdad y con uno de mentira, más terco.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::io;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset, Interrupted, TimedOut, WouldBlock};

use ejercicio::echo;
use ejercicios::fake::Piece::{self, End, Fails};
use ejercicios::fake::{Line, Sink, Source, Space, bytes};
use ejercicios::prelude::*;
use harness::numbered_lines;

ejercicios::tests! {
    responde_en_cuanto_llega_algo_y_sigue_hasta_el_final,
    devuelve_bytes_sean_texto_o_no,
    un_mensaje_mayor_que_los_búferes_vuelve_entero,
    repite_la_escritura_que_se_queda_corta,
    dice_cuántos_bytes_devolvió,
    una_señal_no_es_el_final,
    un_error_de_verdad_se_devuelve,
}

fn responde_en_cuanto_llega_algo_y_sigue_hasta_el_final() -> Outcome {
    with_client(|client| {
        for piece in ["ho", "la", "¿sigues ahí?\n"] {
            echoes(client, piece)?;
        }
        client.half_close()
    })
}

fn devuelve_bytes_sean_texto_o_no() -> Outcome {
    let every_byte: Vec<u8> = (0..=255).collect();
    with_client(|client| {
        echoes(client, every_byte)?;
        client.half_close()
    })
}

fn un_mensaje_mayor_que_los_búferes_vuelve_entero() -> Outcome {
    let message = numbered_lines(4 << 20);
    with_client(|client| {
        let sending = client.send_meanwhile(message.as_slice())?;
        client.expect(&message)?;
        sending.finish()?;
        client.half_close()
    })
}

fn repite_la_escritura_que_se_queda_corta() -> Outcome {
    let (outcome, written) = echo_on(stubborn([bytes("hola, "), bytes("mundo"), End]))?;
    ensure_equal("lo escrito si cada `write` acepta 3 bytes", "hola, mundo".to_owned(), written)?;
    ensure(outcome.is_ok(), || {
        format!("Tu función debía terminar bien, y devolvió {}.", shown(&outcome))
    })
}

fn dice_cuántos_bytes_devolvió() -> Outcome {
    let long = "x".repeat(70_000);
    for (text, count) in [("hola, mundo", 11), ("hola, ¿sí?", 12), (&long, 70_000)] {
        let (outcome, _) = echo_on(stubborn([bytes(text), End]))?;
        let what = format!("lo que devuelve tu función tras {count} bytes");
        ensure_equal(what, Some(count), outcome.ok())?;
    }
    Ok(())
}

fn una_señal_no_es_el_final() -> Outcome {
    // Una de cada dos llamadas, interrumpida.
    let signal = || Fails(Interrupted);
    let mut line = stubborn([signal(), bytes("ho"), signal(), bytes("la"), signal(), End]);
    line.sink.space = [Space::Refuses(Interrupted), Space::Fits(3)].repeat(2).into();
    let (outcome, written) = echo_on(line)?;
    ensure(outcome.is_ok() && written == "hola", || {
        format!(
            "`read` y `write` fueron interrumpidas por una señal (ErrorKind::Interrupted), y tu \
             función devolvió {}. No pasó nada malo: hay que repetir la llamada.",
            shown(&outcome)
        )
    })
}

fn un_error_de_verdad_se_devuelve() -> Outcome {
    for kind in [ConnectionReset, TimedOut, WouldBlock] {
        let (outcome, _) = echo_on(stubborn([bytes("hola"), Fails(kind), End]))?;
        let what = format!("el error, si `read` falla con {kind:?}");
        ensure_fails(what, kind, &outcome).hint(
            "solo se repite la llamada que interrumpe una señal; cualquier otro error se devuelve",
        )?;
    }
    for kind in [BrokenPipe, ConnectionReset, WouldBlock] {
        let mut line = stubborn([bytes("hola"), End]);
        line.sink.then = Space::Refuses(kind);
        let (outcome, _) = echo_on(line)?;
        ensure_fails(format!("el error, si `write` falla con {kind:?}"), kind, &outcome)?;
    }
    Ok(())
}

by_hand!(|listener| {
    loop {
        echo(&mut listener.accept()?.0)?;
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let said = "hola\n¿sigues ahí?\n";
    ensure_equal("lo que devuelve el eco", &said, &hands.run_typing("nc -N", said)?.as_str())
});

/// Pone a `echo` a atender a un cliente, sigue el guion y comprueba que los dos terminan.
fn with_client(script: impl FnOnce(&mut Peer) -> Outcome) -> Outcome {
    let (mut client, mut stream) = connected()?;
    let echoing = Task::start("el eco con un cliente", move || echo(&mut stream))?;
    echoing.explain_what_it_does(script(&mut client).and_then(|()| client.expect_end()))?;
    echoing
        .finish(LIMIT)?
        .map_err(|error| Failure::new(format!("El eco devolvió {}.", shown(&error))))?;
    Ok(())
}

/// Un socket por el que llega eso, y que acepta 3 bytes en cada escritura.
fn stubborn(pieces: impl IntoIterator<Item = Piece>) -> Line {
    let sink = Sink { then: Space::Fits(3), ..Sink::default() };
    Line { source: Source::of(pieces), sink }
}

/// Lo que devuelve el eco, y lo que escribe.
fn echo_on(mut line: Line) -> Result<(io::Result<u64>, String), Failure> {
    within(LIMIT, "el eco con un socket que acepta 3 bytes cada vez", move || {
        let outcome = echo(&mut line);
        (outcome, String::from_utf8_lossy(&line.sink.written).into_owned())
    })
}
