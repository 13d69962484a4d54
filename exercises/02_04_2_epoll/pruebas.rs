//! Las pruebas de 02_04_2_epoll: qué dice `wait` cuando se sabe lo que les pasa a los sockets.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod events;

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ejercicio::Poller;
use ejercicios::prelude::*;
use events::{Event, Interest};

/// El límite de una espera que ha de traer algo.
const ENOUGH: Option<Duration> = Some(Duration::from_secs(1));

/// El límite de una espera en la que no debe ocurrir nada.
const A_WHILE: Duration = Duration::from_millis(50);

/// El de una espera que acaba antes, porque alguien habla.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// El número que se da al socket que escucha. Distinto de cualquier lugar y de cualquier
/// descriptor.
const LISTENER: u64 = u64::MAX;

/// Cómo se llama en `/proc` el descriptor de un epoll, y la bandera de los que no se heredan: en
/// octal, O_CLOEXEC (proc(5)).
const EPOLL: &str = "anon_inode:[eventpoll]";
const CLOEXEC: u32 = 0o2_000_000;

ejercicios::tests! {
    crea_un_epoll_y_no_lo_hereda_nadie,
    si_no_pasa_nada_se_acaba_el_tiempo,
    avisa_de_quien_habla_con_su_número,
    avisa_de_quien_llama,
    sin_límite_espera_hasta_que_alguien_hable,
    con_un_límite_largo_también,
    por_nivel_se_repite_mientras_quede_algo,
    el_final_es_algo_que_leer_y_se_repite,
    sitio_para_escribir_casi_siempre_hay,
    cambiar_sustituye_lo_que_se_espera,
    sin_esperar_nada_sigue_en_la_lista,
    a_quien_se_quita_no_se_le_oye_y_puede_volver,
    lo_que_no_se_pide_también_llega_si_se_rompe,
    cualquiera_de_las_dos_banderas_dice_que_está_rota,
    los_errores_del_núcleo_se_devuelven,
    de_cien_que_hablan_no_se_pierde_ninguno,
}

fn crea_un_epoll_y_no_lo_hereda_nadie() -> Outcome {
    let poller = within(LIMIT, "crear un Poller", Poller::new)?;
    let _open = done("`Poller::new`", poller)?;
    // Esta prueba tiene su proceso: si hay un epoll, es el del `Poller`.
    let mut epolls = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")?.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|name| name.as_os_str() == EPOLL) {
            let number = entry.file_name().to_string_lossy().into_owned();
            epolls.push(fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?);
        }
    }
    ensure_equal("los epoll que hay abiertos tras `Poller::new`", 1, epolls.len())?;
    let flags = epolls[0].lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    ensure(flags.is_none_or(|flags| flags & CLOEXEC != 0), || {
        "Al epoll le falta EPOLL_CLOEXEC: cualquier programa que ejecute tu servidor lo heredaría, \
         abierto, con todo lo que vigila (epoll_create1(2))."
    })
}

fn si_no_pasa_nada_se_acaba_el_tiempo() -> Outcome {
    with_clients(1, |room| {
        room.add(0, Interest::Read)?;
        room.says_nothing("de un cliente callado")
    })
}

fn avisa_de_quien_habla_con_su_número() -> Outcome {
    with_clients(3, |room| {
        for place in 0..3 {
            room.add(place, Interest::Read)?;
        }
        room.peers[1].send("hola")?;
        room.says("cuando habla el cliente 101", &[readable(101)])
    })
}

fn avisa_de_quien_llama() -> Outcome {
    with_clients(0, |room| {
        let added = room.poller.add(&room.listener, LISTENER, Interest::Read);
        done("`add` del socket que escucha", added)?;
        let _caller = room.conversation.peer("quien llama")?;
        room.says("cuando alguien llama", &[readable(LISTENER)])
    })
}

fn sin_límite_espera_hasta_que_alguien_hable() -> Outcome {
    hears_who_talks_later(None, "sin límite")
}

fn con_un_límite_largo_también() -> Outcome {
    hears_who_talks_later(LONG, "con un límite de un minuto")
}

fn por_nivel_se_repite_mientras_quede_algo() -> Outcome {
    with_clients(1, |room| {
        room.add(0, Interest::Read)?;
        room.peers[0].send("0123456789")?;
        for (left, size) in [(10, 4), (6, 4), (2, 2)] {
            room.says(&format!("con {left} bytes por leer"), &[readable(100)])
                .hint("por nivel se repite mientras quede algo; ¿pediste EPOLLET?")?;
            room.read(0, size)?;
        }
        room.says_nothing("cuando ya se leyó todo")
    })
}

