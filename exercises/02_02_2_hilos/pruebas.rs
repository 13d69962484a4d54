//! Las pruebas de 02_02_2_hilos.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread;

use ejercicio::{Handler, serve};
use ejercicios::prelude::*;

/// Lo que hace `serve`.
const WHAT: &str = "aceptar clientes";

ejercicios::tests! {
    cada_cliente_tiene_un_hilo_con_su_nombre,
    tres_clientes_están_dentro_a_la_vez,
    un_cliente_callado_no_hace_esperar_a_los_demás,
    un_pánico_no_molesta_a_los_demás,
    cien_clientes_seguidos,
    si_accept_falla_devuelve_el_error,
}

fn cada_cliente_tiene_un_hilo_con_su_nombre() -> Outcome {
    serving(says_its_name(), |clients, _| {
        for number in 1..=3 {
            let mut client = clients.peer(&format!("cliente {number}"))?;
            client.expect(format!("cliente-{number}\n"))?;
            client.expect_end()?;
        }
        Ok(())
    })
}

fn tres_clientes_están_dentro_a_la_vez() -> Outcome {
    // Quien llega lo dice, y no pasa mientras la puerta esté cerrada.
    let (arrive, arrived) = mpsc::channel();
    let door = Arc::new(RwLock::new(()));
    let theirs = Arc::clone(&door);
    let handler: Handler = Arc::new(move |mut stream: TcpStream| {
        let _ = arrive.send(());
        drop(theirs.read());
        let _ = stream.write_all(b"juntos\n");
    });
    let closed = door.write().unwrap_or_else(PoisonError::into_inner);
    serving(handler, |clients, server| {
        let mut three = clients.peers("cliente", 3)?;
        let inside = (0..3).take_while(|_| arrived.recv_timeout(LIMIT).is_ok()).count();
        // Aquí, y no fuera: la puerta sigue cerrada.
        server.explain_what_it_does(ensure(inside == 3, || {
            format!(
                "Hay tres clientes conectados, y solo {inside} llegó a `handler`: los demás esperan a \
                 que termine. Ninguno debe esperar a otro."
            )
        }))?;
        drop(closed);
        three.iter_mut().try_for_each(|client| client.expect("juntos\n"))
    })
}

fn un_cliente_callado_no_hace_esperar_a_los_demás() -> Outcome {
    let echo = move |it: TcpListener| serve(&it, &echoing());
    with_server(WHAT, listening()?, echo, |clients, _| {
        let mut silent = clients.peer("callado")?;
        let mut talker = clients.peer("hablador")?;
        echoes(&mut talker, "¿hay alguien?\n")
            .hint("quien acepta espera al cliente callado: no debe esperar a ninguno")?;
        echoes(&mut silent, "sí\n")
    })
}

fn un_pánico_no_molesta_a_los_demás() -> Outcome {
    let handler: Handler = Arc::new(|mut stream: TcpStream| {
        let mut first = [0];
        let _ = io::Read::read(&mut stream, &mut first);
        if first == *b"!" {
            ejercicios::provoke();
        }
        let _ = stream.write_all(&first);
    });
    serving(handler, |clients, _| {
        let mut witness = clients.peer("testigo")?;
        let mut rude = clients.peer("quien provoca el pánico")?;
        rude.send("!")?;
        rude.expect_end_or_reset()?;
        echoes(&mut witness, "a")?;
        echoes(&mut clients.peer("quien llega después")?, "b")
    })
}

fn cien_clientes_seguidos() -> Outcome {
    serving(says_its_name(), |clients, _| {
        let mut peers = clients.peers("cliente", 100)?;
        for (number, client) in peers.iter_mut().enumerate().rev() {
            client.expect(format!("cliente-{}\n", number + 1))?;
        }
        Ok(())
    })
}

fn si_accept_falla_devuelve_el_error() -> Outcome {
    let listener = nobody_calls()?;
    let serving =
        within(LIMIT, "volver con el error de `accept`", move || serve(&listener, &echoing()));
    ensure_fails("el error, si `accept` falla", ErrorKind::WouldBlock, &serving?)
}

by_hand!(|listener| serve(&listener, &echoing()));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let two = [hands.open("nc -N")?, hands.open("nc -N")?];
    for terminal in &two {
        terminal.types("hola\n");
        terminal.shows("hola\n")?;
    }
    let threads = hands.run("ps -L")?;
    ensure(threads.contains("cliente-1") && threads.contains("cliente-2"), || {
        format!("No están los dos hilos:\n{threads}")
    })
});

/// Pone en marcha `serve` con ese manejador, que no es el de `cargo curso ejecutar`, y sigue el guion.
fn serving(handler: Handler, script: impl FnOnce(&Conversation, &Serving) -> Outcome) -> Outcome {
    let (listener, clients) = listening()?;
    let serve = move |it: TcpListener| serve(&it, &handler);
    with_server(WHAT, (listener, clients.unrepeatable()), serve, script)
}

fn says_its_name() -> Handler {
    Arc::new(|mut stream: TcpStream| {
        let name = thread::current().name().unwrap_or("sin nombre").to_owned();
        let _ = writeln!(stream, "{name}");
    })
}

fn echoing() -> Handler {
    Arc::new(|stream: TcpStream| {
        let _ = io::copy(&mut &stream, &mut &stream);
    })
}
