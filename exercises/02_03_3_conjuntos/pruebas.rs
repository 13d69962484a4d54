//! Las pruebas de 02_03_3_conjuntos.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};

use ejercicio::{wait, watch};
use ejercicios::descriptors;
use ejercicios::prelude::*;
use given::{Client, Ready, Watched};
use nix::sys::select::{FD_SETSIZE, FdSet};

ejercicios::tests! {
    vigila_para_leer_al_que_escucha_y_a_los_clientes,
    vigila_para_escribir_solo_a_quien_tiene_algo_que_recibir,
    a_quien_terminó_no_se_le_lee,
    despierta_cuando_alguien_llama,
    aún_sin_clientes_también,
    despierta_cuando_alguien_habla,
    despierta_cuando_alguien_cierra,
    distingue_a_quien_leer_y_a_quien_escribir,
    si_nadie_está_listo_duerme,
    el_que_no_cabe_se_rechaza,
}

fn vigila_para_leer_al_que_escucha_y_a_los_clientes() -> Outcome {
    with_clients(2, |room, _| {
        room.watches("sin nadie especial", |sets| {
            let why = "al socket que escucha hay que vigilarlo para leer: es por donde llaman";
            must(sets.listener, why)?;
            let why = "a cada cliente que aún puede enviar algo hay que vigilarlo para leer";
            must(sets.reading == [0, 1], why)
        })
    })
}

fn vigila_para_escribir_solo_a_quien_tiene_algo_que_recibir() -> Outcome {
    with_clients(3, |room, _| {
        room.clients[1].output = b"algo".to_vec();
        room.watches("si solo el cliente 1 tiene algo en `output`", |sets| {
            let why = "a quien tiene algo en `output` hay que vigilarlo para escribir";
            must(sets.writing.contains(&1), why)?;
            must(
                sets.writing == [1],
                "a quien no tiene nada en `output` no se le vigila para escribir: casi siempre hay \
                 sitio, y `select` volvería al instante, siempre",
            )?;
            let why = "tener algo que recibir no impide enviar: también se le lee";
            must(sets.reading == [0, 1, 2], why)
        })
    })
}

fn a_quien_terminó_no_se_le_lee() -> Outcome {
    with_clients(2, |room, _| {
        room.clients[0].ended = true;
        room.clients[0].output = b"lo que le falta".to_vec();
        room.watches("si el cliente 0 cerró su lado y le falta algo por recibir", |sets| {
            must(
                sets.reading == [1],
                "quien ya terminó está listo para leer siempre: `read` daría cero al instante, una \
                 y otra vez",
            )?;
            must(sets.writing == [0], "quien cerró su lado aún puede recibir lo que le falta")
        })
    })
}

fn despierta_cuando_alguien_llama() -> Outcome {
    with_clients(1, |room, address| {
        let _caller = address.peer("quien llama")?;
        room.waits("cuando alguien llama", &ready(true, &[], &[]))
    })
}

fn aún_sin_clientes_también() -> Outcome {
    with_clients(0, |room, address| {
        room.watches("si aún no hay clientes", |sets| {
            let why = "al socket que escucha hay que vigilarlo siempre: alguien será el primero";
            must(sets.listener, why)
        })?;
        let _first = address.peer("el primero")?;
        room.waits("cuando llama el primero", &ready(true, &[], &[]))
    })
}

fn despierta_cuando_alguien_habla() -> Outcome {
    with_clients(3, |room, _| {
        room.peers[1].send("hola")?;
        room.waits("cuando habla el cliente 1", &ready(false, &[1], &[]))
    })
}

fn despierta_cuando_alguien_cierra() -> Outcome {
    with_clients(2, |room, _| {
        room.peers[0].half_close()?;
        room.waits("cuando cierra el cliente 0", &ready(false, &[0], &[]))
    })
}

fn distingue_a_quien_leer_y_a_quien_escribir() -> Outcome {
    with_clients(3, |room, address| {
        room.peers[2].send("hola")?;
        room.clients[0].output = b"algo".to_vec();
        room.clients[2].output = b"algo".to_vec();
        let when = "cuando habla el cliente 2, y el 0 y el 2 tienen algo que recibir";
        room.waits(when, &ready(false, &[2], &[0, 2]))?;
        let _caller = address.peer("quien llama")?;
        room.waits(&format!("{when}, y además alguien llama"), &ready(true, &[2], &[0, 2]))
    })
}