fn el_final_es_algo_que_leer_y_se_repite() -> Outcome {
    with_clients(1, |room| {
        room.add(0, Interest::Read)?;
        room.peers[0].half_close()?;
        for time in ["la primera vez", "la segunda, sin haber hecho nada"] {
            room.says(&format!("cuando el cliente cerró su lado, {time}"), &[readable(100)])?;
        }
        Ok(())
    })
}

fn sitio_para_escribir_casi_siempre_hay() -> Outcome {
    with_clients(2, |room| {
        room.add(0, Interest::Write)?;
        room.add(1, Interest::Both)?;
        let room_for_both = [writable(100), writable(101)];
        room.says("de dos clientes a los que se puede escribir", &room_for_both)?;
        room.peers[0].send("no se pidió leerlo")?;
        room.peers[1].send("este sí")?;
        let both = Event { readable: true, ..writable(101) };
        for time in ["", ", y la segunda vez, sin haber hecho nada,"] {
            let when = format!("si hablan los dos{time} y solo del 101 se pidió leer");
            room.says(&when, &[writable(100), both])?;
        }
        Ok(())
    })
}

fn cambiar_sustituye_lo_que_se_espera() -> Outcome {
    with_clients(1, |room| {
        room.add(0, Interest::Read)?;
        room.peers[0].send("hola")?;
        room.says("cuando habla el cliente 100", &[readable(100)])?;
        for (interest, event) in [(Interest::Write, writable(100)), (Interest::Read, readable(100))]
        {
            room.modify(0, interest)?;
            room.says(&format!("tras cambiar a {interest:?}"), &[event])
                .hint("`modify` sustituye el evento entero, también su número")?;
        }
        Ok(())
    })
}

fn sin_esperar_nada_sigue_en_la_lista() -> Outcome {
    with_clients(1, |room| {
        room.add(0, Interest::Read)?;
        room.peers[0].send("hola")?;
        room.modify(0, Interest::Nothing)?;
        room.says_nothing("de un cliente que habló, si no se espera nada de él")?;
        room.modify(0, Interest::Read)?;
        room.says("si se vuelve a esperar algo de quien habló mientras tanto", &[readable(100)])
    })
}

fn a_quien_se_quita_no_se_le_oye_y_puede_volver() -> Outcome {
    with_clients(2, |room| {
        room.add(0, Interest::Read)?;
        room.add(1, Interest::Read)?;
        room.peers[0].send("hola")?;
        room.delete(0)?;
        room.says_nothing("de un cliente al que se quitó")?;
        room.peers[1].send("hola")?;
        room.says("si se quitó al 100 y habla el 101", &[readable(101)])?;
        room.add(0, Interest::Read)?;
        room.says("si vuelve a añadirse el 100", &[readable(100), readable(101)])
    })
}

fn lo_que_no_se_pide_también_llega_si_se_rompe() -> Outcome {
    with_clients(1, |room| {
        room.add(0, Interest::Nothing)?;
        room.peers.remove(0).reset()?;
        let broken = Event { id: 100, readable: false, writable: false, broken: true };
        room.says("cuando se reinicia una conexión de la que no se espera nada", &[broken])
    })
}

fn cualquiera_de_las_dos_banderas_dice_que_está_rota() -> Outcome {
    with_clients(1, |room| {
        let either = "`broken` es EPOLLERR o EPOLLHUP: pueden llegar por separado, y basta una";
        let broken = |id| Event { id, readable: false, writable: false, broken: true };
        // Los dos lados dijeron adiós, sin que nada fallara: EPOLLHUP sin EPOLLERR.
        room.add(0, Interest::Nothing)?;
        room.peers[0].half_close()?;
        room.sockets[0].shutdown(Shutdown::Write)?;
        room.says("de una conexión cerrada por los dos lados (EPOLLHUP)", &[broken(100)])
            .hint(either)?;
        room.delete(0)?;
        // A quien escribe en una tubería que ya no lee nadie, EPOLLERR sin EPOLLHUP.
        let (reader, writer) = io::pipe()?;
        drop(reader);
        let added = room.poller.add(&writer, 7, Interest::Nothing);
        done("`add` de una tubería", added)?;
        room.says("de una tubería que ya no lee nadie (EPOLLERR)", &[broken(7)]).hint(either)
    })
}

