//! Las pruebas de 02_03_4_bucle.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod client;

use std::io::ErrorKind;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use ejercicio::serve;
use ejercicios::prelude::*;
use harness::frame;
use socket2::SockRef;

/// Lo que se deja a quien no lee para enviar cuanto quepa.
const A_WHILE: Duration = Duration::from_millis(300);

/// Búferes del núcleo pequeños: que quien no lee se note pronto.
const SMALL: usize = 16 * 1024;

ejercicios::tests! {
    devuelve_cada_mensaje,
    uno_que_calla_no_hace_esperar_a_los_demás,
    medio_marco_no_hace_esperar_a_los_demás,
    varios_hablan_a_la_vez_y_cada_uno_recibe_lo_suyo,
    quien_cierra_su_lado_recibe_el_final,
    quien_falla_no_se_lleva_a_nadie,
    quien_no_lee_no_hace_esperar_a_los_demás,
    lo_que_no_cupo_llega_cuando_hay_sitio,
    quien_cierra_su_lado_recibe_antes_lo_que_le_falta,
    sin_nada_que_hacer_duerme,
    si_uno_falla_quienes_hablan_a_la_vez_no_lo_notan,
    si_quien_llamaba_ya_no_está_sigue,
    si_accept_falla_devuelve_el_error,
}

fn devuelve_cada_mensaje() -> Outcome {
    with_loop(|clients, _| {
        let mut client = clients.peer("cliente")?;
        say(&mut client, "hola")?;
        say(&mut client, "")?;
        say(&mut client, "¿sigues ahí?")?;
        client.half_close()?;
        client.expect_end()?;
        say(&mut clients.peer("quien llega cuando ya no hay nadie")?, "hola")
    })
}

fn uno_que_calla_no_hace_esperar_a_los_demás() -> Outcome {
    with_loop(|clients, server| {
        let mut silent = clients.peer("callado")?;
        let mut talker = clients.peer("hablador")?;
        let answered = say(&mut talker, "¿hay alguien?")
            .hint("quien calla tiene parado al hilo: solo debe dormir en `select`");
        server.explain_what_it_does(answered)?;
        say(&mut silent, "sí")
    })
}

fn medio_marco_no_hace_esperar_a_los_demás() -> Outcome {
    with_loop(|clients, _| {
        let mut slow = clients.peer("quien envía medio marco")?;
        let whole = frame::encode("por fin");
        slow.send(&whole[..7])?;
        say(&mut clients.peer("otro")?, "yo sí termino")?;
        slow.send(&whole[7..])?;
        slow.expect_frame("por fin")
    })
}

fn varios_hablan_a_la_vez_y_cada_uno_recibe_lo_suyo() -> Outcome {
    with_loop(|clients, _| {
        let mut peers = clients.peers("cliente", 20)?;
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.send([frame::encode(format!("uno {number}")), frame::encode("dos")].concat())?;
        }
        for (number, peer) in peers.iter_mut().enumerate().rev() {
            peer.expect_frame(format!("uno {number}"))?;
            peer.expect_frame("dos")?;
        }
        Ok(())
    })
}

fn quien_cierra_su_lado_recibe_el_final() -> Outcome {
    with_loop(|clients, _| {
        let mut other = clients.peer("quien sigue")?;
        let mut client = clients.peer("quien se va")?;
        client.send_frame("adiós")?;
        client.half_close()?;
        client.expect_frame("adiós")?;
        client.expect_end()?;
        say(&mut other, "yo sigo")
    })
}

fn quien_falla_no_se_lleva_a_nadie() -> Outcome {
    with_loop(|clients, _| {
        let mut first = clients.peer("quien llegó antes")?;
        say(&mut first, "hola")?;
        let mut rude = clients.peer("quien corta")?;
        say(&mut rude, "hola")?;
        let mut hostile = clients.peer("quien no habla en marcos")?;
        let mut last = clients.peer("quien llegó después")?;
        rude.reset()?;
        hostile.send([0xFF; 4])?;
        hostile.expect_end_or_reset()?;
        say(&mut first, "sigo aquí")?;
        say(&mut last, "y yo")?;
        say(&mut clients.peer("uno nuevo")?, "y yo")
    })
}