fn si_nadie_está_listo_duerme() -> Outcome {
    with_clients(2, |room, _| {
        room.clients[1].ended = true;
        room.peers[1].half_close()?;
        let waiting = room.start_waiting()?;
        waiting
            .goes_on()
            .hint("nadie tenía nada que hacer: había que dormir hasta que alguien hablara")?;
        waiting.sleeps_soundly(
            "Nadie tenía nada que hacer",
            "¿Llamas a `select` una y otra vez, o vigilas a alguien que siempre está listo?",
            "Mirar cada poco si hay algo gasta procesador y hace esperar a quien llega: `wait` espera sin \
             plazo, y el núcleo lo despierta en cuanto haya algo.",
        )?;
        room.peers[0].send("ya")?;
        room.ends(waiting, "si solo habla el cliente 0", &ready(false, &[0], &[]))
    })
}

fn el_que_no_cabe_se_rechaza() -> Outcome {
    let (listener, clients) = listening()?;
    // Los descriptores los gasta la prueba: a mano no se llega a tantos.
    let clients = clients.unrepeatable();
    let mut fitting = clients.peer("quien cabe")?;
    let mut late = clients.peer("quien no cabe")?;
    // El siguiente será el último que cabe.
    let spare = descriptors::fill_to(FD_SETSIZE - 2)?;
    let (last, first_out) = (listener.accept()?.0, listener.accept()?.0);
    let (last_fd, out_fd) = (last.as_raw_fd(), first_out.as_raw_fd());
    let client = within(LIMIT, "envolver a un cliente", move || Client::new(last))?;
    let outside = within(LIMIT, "envolver a un cliente", move || Client::new(first_out))?;
    drop(spare);
    let client = client.ok_or_else(|| {
        Failure::new(format!(
            "El descriptor {last_fd} es el último que cabe, y tu función lo rechaza: son \
             {FD_SETSIZE}, del 0 al {}.",
            FD_SETSIZE - 1
        ))
    })?;
    ensure(outside.is_none(), || {
        format!(
            "El descriptor {out_fd} no cabe en un conjunto, que llega al {}, y tu función lo acepta. \
             En cuanto alguien lo anote, `nix` entrará en pánico, y con él caerán todos los clientes.",
            FD_SETSIZE - 1
        )
    })?;
    late.expect_end()?;
    fitting.send("hola")?;
    let mut room = Room { listener, clients: vec![client], peers: vec![fitting] };
    room.waits("cuando habla el cliente del descriptor 1023", &ready(false, &[0], &[]))
}