fn los_errores_del_núcleo_se_devuelven() -> Outcome {
    with_clients(2, |room| {
        room.add(0, Interest::Read)?;
        let again = room.poller.add(&room.sockets[0], 100, Interest::Read);
        let what = "el error que devuelve `add` de un socket que ya se vigila";
        ensure_fails(what, ErrorKind::AlreadyExists, &again)?;
        let modified = room.poller.modify(&room.sockets[1], 101, Interest::Read);
        let what = "el error que devuelve `modify` de un socket que no se vigila";
        ensure_fails(what, ErrorKind::NotFound, &modified)?;
        let deleted = room.poller.delete(&room.sockets[1]);
        let what = "el error que devuelve `delete` de un socket que no se vigila";
        ensure_fails(what, ErrorKind::NotFound, &deleted)
    })
}

fn de_cien_que_hablan_no_se_pierde_ninguno() -> Outcome {
    with_clients(100, |room| {
        for place in 0..100 {
            room.add(place, Interest::Read)?;
            room.peers[place].send("hola")?;
        }
        let mut heard = Vec::new();
        while heard.len() < 100 {
            let events = room.wait(ENOUGH)?;
            ensure(!events.is_empty(), || {
                format!("Hablaron cien, y `wait` solo avisó de {}.", heard.len())
            })?;
            for event in events {
                let place = place_of(event)?;
                ensure(!heard.contains(&place), || {
                    format!("`wait` repite {event:?}, a quien ya no le queda nada por leer.")
                })?;
                room.read(place, 4)?;
                heard.push(place);
            }
        }
        Ok(())
    })
}

by_hand!(|listener| {
    let poller = Poller::new()?;
    poller.add(&listener, LISTENER, Interest::Read)?;
    let mut clients = HashMap::new();
    for turn in 1_u64.. {
        let events = match poller.wait(None) {
            Ok(events) => events,
            // Ctrl-Z y `fg` también despiertan (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => Vec::new(),
            Err(error) => return Err(error),
        };
        writeln!(io::stdout(), "despertar {turn}: {events:?}")?;
        for event in events {
            if event.id == LISTENER {
                let (client, _) = listener.accept()?;
                poller.add(&client, turn, Interest::Read)?;
                clients.insert(turn, client);
            } else if clients.get(&event.id).is_some_and(|client| !echo_a_little(client)) {
                // Cerrarlo lo quita también de epoll.
                clients.remove(&event.id);
            }
        }
    }
    Ok(())
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    ensure_equal("el eco", "diezletras\n", hands.run_typing("nc -N", "diezletras\n")?.as_str())?;
    // Quien llega, tres lecturas de cuatro bytes como mucho, y el final.
    hands.wait_for_server("despertar 5:")
});

/// Devuelve cuatro bytes, como mucho. Dice si la conexión sigue.
fn echo_a_little(mut client: &TcpStream) -> bool {
    let mut buffer = [0; 4];
    match client.read(&mut buffer) {
        Ok(0) | Err(_) => false,
        Ok(count) => client.write_all(&buffer[..count]).is_ok(),
    }
}

/// Un `Poller`, sockets aceptados y quienes les hablan. El del lugar 0 lleva el número 100.
struct Room {
    poller: Poller,
    listener: TcpListener,
    conversation: Conversation,
    sockets: Vec<TcpStream>,
    peers: Vec<Peer>,
    /// Lo que se le ha pedido al `Poller`, para el informe.
    asked: Vec<String>,
}

impl Room {
    fn add(&mut self, place: usize, interest: Interest) -> Outcome {
        self.asked.push(format!("add del cliente {}, con {interest:?}", id(place)));
        let added = self.poller.add(&self.sockets[place], id(place), interest);
        done(format!("`add` de un socket nuevo, con {interest:?},"), added)
    }

    fn modify(&mut self, place: usize, interest: Interest) -> Outcome {
        self.asked.push(format!("modify del cliente {}, a {interest:?}", id(place)));
        let modified = self.poller.modify(&self.sockets[place], id(place), interest);
        done(format!("`modify` de un socket que ya se vigila, a {interest:?},"), modified)
    }

    fn delete(&mut self, place: usize) -> Outcome {
        self.asked.push(format!("delete del cliente {}", id(place)));
        let deleted = self.poller.delete(&self.sockets[place]);
        done("`delete` de un socket que se vigila", deleted)
    }

    fn wait(&self, limit: Option<Duration>) -> Result<Vec<Event>, Failure> {
        done("`wait` con límite", self.poller.wait(limit))
    }