fn quien_no_lee_no_hace_esperar_a_los_demás() -> Outcome {
    with_loop(|clients, server| {
        let mut deaf = in_bytes(clients).peer_with_receive_buffer("quien no lee", SMALL)?;
        deaf.set_limit(A_WHILE);
        // Más de lo que admiten los búferes del núcleo: la respuesta no la lee nadie.
        let _ = deaf.try_send(large_frames());
        let answered = say(&mut clients.peer("otro")?, "¿hay alguien?")
            .hint("hay otro cliente que envía y no lee: ¿es no bloqueante su socket?");
        // Aquí, y no fuera: quien no lee sigue conectado.
        server.explain_what_it_does(answered)
    })
}

fn lo_que_no_cupo_llega_cuando_hay_sitio() -> Outcome {
    with_loop(|clients, server| {
        let mut slow = in_bytes(clients).peer_with_receive_buffer("quien lee despacio", SMALL)?;
        let frames = large_frames();
        server.explain_what_it_does(slow.send_meanwhile(frames.as_slice())?.finish())?;
        let read = slow.expect(&frames).and_then(|()| {
            slow.send_frame("ya estoy al día")?;
            slow.expect(frame::encode("ya estoy al día"))
        });
        server.explain_what_it_does(read.hint(
            "lo que no cabe de una vez espera en su cola: ¿quién avisa de que vuelve a haber sitio?",
        ))
    })
}

fn quien_cierra_su_lado_recibe_antes_lo_que_le_falta() -> Outcome {
    with_loop(|clients, server| {
        let mut slow = in_bytes(clients).peer_with_receive_buffer("quien se va", SMALL)?;
        let frames = large_frames();
        server.explain_what_it_does(slow.send_meanwhile(frames.as_slice())?.finish())?;
        slow.half_close()?;
        // En cada vuelta se le leen 16 KiB: tras tantas como trozos, el bucle ya sabe que cerró.
        let mut other = in_bytes(clients).peer("quien da vueltas al bucle")?;
        for _ in 0..frames.len() / (8 * 1024) {
            other.send(frame::encode("otra"))?;
            other.expect(frame::encode("otra"))?;
        }
        sleeps(server, "Quien cerró su lado no leía, nadie más decía nada")?;
        let read = slow.expect(&frames).and_then(|()| slow.expect_end());
        server.explain_what_it_does(
            read.hint("quien cierra su lado aún ha de recibir lo que le falta, y después el final"),
        )
    })
}

fn sin_nada_que_hacer_duerme() -> Outcome {
    with_loop(|clients, server| {
        let mut silent = clients.peer("callado")?;
        say(&mut silent, "hola")?;
        sleeps(server, "Nadie decía nada")
    })
}

fn si_uno_falla_quienes_hablan_a_la_vez_no_lo_notan() -> Outcome {
    const ROUNDS: usize = 20;
    with_loop(|clients, _| {
        let clients = in_bytes(clients);
        let mut busy = clients.peer("quien da trabajo")?;
        let mut failing = clients.peers("quien falla,", ROUNDS)?;
        let mut talker = clients.peer("quien llegó el último")?;
        say_in_bytes(&mut talker, "hola")?;
        // Mil mensajes de una vez: mientras el bucle los atiende, los otros dos llegan a estar listos.
        let work = frame::encode("").repeat(1000);
        for mut rude in failing.drain(..) {
            busy.send(&work)?;
            rude.send([0xFF; 4])?;
            say_in_bytes(&mut talker, "sigo aquí").hint(
                "estaban listos a la vez uno que falla y, detrás, otro que habla. Si se quita al \
                 primero a mitad del recorrido, los lugares de los demás dejan de ser los que vio \
                 `select`",
            )?;
            rude.expect_end_or_reset()?;
            busy.expect(&work)?;
        }
        Ok(())
    })
}

