//! Las pruebas de 02_02_4_tope.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ejercicio::{Handler, serve};
use ejercicios::all_asleep;
use ejercicios::prelude::*;
use harness::eventually;
use harness::procfs::process::Process;

/// Lo que se deja al servidor para equivocarse.
const A_WHILE: Duration = Duration::from_millis(150);

/// Los sitios que hay en `cargo curso ejecutar`, y en casi todas las pruebas.
const SEATS: usize = 2;

ejercicios::tests! {
    mientras_hay_sitio_se_atiende_a_la_vez,
    nunca_hay_dentro_más_que_el_tope,
    quien_no_cabe_espera_y_entra_cuando_sale_otro,
    un_pánico_también_devuelve_su_sitio,
    mientras_espera_sitio_duerme,
    quien_espera_no_gasta_un_hilo,
    si_accept_falla_devuelve_el_error,
}

fn mientras_hay_sitio_se_atiende_a_la_vez() -> Outcome {
    serving(SEATS, &echoing(), |clients, _| {
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
    serving(SEATS, &handler, |clients, server| {
        let mut peers = clients.clone().unrepeatable().peers("cliente", 5)?;
        let entered = || inside.load(Ordering::SeqCst) >= SEATS;
        server.explain_what_it_does(eventually("entraran dos clientes", LIMIT, entered))?;
        peers[4].pause(A_WHILE);
        for peer in &mut peers {
            echoes(peer, "hola\n")?;
            peer.half_close()?;
            peer.expect_end()?;
        }
        let most = most.load(Ordering::SeqCst);
        ensure(most <= SEATS, || {
            format!(
                "El tope era {SEATS}, y llegó a haber {most} clientes dentro de `handler` a la vez."
            )
        })
    })
}

fn quien_no_cabe_espera_y_entra_cuando_sale_otro() -> Outcome {
    serving(SEATS, &echoing(), |clients, _| {
        let mut inside = clients.peers("quien está dentro,", SEATS)?;
        for client in &mut inside {
            echoes(client, "hola\n")?;
        }
        let mut waiting = clients.peer("quien espera")?;
        waiting.send("¿se puede?\n")?;
        waiting.expect_nothing_for(A_WHILE)?;
        inside[0].half_close()?;
        inside[0].expect_end()?;
        waiting.expect("¿se puede?\n").hint("había dos dentro y salió uno: ya hay un sitio")
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
        let clients = clients.clone().unrepeatable();
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
        server.sleeps_soundly(
            "Estaba todo ocupado y otro esperaba",
            "El hilo que acepta da vueltas preguntando si hay sitio: que espere dormido hasta que \
             alguien avise.",
            "Mirar cada poco si hay sitio gasta procesador, y el siguiente no entra en cuanto sale \
             otro: que espere dormido, sin plazo, hasta que avise quien deja el suyo.",
        )
    })
}

fn quien_espera_no_gasta_un_hilo() -> Outcome {
    const WAITING: u64 = 10;
    serving(1, &echoing(), |clients, _| {
        let mut inside = clients.peer("quien está dentro")?;
        echoes(&mut inside, "hola\n")?;
        let before = threads_once_asleep()?;
        let _waiting =
            (0..WAITING).map(|_| clients.peer("quien espera")).collect::<Result<Vec<_>, _>>()?;
        let more = threads_once_asleep()?.saturating_sub(before);
        ensure(more < WAITING, || {
            format!(
                "Había un solo sitio, y estaba ocupado. Llegaron otros {WAITING}, y hay {more} hilos más: \
                 quien se conecte mil veces te hará crear mil."
            )
        })
        .hint("que espere quien acepta: el hilo se arranca cuando ya hay sitio")
        .meanwhile()
    })
}

fn si_accept_falla_devuelve_el_error() -> Outcome {
    let listener = nobody_calls()?;
    let serving = within(LIMIT, "volver con el error de `accept`", move || {
        serve(&listener, SEATS, &echoing())
    });
    ensure_fails("el error, si `accept` falla", ErrorKind::WouldBlock, &serving?)
}

by_hand!(|listener| serve(&listener, SEATS, &echoing()));

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

/// Cuántos hilos tiene este proceso, cuando los del código de quien aprende ya solo esperan.
fn threads_once_asleep() -> Result<u64, Failure> {
    all_asleep(LIMIT);
    let stat = Process::myself().and_then(|process| process.stat());
    let stat = stat.map_err(|_| Failure::new("No se pudo leer /proc/self/stat."))?;
    Ok(u64::try_from(stat.num_threads).unwrap_or_default())
}

fn echoing() -> Handler {
    Arc::new(|stream: TcpStream| {
        let _ = io::copy(&mut &stream, &mut &stream);
    })
}