by_hand!(|listener| {
    let mut clients = Vec::new();
    loop {
        let ready = wait(&listener, &clients)?;
        writeln!(io::stdout(), "despierta con {ready:?}")?;
        for &place in &ready.readable {
            clients.get_mut(place).into_iter().for_each(hear);
        }
        for &place in &ready.writable {
            clients.get_mut(place).into_iter().for_each(answer);
        }
        clients.retain(|client| !client.ended || !client.output.is_empty());
        if ready.listener {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            clients.extend(Client::new(stream));
        }
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let two = [hands.open("nc -N")?, hands.open("nc -N")?];
    for terminal in two.iter().chain(&two) {
        terminal.types("hola\n");
        terminal.shows("hola\n")?;
    }
    Ok(())
});

/// Lee una vez de un cliente, y le deja la respuesta en `output`.
fn hear(client: &mut Client) {
    let mut buffer = [0; 1024];
    match client.stream.read(&mut buffer) {
        Ok(count) if count > 0 => client.output.extend_from_slice(&buffer[..count]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        _ => client.ended = true,
    }
}

/// Escribe una vez a un cliente.
fn answer(client: &mut Client) {
    match client.stream.write(&client.output) {
        Ok(count) => drop(client.output.drain(..count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(_) => {
            client.ended = true;
            client.output.clear();
        }
    }
}

/// Un socket que escucha, clientes conectados y quienes les hablan.
struct Room {
    listener: TcpListener,
    clients: Vec<Client>,
    peers: Vec<Peer>,
}

/// Una llamada a `wait`, que devuelve también los clientes.
type Waiting = Task<(io::Result<Ready>, Vec<Client>)>;

/// Lo que hay en los conjuntos.
struct Sets {
    listener: bool,
    reading: Vec<usize>,
    writing: Vec<usize>,
}

impl Room {
    /// Llama a `watch` y comprueba lo que pone en los conjuntos.
    fn watches(
        &self,
        when: &str,
        check: impl FnOnce(&Sets) -> Result<(), &'static str>,
    ) -> Outcome {
        let (listener, clients) = (self.listener.try_clone()?, self.copies()?);
        // Las copias tienen otros descriptores: se mira en los suyos.
        let sets = within(LIMIT, "llenar los conjuntos", move || {
            let Watched { reading, writing } = watch(&listener, &clients);
            Sets {
                listener: reading.contains(listener.as_fd()),
                reading: places(&clients, &reading),
                writing: places(&clients, &writing),
            }
        })?;
        let also = if sets.listener { "el que escucha y " } else { "" };
        check(&sets).map_err(|why| {
            Failure::new(format!("Tus conjuntos no son los que deben ser {when}: {why}.")).section(
                "Los que llenó tu función",
                [
                    format!("para leer: {also}los clientes {}", list(&sets.reading)),
                    format!("para escribir: los clientes {}", list(&sets.writing)),
                ],
            )
        })
    }

    /// Llama a `wait` y comprueba lo que devuelve.
    fn waits(&mut self, when: &str, expected: &Ready) -> Outcome {
        let waiting = self.start_waiting()?;
        self.ends(waiting, when, expected)
    }

    /// Espera a que `wait` vuelva, y comprueba lo que devuelve. Los lugares, en cualquier orden.
    fn ends(&mut self, waiting: Waiting, when: &str, expected: &Ready) -> Outcome {
        let (got, clients) = waiting.finish(LIMIT)?;
        self.clients = clients;
        let mut got = got?;
        got.readable.sort_unstable();
        got.writable.sort_unstable();
        ensure_equal(format!("por quién despierta `wait` {when}"), expected, &got)
    }

    /// Llama a `wait` en otro hilo.
    fn start_waiting(&mut self) -> Result<Waiting, Failure> {
        let listener = self.listener.try_clone()?;
        let clients = std::mem::take(&mut self.clients);
        Task::start("esperar a que alguien esté listo", move || {
            (wait(&listener, &clients), clients)
        })
    }

    fn copies(&self) -> io::Result<Vec<Client>> {
        let copy = |client: &Client| {
            let stream = client.stream.try_clone()?;
            Ok(Client { stream, output: client.output.clone(), ended: client.ended })
        };
        self.clients.iter().map(copy).collect()
    }
}

fn ready(listener: bool, readable: &[usize], writable: &[usize]) -> Ready {
    Ready { listener, readable: readable.to_vec(), writable: writable.to_vec() }
}

fn places(clients: &[Client], set: &FdSet<'_>) -> Vec<usize> {
    let inside = clients.iter().enumerate();
    inside.filter(|(_, it)| set.contains(it.stream.as_fd())).map(|(place, _)| place).collect()
}

fn list(places: &[usize]) -> String {
    if places.is_empty() { "(ninguno)".to_owned() } else { format!("{places:?}") }
}

fn must(condition: bool, why: &'static str) -> Result<(), &'static str> {
    if condition { Ok(()) } else { Err(why) }
}

/// Conecta a `count` clientes, los envuelve con `Client::new` y sigue el guion.
fn with_clients(count: usize, script: impl FnOnce(&mut Room, &Conversation) -> Outcome) -> Outcome {
    let (listener, address) = listening()?;
    let (mut clients, mut peers) = (Vec::new(), Vec::new());
    for place in 0..count {
        peers.push(address.peer(&format!("cliente {place}"))?);
        let (stream, _) = listener.accept()?;
        let fd = stream.as_raw_fd();
        let client = within(LIMIT, "envolver a un cliente", move || Client::new(stream))?;
        clients.push(client.ok_or_else(|| {
            Failure::new(format!(
                "El descriptor {fd} cabe en un conjunto, y tu función lo rechaza."
            ))
        })?);
    }
    script(&mut Room { listener, clients, peers }, &address)
}
