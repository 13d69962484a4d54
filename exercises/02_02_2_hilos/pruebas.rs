//! Las pruebas de 02_02_2_hilos.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use ejercicio::{Handler, serve};
use ejercicios::{
    Explain, LIMIT, Outcome, by_hand, echoes, ensure, follow, listening, with_server,
};
use harness::Conversation;

#[test]
fn cada_cliente_tiene_un_hilo_con_su_nombre() -> Outcome {
    serving(says_its_name(), |clients| {
        for number in 1..=3 {
            let mut client = clients.peer(&format!("cliente {number}"))?;
            client.expect(format!("cliente-{number}\n"))?;
            client.expect_end()?;
        }
        Ok(())
    })
}

#[test]
fn tres_clientes_están_dentro_a_la_vez() -> Outcome {
    let meeting = Arc::new(Meeting::default());
    let theirs = Arc::clone(&meeting);
    let handler: Handler = Arc::new(move |mut stream: TcpStream| {
        theirs.arrive();
        let _ = stream.write_all(b"juntos\n");
    });
    serving(handler, |clients| {
        let mut three = clients.peers("cliente", 3)?;
        let together = meeting.wait_for(3);
        ensure(together.is_ok(), || {
            format!(
                "Hay tres clientes conectados, y solo {} llegó a `handler`: los demás esperan a \
                 que termine. Ninguno debe esperar a otro.",
                together.unwrap_or_else(|inside| inside)
            )
        })?;
        meeting.open();
        three.iter_mut().try_for_each(|client| client.expect("juntos\n"))
    })
}

#[test]
fn un_cliente_callado_no_hace_esperar_a_los_demás() -> Outcome {
    serving(echoing(), |clients| {
        let mut silent = clients.peer("callado")?;
        let mut talker = clients.peer("hablador")?;
        echoes(&mut talker, "¿hay alguien?\n")
            .hint("quien acepta espera al cliente callado: no debe esperar a ninguno")?;
        echoes(&mut silent, "sí\n")
    })
}

#[test]
fn un_pánico_no_molesta_a_los_demás() -> Outcome {
    let handler: Handler = Arc::new(|mut stream: TcpStream| {
        let mut first = [0];
        let _ = io::Read::read(&mut stream, &mut first);
        assert!(first != *b"!", "un cliente con mala idea (lo provoca la prueba)");
        let _ = stream.write_all(&first);
    });
    serving(handler, |clients| {
        let mut witness = clients.peer("testigo")?;
        let mut rude = clients.peer("quien provoca el pánico")?;
        rude.send("!")?;
        rude.expect_end_or_reset()?;
        echoes(&mut witness, "a")?;
        echoes(&mut clients.peer("quien llega después")?, "b")
    })
}

#[test]
fn cien_clientes_seguidos() -> Outcome {
    serving(says_its_name(), |clients| {
        let mut peers = clients.peers("cliente", 100)?;
        for (number, client) in peers.iter_mut().enumerate().rev() {
            client.expect(format!("cliente-{}\n", number + 1))?;
        }
        Ok(())
    })
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

/// Pone en marcha `serve` con ese manejador y sigue el guion.
fn serving(handler: Handler, script: impl FnOnce(&Conversation) -> Outcome) -> Outcome {
    with_server(
        "aceptar clientes",
        listening()?,
        move |it| serve(&it, &handler),
        |it, _| script(it),
    )
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

/// Un punto de encuentro: quien llega se queda hasta que se abra.
#[derive(Default)]
struct Meeting {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Meeting {
    fn arrive(&self) {
        let mut state = self.lock();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |(_, open)| !*open));
    }

    /// Espera a que haya `count` dentro; si no llegan, dice cuántos hay.
    fn wait_for(&self, count: usize) -> Result<usize, usize> {
        let state = self.lock();
        let pending = |state: &mut (usize, bool)| state.0 < count;
        let (state, _) = self
            .changed
            .wait_timeout_while(state, LIMIT, pending)
            .unwrap_or_else(PoisonError::into_inner);
        if state.0 >= count { Ok(state.0) } else { Err(state.0) }
    }

    fn open(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, (usize, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
