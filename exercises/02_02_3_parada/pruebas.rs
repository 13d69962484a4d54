//! Las pruebas de 02_02_3_parada.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ejercicio::Server;
use ejercicios::all_asleep;
use ejercicios::prelude::*;
use harness::raise_descriptor_limit;
use socket2::SockRef;

/// Búferes del núcleo pequeños: que quien no lee se note pronto.
const SMALL: usize = 16 * 1024;

/// Más de lo que dura la prueba.
const LONG: Duration = Duration::from_secs(60);

/// Veces que se cierra un servidor mientras entra gente, cuántos llaman a la vez, y cuántas veces. Todas
/// juntas caben en la cola de listen(2), que es de 128: de quien no cabe, el núcleo se olvida sin decirle
/// nada.
const ROUNDS: usize = 20;
const CALLERS: usize = 2;
const CALLS: usize = 60;

ejercicios::tests! {
    atiende_a_dos_a_la_vez,
    quien_cierra_su_lado_recibe_el_final_aunque_el_servidor_siga,
    se_para_sin_clientes,
    se_para_con_un_cliente_callado,
    se_para_con_un_cliente_que_no_lee,
    cuando_stop_vuelve_han_terminado_todos_los_hilos,
    después_de_parar_nadie_escucha,
    quien_entra_mientras_se_para_también_recibe_el_final,
}

fn atiende_a_dos_a_la_vez() -> Outcome {
    let (_server, clients) = start()?;
    let mut silent = clients.peer("callado")?;
    echoes(&mut clients.peer("hablador")?, "¿hay alguien?\n")?;
    echoes(&mut silent, "sí\n")
}

fn quien_cierra_su_lado_recibe_el_final_aunque_el_servidor_siga() -> Outcome {
    let (_server, clients) = start()?;
    let mut client = clients.peer("cliente")?;
    echoes(&mut client, "me voy\n")?;
    client.half_close()?;
    client.expect_end().hint(
        "la conexión no se cierra mientras quede abierto un descriptor suyo, y `try_clone` \
         hace otro: ¿quién lo suelta cuando el cliente se va?",
    )
}

fn se_para_sin_clientes() -> Outcome {
    let (server, _) = start()?;
    stop(server, "parar un servidor sin clientes")
}

fn se_para_con_un_cliente_callado() -> Outcome {
    let (server, clients) = start()?;
    // A mano nadie puede pararlo en ese momento.
    let clients = clients.unrepeatable();
    let mut silent = clients.peer("callado")?;
    echoes(&mut silent, "hola\n")?;
    stop(server, "parar con un cliente callado dentro")?;
    silent.expect_end_or_reset()
}

fn se_para_con_un_cliente_que_no_lee() -> Outcome {
    let (listener, clients) = listening()?;
    // Los aceptados lo heredan.
    SockRef::from(&listener).set_send_buffer_size(SMALL)?;
    let server = start_on(listener)?;
    let mut deaf = clients.peer_with_receive_buffer("quien no lee", SMALL)?;
    // Más de lo que admiten esos búferes: si su hilo se duerme, es en `write`.
    deaf.try_send(vec![b'x'; 16 * SMALL]);
    all_asleep(LIMIT);
    stop(server, "parar con un cliente que no lee").hint(
        "el hilo de quien no lee duerme en `write`: `Shutdown::Read` no lo despierta, y \
         `Shutdown::Both` sí",
    )?;
    deaf.drain()
}