    /// Comprueba los eventos de la vuelta siguiente, en cualquier orden.
    fn says(&self, when: &str, expected: &[Event]) -> Outcome {
        let mut events = self.wait(ENOUGH)?;
        events.sort_by_key(|event| event.id);
        let empty = events.iter().filter(|event| !happens(event)).count();
        ensure(empty == 0, || {
            format!(
                "`wait` devolvió {} eventos {when}, y en {empty} de ellos no pasa nada. \
                 `epoll_wait` dice cuántos lugares llenó: los demás no son eventos.",
                events.len()
            )
        })?;
        let what = format!("los eventos de `wait` {when}");
        ensure_equal(what, expected, events.as_slice()).map_err(|it| self.with_what_was_asked(it))
    }

    /// Lo que el `Poller` sabía de cada cliente.
    fn with_what_was_asked(&self, failure: Failure) -> Failure {
        // Con cien clientes, lo de todos es lo mismo.
        failure.section("Lo que se le pidió antes", self.asked.iter().take(10).cloned())
    }

    /// Comprueba que no haya eventos en un rato, y que se duerma ese rato.
    fn says_nothing(&self, when: &str) -> Outcome {
        let started = Instant::now();
        let events = self.wait(Some(A_WHILE))?;
        let slept = started.elapsed();
        let silent = ensure(events.is_empty(), || {
            if events.iter().any(happens) {
                format!("`wait` no debía decir nada {when}, y dijo {events:?}.")
            } else {
                format!(
                    "`wait` no debía decir nada {when}, y devolvió {} eventos vacíos. \
                     `epoll_wait` dice cuántos lugares llenó: los demás no son eventos.",
                    events.len()
                )
            }
        });
        silent.map_err(|failure| self.with_what_was_asked(failure))?;
        // El límite va en milisegundos enteros: como mucho, falta una parte de uno.
        ensure(slept + Duration::from_millis(1) >= A_WHILE, || {
            format!(
                "`wait` no tenía nada que decir {when}. Su límite eran {} ms, y volvió a los {}: sin \
                 nada que decir se duerme el límite entero. Quien vuelve antes da vueltas sin descanso.",
                A_WHILE.as_millis(),
                slept.as_millis()
            )
        })
    }

    /// Lee de un cliente, ya avisado, justo `size` bytes.
    fn read(&mut self, place: usize, size: usize) -> Outcome {
        Ok(self.sockets[place].read_exact(&mut vec![0; size])?)
    }
}

/// Conecta a `count` clientes y sigue el guion con un `Poller` nuevo.
fn with_clients(
    count: usize,
    script: impl FnOnce(&mut Room) -> Outcome + Send + 'static,
) -> Outcome {
    let (listener, conversation) = listening()?;
    let (mut sockets, mut peers) = (Vec::new(), Vec::new());
    for place in 0..count {
        peers.push(conversation.peer(&format!("cliente {}", id(place)))?);
        sockets.push(listener.accept()?.0);
    }
    within(LIMIT, "usar tu Poller, sin esperas de más de un segundo", move || {
        let poller = done("`Poller::new`", Poller::new())?;
        let asked = Vec::new();
        script(&mut Room { poller, listener, conversation, sockets, peers, asked })
    })?
}

/// Un cliente calla, y después habla: `wait` vuelve entonces, y con su evento.
fn hears_who_talks_later(limit: Option<Duration>, how: &'static str) -> Outcome {
    with_clients(1, move |room| {
        room.add(0, Interest::Read)?;
        let mut peer = room.peers.remove(0);
        let events = until_called(&mut peer, how, || room.poller.wait(limit))?;
        let events = done(format!("`wait` {how}"), events)?;
        ensure_equal(format!("los eventos de `wait` {how}"), vec![readable(100)], events)
    })
}

fn id(place: usize) -> u64 {
    100 + place as u64
}

fn place_of(event: Event) -> Result<usize, Failure> {
    let place = event.id.checked_sub(100).and_then(|place| usize::try_from(place).ok());
    place.filter(|place| *place < 100).ok_or_else(|| {
        Failure::new(format!("`wait` devolvió {event:?}, y nadie se añadió con ese número."))
    })
}

fn readable(id: u64) -> Event {
    Event { id, readable: true, writable: false, broken: false }
}

fn writable(id: u64) -> Event {
    Event { id, readable: false, writable: true, broken: false }
}

fn happens(event: &Event) -> bool {
    event.readable || event.writable || event.broken
}
