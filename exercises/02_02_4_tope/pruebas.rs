//! Las pruebas de 02_02_4_tope.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ejercicio::{Handler, serve};
use ejercicios::prelude::*;
use harness::eventually;

/// Lo que se deja al servidor para equivocarse.
const A_WHILE: Duration = Duration::from_millis(150);

ejercicios::tests! {
    mientras_hay_sitio_se_atiende_a_la_vez,
    nunca_hay_dentro_más_que_el_tope,
    quien_no_cabe_espera_y_entra_cuando_sale_otro,
    un_pánico_también_devuelve_su_sitio,
    mientras_espera_sitio_duerme,
}

fn mientras_hay_sitio_se_atiende_a_la_vez() -> Outcome {
    serving(2, &echoing(), |clients, _| {
        let mut silent = clients.peer("callado")?;
        echoes(&mut clients.peer("hablador")?, "¿hay alguien?\n")?;
        echoes(&mut silent, "sí\n")
    })
}

fn nunca_hay_dentro_más_que_el_tope() -> Outcome {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (theirs, their_most) = (Arc::clone(&inside), Arc::clone(&most));
    let handler: Handler = Arc::new(move |stream: TcpStream| {
        their_most.fetch_max(theirs.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _ = io::copy(&mut &stream, &mut &stream);
        theirs.fetch_sub(1, Ordering::SeqCst);
    });
    serving(2, &handler, |clients, _| {
        let mut peers = clients.peers("cliente", 5)?;
        eventually("entraran dos clientes", LIMIT, || inside.load(Ordering::SeqCst) >= 2)?;
        peers[4].pause(A_WHILE);
        for peer in &mut peers {
            echoes(peer, "hola\n")?;
            peer.half_close()?;
            peer.expect_end()?;
        }
        let most = most.load(Ordering::SeqCst);
        ensure(most <= 2, || {
            format!("El tope era 2, y llegó a haber {most} clientes dentro de `handler` a la vez.")
        })
    })
}

fn quien_no_cabe_espera_y_entra_cuando_sale_otro() -> Outcome {
    serving(1, &echoing(), |clients, _| {
        let mut first = clients.peer("quien está dentro")?;
        echoes(&mut first, "hola\n")?;
        let mut second = clients.peer("quien espera")?;
        second.send("¿se puede?\n")?;
        second.expect_nothing_for(A_WHILE)?;
        first.half_close()?;
        first.expect_end()?;
        second.expect("¿se puede?\n")
    })
}

fn un_pánico_también_devuelve_su_sitio() -> Outcome {
    let handler: Handler = Arc::new(|mut stream: TcpStream| {
        let mut first = [0];
        let _ = stream.read(&mut first);
        if first == *b"!" {
            ejercicios::provoke();
        }
        let _ = stream.write_all(&first);
    });
    serving(1, &handler, |clients, _| {
        let mut rude = clients.peer("quien provoca el pánico")?;
        rude.send("!")?;
        rude.expect_end_or_reset()?;
        let mut next = clients.peer("quien llega después")?;
        echoes(&mut next, "a")
            .hint("el hilo que entró en pánico ocupaba el único sitio; ¿quién lo devuelve?")
    })
}

fn mientras_espera_sitio_duerme() -> Outcome {
    serving(1, &echoing(), |clients, server| {
        let mut inside = clients.peer("quien está dentro")?;
        echoes(&mut inside, "hola\n")?;
        let _waiting = clients.peer("quien espera")?;
        ensure(!server.spins(3 * A_WHILE), || {
            "Con todo ocupado, el hilo que acepta no duerme: da vueltas preguntando si hay sitio. \
             Que espere dormido hasta que alguien avise."
        })
    })
}

by_hand!(|listener| serve(&listener, 2, &echoing()));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let inside = [hands.open("nc -N")?, hands.open("nc -N")?];
    for terminal in &inside {
        terminal.types("hola\n");
        terminal.shows("hola\n")?;
    }
    let third = hands.open("nc -N")?;
    third.types("hola\n");
    hands.wait_for_connections(3)?;
    drop(inside);
    third.shows("hola\n")
});

/// Pone en marcha `serve` y sigue el guion.
fn serving(
    max_threads: usize,
    handler: &Handler,
    script: impl FnOnce(&Conversation, &Serving) -> Outcome,
) -> Outcome {
    let handler = Arc::clone(handler);
    let serve = move |listener: TcpListener| serve(&listener, max_threads, &handler);
    with_server("aceptar clientes", listening()?, serve, script)
}

fn echoing() -> Handler {
    Arc::new(|stream: TcpStream| {
        let _ = io::copy(&mut &stream, &mut &stream);
    })
}