fn cuando_stop_vuelve_han_terminado_todos_los_hilos() -> Outcome {
    let (listener, clients) = listening()?;
    // Los aceptados lo heredan. Al cerrar un socket así, se espera a que al otro lado le llegue todo
    // (SO_LINGER, en socket(7)): mientras el cliente no lea, su hilo no acaba de terminar.
    SockRef::from(&listener).set_linger(Some(LONG))?;
    let server = start_on(listener)?;
    let mut slow = clients.peer_with_receive_buffer("quien tarda en leer", SMALL)?;
    // Más de lo que el cliente admite sin leer. Cuando su hilo se duerma, lo habrá devuelto todo: nada se
    // queda sin leer, que al cerrar sería un reinicio y no se esperaría.
    slow.send(vec![b'x'; 4 * SMALL])?;
    all_asleep(LIMIT);
    let what = "parar con un cliente que tarda en leer lo suyo";
    let stopping = Task::start(what, move || server.stop())?;
    let survivors = stopping.survivors(LIMIT);
    ensure(survivors == 0, || {
        let threads = if survivors == 1 { "un hilo tuyo" } else { "varios hilos tuyos" };
        format!("`stop` volvió, y aún está en marcha {threads}: debía esperar a que terminaran todos.")
    })
    .hint(
        "despertar a un hilo no es esperarlo: guarda el `JoinHandle` de cada uno para hacerle `join`, o \
         arráncalos con el `spawn` de `thread::scope`, que los espera",
    )
    .meanwhile()?;
    drop(slow);
    stopping.finish(LIMIT)
}

fn después_de_parar_nadie_escucha() -> Outcome {
    let (server, clients) = start()?;
    echoes(&mut clients.peer("cliente")?, "hola\n")?;
    stop(server, "parar cuando el único cliente ya se fue")?;
    let why = "`stop` volvió, y aún se puede conectar: el socket que escucha sigue abierto.";
    ensure(TcpStream::connect(clients.address()).is_err(), || why)
}

fn quien_entra_mientras_se_para_también_recibe_el_final() -> Outcome {
    raise_descriptor_limit();
    for _ in 0..ROUNDS {
        let (server, clients) = start()?;
        let address = clients.address();
        // Llaman sin descanso, y nadie dice nada. Hacia la mitad, se detiene.
        let halfway = Arc::new(Barrier::new(CALLERS + 1));
        let caller = || {
            let halfway = Arc::clone(&halfway);
            thread::spawn(move || {
                let call = |number| {
                    if number == CALLS / 2 {
                        halfway.wait();
                    }
                    TcpStream::connect(address).ok()
                };
                (0..CALLS).filter_map(call).collect::<Vec<_>>()
            })
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| caller()).collect();
        halfway.wait();
        let stopped = stop(server, "parar mientras entran clientes que callan");
        stopped.hint(
            "si se corta a los clientes antes de dejar de aceptar, el que entra entre lo uno y lo otro \
             se queda dentro, callado, y su hilo no termina nunca",
        )?;
        let silent: Vec<TcpStream> =
            callers.into_iter().flat_map(|caller| caller.join().unwrap_or_default()).collect();
        ensure(silent.iter().all(is_over), || {
            format!(
                "Mientras se detenía entraron {} clientes callados, y a uno de ellos, al menos, no le \
                 llegó el final de la conexión.",
                silent.len()
            )
        })
        .meanwhile()?;
    }
    Ok(())
}

by_hand!(|listener| {
    let server = Server::start(listener)?;
    thread::sleep(Duration::from_secs(20));
    server.stop();
    Ok(())
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    // El final le llega a los veinte segundos; `se_para_con_un_cliente_callado` no espera tanto.
    let _silent = hands.open("nc ")?;
    hands.wait_for_connections(1)
});

/// Si al otro lado ya no hay nadie: el final, o un reinicio.
fn is_over(client: &TcpStream) -> bool {
    let mut client = client;
    let _ = client.set_read_timeout(Some(LIMIT));
    // A quien no había acabado de conectarse cuando se cerró la puerta, el núcleo se lo dice cuando
    // habla. A quien sigue dentro, el servidor le respondería.
    let _ = client.write(b"x");
    match client.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

fn start() -> Result<(Server, Conversation), Failure> {
    let (listener, clients) = listening()?;
    Ok((start_on(listener)?, clients))
}

fn start_on(listener: TcpListener) -> Result<Server, Failure> {
    Ok(within(LIMIT, "arrancar el servidor", move || Server::start(listener))??)
}

fn stop(server: Server, what: &str) -> Outcome {
    within(LIMIT, what, move || server.stop())
}
