//! Las pruebas de 02_02_5_plazo.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(
    not(feature = "soluciones"),
    path = "ejercicio.rs",
    allow(
        dead_code,
        missing_docs,
        unused_imports,
        unused_variables,
        clippy::all,
        clippy::pedantic
    )
)]
pub mod ejercicio;

use std::io;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use ejercicio::{End, FAREWELL, attend};
use ejercicios::{LIMIT, Outcome, Task, by_hand, ensure, ensure_equal};
use harness::{Conversation, Failure, Peer};

/// El plazo en las pruebas: corto, pero lo bastante para una máquina ocupada.
const PATIENCE: Duration = Duration::from_millis(400);

#[test]
fn quien_cierra_su_lado_termina_bien() -> Outcome {
    let (mut client, attending) = start()?;
    follow(&attending, || {
        client.send("hola\n")?;
        client.expect("hola\n")?;
        client.half_close()?;
        client.expect_end()
    })?;
    ends(attending, End::Closed)
}

#[test]
fn a_quien_calla_se_le_despide() -> Outcome {
    let (mut client, attending) = start()?;
    let started = Instant::now();
    follow(&attending, || {
        client.expect(FAREWELL)?;
        client.expect_end()
    })?;
    let waited = started.elapsed();
    ensure(waited >= PATIENCE / 2, || {
        format!("La paciencia era de {PATIENCE:?}, y se le despidió a los {waited:?}.")
    })?;
    ends(attending, End::Silent)
}

#[test]
fn cada_mensaje_da_un_plazo_nuevo() -> Outcome {
    let (mut client, attending) = start()?;
    follow(&attending, || {
        for _ in 0..8 {
            client.pause(PATIENCE / 5);
            client.send("sigo aquí\n")?;
            client.expect("sigo aquí\n")?;
        }
        client.half_close()?;
        client.expect_end()
    })
    .map_err(|failure| {
        failure.hint("el plazo cuenta desde lo último que llegó, y no desde el comienzo")
    })?;
    ends(attending, End::Closed)
}

#[test]
fn a_quien_no_lee_se_le_deja() -> Outcome {
    let (mut client, attending) = start()?;
    client.set_limit(PATIENCE);
    // Más de lo que cabe en los búferes: la respuesta no tiene sitio.
    let _ = client.try_send(vec![b'x'; 64 << 20]);
    ends(attending, End::Deaf)
}

#[test]
fn una_conexión_rota_es_un_error() -> Outcome {
    let (client, attending) = start()?;
    client.reset()?;
    let kind = attending.finish(LIMIT)?.err().map(|error| error.kind());
    ensure_equal(
        "el error, si el cliente corta la conexión",
        &Some(io::ErrorKind::ConnectionReset),
        &kind,
    )
}

#[test]
#[ignore = "para usarlo a mano: cargo curso ejecutar 02_02_5_plazo"]
fn ejecutar() -> Outcome {
    by_hand(|listener| {
        for stream in listener.incoming() {
            let stream = stream?;
            thread::spawn(move || attend(&stream, Duration::from_secs(5)));
        }
        Ok(())
    })
}

/// Pone a `attend` a atender a un cliente.
fn start() -> Result<(Peer, Task<io::Result<End>>), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let clients = Conversation::with(listener.local_addr()?).limit(LIMIT);
    let client = clients.peer_with_receive_buffer("cliente", 16 * 1024)?;
    let (stream, _) = listener.accept()?;
    let attending = Task::start("atender a un cliente", move || attend(&stream, PATIENCE))?;
    Ok((client, attending))
}

fn follow(attending: &Task<io::Result<End>>, script: impl FnOnce() -> Outcome) -> Outcome {
    script().map_err(|failure| attending.explain_what_it_does(failure))
}

fn ends(attending: Task<io::Result<End>>, expected: End) -> Outcome {
    let end = attending.finish(LIMIT)?;
    let end = end.map_err(|error| Failure::new(format!("Tu función devolvió {error:?}.")))?;
    ensure_equal("cómo terminó la conversación", &expected, &end)
}