fn si_quien_llamaba_ya_no_está_sigue() -> Outcome {
    const LOOPS: usize = 6;
    // Que dos despierten y solo uno llegue a tiempo depende del reparto: con tantas, ocurre siempre.
    const BURSTS: usize = 800;
    const CALLS: usize = 6;
    let (listener, clients) = listening_in_frames()?;
    // Que quepan todos en la cola: a quien no cabe, el núcleo lo hace insistir un segundo después.
    SockRef::from(&listener).listen(4096)?;
    let clients = clients.unrepeatable();
    // Varios bucles con el mismo socket: despiertan todos, y el último no encuentra a quien llamaba.
    let start = |_| {
        let listener = listener.try_clone()?;
        Task::start("un bucle, con otros que aceptan del mismo socket", move || serve(&listener))
    };
    let servers = (0..LOOPS).map(start).collect::<Result<Vec<_>, Failure>>()?;
    let answered = clients.peer("cliente").and_then(|mut client| say(&mut client, "hola"));
    servers.iter().try_for_each(|server| server.explain(answered.clone()))?;
    ensure(SockRef::from(&listener).nonblocking()?, || {
        "El socket que escucha bloquea: le falta O_NONBLOCK. Si quien llamaba ya no está, porque lo recogió \
         otro, `accept` dormirá hasta que llame alguien más, con los demás desatendidos."
    })?;
    for _ in 0..BURSTS {
        let call = |_| TcpStream::connect_timeout(&clients.address(), LIMIT);
        let burst = (0..CALLS).map(call).collect::<Result<Vec<_>, _>>()?;
        // Que se vayan sin dejar rastro: si no, el núcleo recordaría cada conexión un minuto (tcp(7)).
        burst.iter().try_for_each(|it| SockRef::from(it).set_linger(Some(Duration::ZERO)))?;
    }
    servers.iter().try_for_each(Task::goes_on).hint(
        "que `accept` dé `WouldBlock` no es un fallo: no hay nadie en la cola, o lo recogió otro",
    )
}

fn si_accept_falla_devuelve_el_error() -> Outcome {
    let (listener, _) = listening()?;
    // Apagado, un socket que escucha está listo siempre, y `accept` da EINVAL.
    SockRef::from(&listener).shutdown(Shutdown::Both)?;
    let serving = within(LIMIT, "volver con el error de `accept`", move || serve(&listener))?;
    ensure_fails("el error, si `accept` falla", ErrorKind::InvalidInput, &serving)
}

by_hand!(|listener| serve(&listener));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let slow = hands.open("(printf")?;
    hands.wait_for_connections(1)?;
    hands.run("printf")?;
    ensure(slow.is_busy(), || "La primera no debía terminar antes que la segunda.")?;
    hands.wake()?;
    slow.ends().map(drop)
});

/// Pone en marcha el bucle y sigue el guion.
fn with_loop(script: impl FnOnce(&Conversation, &Serving) -> Outcome) -> Outcome {
    let (listener, clients) = listening_in_frames()?;
    // Los aceptados lo heredan: el núcleo no se queda con todo lo que se les envía.
    SockRef::from(&listener).set_send_buffer_size(SMALL)?;
    with_server("el bucle", (listener, clients), |listener| serve(&listener), script)
}

/// Comprueba que el bucle duerme mientras nadie hace nada.
fn sleeps(server: &Serving, when: &str) -> Outcome {
    server.sleeps_soundly(
        when,
        "Tu bucle da vueltas sin que haya nada que hacer. ¿A quién vigilas que siempre está listo?",
        "Mirar cada poco si hay algo gasta procesador y hace esperar a quien llega: el hilo solo duerme en \
         `select`, y sin plazo. El núcleo lo despierta en cuanto haya algo.",
    )
}

/// Un millón de bytes: mucho más de lo que admiten esos búferes, y menos de lo que cabe en la cola de
/// un cliente.
fn large_frames() -> Vec<u8> {
    (0..20).flat_map(|number| frame::encode(format!("{number:<49996}"))).collect()
}

fn say_in_bytes(client: &mut Peer, text: &str) -> Outcome {
    client.send(frame::encode(text))?;
    client.expect(frame::encode(text))
}

fn say(client: &mut Peer, text: &str) -> Outcome {
    client.send_frame(text)?;
    client.expect_frame(text)
}
