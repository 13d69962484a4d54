//! Las pruebas de 02_04_6_despedida: una sala, clientes que se van de todas las maneras, y qué queda
//! de ellos en este proceso.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod client;
pub mod farewell;
pub mod server;

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use client::{Client, LISTENING};
use ejercicio::Room;
use ejercicios::epoll::{names, wait};
use ejercicios::prelude::*;
use farewell::{Farewell, Reason};
use harness::eventually;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use server::serve;
use socket2::SockRef;

/// Lo que se da a lo que no debe ocurrir, por si ocurre.
const A_WHILE: Duration = Duration::from_millis(50);

/// Lo que se mira si el hilo gira sin tener nada que hacer.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

/// Vueltas que nadie necesita para despedirse.
const TOO_MANY: usize = 2000;

ejercicios::tests! {
    lo_que_se_espera_de_cada_uno,
    quien_cierra_su_lado_recibe_su_respuesta,
    quien_entra_y_sale_no_deja_nada,
    quien_no_se_va_sigue,
    lo_último_que_dijo_cuenta,
    sin_nada_que_leer_se_acabó,
    quien_corta_después_de_su_final,
    el_final_se_mira_una_vez,
    una_lectura_por_aviso,
    el_primer_motivo_es_el_que_cuenta,
    el_fallo_de_uno_es_solo_suyo,
    el_número_no_se_repite,
    un_aviso_atrasado_no_alcanza_a_nadie,
    de_cuarenta_que_se_van_a_la_vez_no_queda_ninguno,
    el_servidor_se_despide_de_todos,
}

fn lo_que_se_espera_de_cada_uno() -> Outcome {
    within(LIMIT, "preguntar qué se espera de un cliente", || {
        let (_peer, stream) = connected()?;
        let mut client = Client::new(stream)?;
        expects(&client, "puede hablar y no espera respuesta", LISTENING)?;
        client.out.extend(b"respuesta");
        client.ended = true;
        expects(&client, "ya terminó y espera su respuesta", EpollFlags::EPOLLOUT).hint(
            "el final se puede leer una y otra vez: quien siga pidiendo EPOLLIN después de \
             verlo no duerme más",
        )?;
        client.out.clear();
        expects(&client, "ya terminó y lo recibió todo", EpollFlags::empty())
    })?
}

fn quien_cierra_su_lado_recibe_su_respuesta() -> Outcome {
    with_scene(|scene| {
        let (id, mut peer) = scene.enter("Ana")?;
        peer.send("hola, ")?;
        peer.send("y adiós")?;
        peer.half_close()?;
        // Los bytes y el final ya están juntos en el núcleo: el primer aviso lo dice todo.
        scene.kernel_says(id, EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP)?;
        let farewell = scene.goodbye(id, "cerró su lado y espera su respuesta")?;
        peer.expect(reply("hola, y adiós")).hint(
            "cerrar su lado (EPOLLRDHUP) no es irse: lo que dijo antes puede estar sin leer, y \
             aún espera su respuesta (`reply`)",
        )?;
        ensure_equal("por qué se fue quien cerró su lado", Reason::Left, farewell.reason)?;
        scene.leaves_nothing(id)?;
        peer.expect_end()
    })
}

fn quien_entra_y_sale_no_deja_nada() -> Outcome {
    with_scene(|scene| {
        let (id, peer) = scene.enter("Beto")?;
        peer.close();
        let farewell = scene.goodbye(id, "entró y salió sin decir nada")?;
        ensure_equal("por qué se fue quien entró y salió", Reason::Left, farewell.reason)?;
        scene.leaves_nothing(id)
    })
}

fn quien_no_se_va_sigue() -> Outcome {
    with_scene(|scene| {
        let (id, mut peer) = scene.enter("Ana")?;
        let (other, quick) = scene.enter("Beto")?;
        peer.send("hola")?;
        scene.kernel_says(id, EpollFlags::EPOLLIN)?;
        quick.close();
        scene.goodbye(other, "entró y salió sin decir nada")?;
        scene.stays(id, "Y no se ha ido: habló, y aún puede decir más.")?;
        scene.round(&[(id, EpollFlags::EPOLLRDHUP)]);
        scene.stays(id, "EPOLLRDHUP, por sí solo, no cambia nada.")?;
        peer.half_close()?;
        scene.goodbye(id, "cerró su lado y espera su respuesta")?;
        peer.expect(reply("hola"))?;
        peer.expect_end()
    })
}

fn lo_último_que_dijo_cuenta() -> Outcome {
    with_scene(|scene| {
        let (id, mut peer) = scene.enter("Eva")?;
        let words = vec![b'x'; 40_000];
        peer.send(&words)?;
        scene.has_unread(id, words.len())?;
        peer.reset()?;
        scene.kernel_says(id, EpollFlags::EPOLLHUP)?;
        let farewell = scene.goodbye(id, "habló y cortó la conexión")?;
        ensure(farewell.heard == words.len(), || {
            format!(
                "Un cliente dijo 40\u{202f}000 bytes y cortó la conexión. Epoll avisó de todo a la \
                 vez, EPOLLIN, EPOLLERR y EPOLLHUP, y se le despidió habiendo oído {}. Los demás \
                 estaban en el núcleo, y se perdieron: antes de irse había dicho algo. Mientras haya \
                 EPOLLIN, se lee; los otros dos volverán.",
                farewell.heard
            )
        })?;
        broken(&farewell, ErrorKind::ConnectionReset)?;
        scene.leaves_nothing(id)
    })
}

fn sin_nada_que_leer_se_acabó() -> Outcome {
    with_scene(|scene| {
        // Pueden llegar por separado, y basta una.
        for flag in [EpollFlags::EPOLLHUP, EpollFlags::EPOLLERR] {
            let (id, mut peer) = scene.enter("Ana")?;
            let farewells = scene.round(&[(id, flag)]);
            let what = format!(
                "las despedidas, si epoll dice {} de un cliente, sin EPOLLIN, y su socket no guarda \
                 ningún error",
                names(flag)
            );
            let expected = vec![Farewell { id, reason: Reason::Left, heard: 0 }];
            ensure_equal(what, &expected, &farewells)?;
            scene.leaves_nothing(id)?;
            peer.expect_end()?;
        }
        Ok(())
    })
}

fn quien_corta_después_de_su_final() -> Outcome {
    with_scene(|scene| {
        let (id, mut peer) = scene.enter("Eva")?;
        peer.send("hola")?;
        peer.half_close()?;
        scene.kernel_says(id, EpollFlags::EPOLLRDHUP)?;
        peer.reset()?;
        scene.kernel_says(id, EpollFlags::EPOLLERR)?;
        let farewell = scene.goodbye(id, "cerró su lado y después cortó")?;
        let hint = match farewell.reason {
            Reason::Left => {
                "a quien cerró su lado aún se le debía la respuesta, y `say` descubrió que no hay \
                 nadie: su error es el motivo"
            }
            Reason::Broken(_) => {
                "`read` dio el final sin más: quien descubrió que no hay nadie fue `say`, y su error \
                 es el motivo"
            }
        };
        broken(&farewell, ErrorKind::BrokenPipe).hint(hint)?;
        ensure_equal("los bytes que dijo", 4, farewell.heard)?;
        scene.leaves_nothing(id)
    })
}

fn el_final_se_mira_una_vez() -> Outcome {
    with_scene(|scene| {
        let (id, mut peer) = scene.enter_narrow("Ana")?;
        let words = scene.already_said(id, 200_000)?;
        peer.half_close()?;
        scene.until_it_waits_for_room(id)?;
        let events = wait(&scene.room.epoll, timeout(A_WHILE))?;
        let seen_again = events.iter().any(|(_, flags)| flags.contains(EpollFlags::EPOLLIN));
        ensure(!seen_again, || {
            format!(
                "Un cliente cerró su lado y no recoge su respuesta. Nadie puede hacer nada, y epoll \
                 avisa con {}: el final se puede leer una y otra vez, y el bucle gira. Quien ya \
                 terminó no dirá nada más: de él solo se espera sitio, EPOLLOUT, mientras le falte \
                 algo.",
                told(&events)
            )
        })?;
        let expected = [format!("{} bytes:\n", words.len()).as_bytes(), &words].concat();
        let reading = thread::spawn(move || peer.expect(expected).and_then(|()| peer.expect_end()));
        let farewell = scene.goodbye(id, "por fin recoge su respuesta")?;
        reading.join().map_err(|_| Failure::new("Nadie pudo leer."))??;
        ensure_equal("por qué se fue quien lo recogió todo", Reason::Left, farewell.reason)?;
        scene.leaves_nothing(id)
    })
}

fn una_lectura_por_aviso() -> Outcome {
    with_scene(|scene| {
        let (id, mut peer) = scene.enter("Ana")?;
        let words = vec![b'x'; 40_000];
        peer.send(&words)?;
        scene.has_unread(id, words.len())?;
        scene.room.on_client(id, EpollFlags::EPOLLIN);
        let heard = scene.client(id)?.heard.len();
        ensure(heard > 0 && heard < words.len(), || {
            format!(
                "Un cliente dijo 40\u{202f}000 bytes, y con un solo aviso se le oyeron {heard}. Por \
                 cada aviso se lee una vez (`hear`): si queda algo, epoll lo repetirá, y mientras \
                 tanto se atiende a los demás."
            )
        })
    })
}

fn el_primer_motivo_es_el_que_cuenta() -> Outcome {
    with_scene(|scene| {
        let (id, peer) = scene.enter("Eva")?;
        scene.owes(id, "algo que aún no ha salido")?;
        peer.reset()?;
        scene.kernel_says(id, EpollFlags::EPOLLERR)?;
        scene.room.on_client(id, EpollFlags::EPOLLIN | EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        let closing = scene.client(id)?.closing;
        ensure_equal(
            "el motivo de quien cortó la conexión cuando se le debía algo",
            Some(Reason::Broken(ErrorKind::ConnectionReset)),
            closing,
        )
        .hint(
            "la lectura ya dijo por qué se va; a quien tiene un motivo no se le escribe: fallaría por \
             otra razón, y taparía la primera",
        )
    })
}

fn el_fallo_de_uno_es_solo_suyo() -> Outcome {
    with_scene(|scene| {
        let (ana, mut peer) = scene.enter("Ana")?;
        let (beto, rude) = scene.enter_narrow("Beto")?;
        scene.already_said(beto, 200_000)?;
        let mut rude = rude;
        rude.half_close()?;
        scene.until_it_waits_for_room(beto)?;
        rude.reset()?;
        scene.kernel_says(beto, EpollFlags::EPOLLERR)?;
        let farewell = scene.goodbye(beto, "cortó la conexión a mitad de su respuesta")?;
        // No es ECONNRESET: había cerrado su lado, y el núcleo lo anota así.
        let hint = match farewell.reason {
            Reason::Left => {
                "de él no se esperaba EPOLLIN, y solo llegan EPOLLERR y EPOLLHUP: por qué, lo guarda \
                 el socket (SO_ERROR), y `take_error` lo entrega una vez"
            }
            Reason::Broken(_) => {
                "había cerrado su lado antes de cortar, y el núcleo lo anota así (EPIPE): es el error \
                 que entrega `take_error`, y no otro"
            }
        };
        broken(&farewell, ErrorKind::BrokenPipe).hint(hint)?;
        scene.leaves_nothing(beto)?;
        scene.stays(ana, "Y no había hecho nada: el que falló es otro.")?;
        peer.send("yo sigo")?;
        peer.half_close()?;
        let farewell = scene.goodbye(ana, "cerró su lado y espera su respuesta")?;
        ensure_equal("por qué se fue quien no falló", Reason::Left, farewell.reason)?;
        peer.expect(reply("yo sigo"))
    })
}

fn el_número_no_se_repite() -> Outcome {
    with_scene(|scene| {
        let mut numbers = HashMap::new();
        for turn in 1..=200 {
            let (id, peer) = scene.enter("quien entra y sale")?;
            let descriptor = scene.sockets[&id].descriptor;
            if let Some(before) = numbers.insert(id, turn) {
                return Err(Failure::new(format!(
                    "El cliente que llegó el {turn}.º lleva el número {id}, que ya fue de otro cliente, \
                     el {before}.º. Su descriptor es el {descriptor}: el núcleo lo reparte otra vez en \
                     cuanto se cierra. Si en la misma vuelta queda un aviso del primero, se lo lleva el \
                     segundo. Un número que solo crece no se repite."
                )));
            }
            peer.close();
            scene.goodbye(id, "entró y salió sin decir nada")?;
        }
        Ok(())
    })
}

fn un_aviso_atrasado_no_alcanza_a_nadie() -> Outcome {
    with_scene(|scene| {
        for _ in 0..20 {
            let (gone, peer) = scene.enter("quien se fue")?;
            peer.reset()?;
            scene.goodbye(gone, "cortó la conexión")?;
            // Este ocupa, casi siempre, el mismo descriptor.
            let (here, mut peer) = scene.enter("quien acaba de entrar")?;
            let late = [(gone, EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP)];
            let farewells = scene.round(&late);
            ensure(farewells.is_empty(), || {
                format!(
                    "Quedaba un aviso del cliente {gone}, que ya no está, y se despidió a {}, que \
                     acababa de entrar. Un aviso atrasado no es de nadie.",
                    farewells.first().map_or(here, |farewell| farewell.id)
                )
            })?;
            peer.send("hola")?;
            peer.half_close()?;
            scene.goodbye(here, "cerró su lado y espera su respuesta")?;
            peer.expect(reply("hola"))?;
        }
        Ok(())
    })
}

fn de_cuarenta_que_se_van_a_la_vez_no_queda_ninguno() -> Outcome {
    with_scene(|scene| {
        let mut here = Vec::new();
        for _ in 0..40 {
            here.push(scene.enter("quien se va")?);
        }
        let mut ids = Vec::new();
        for (place, (id, mut peer)) in here.into_iter().enumerate() {
            ids.push(id);
            match place % 4 {
                0 => peer.close(),
                1 => peer.reset()?,
                2 => {
                    peer.send("adiós")?;
                    peer.reset()?;
                }
                _ => {
                    peer.send("adiós")?;
                    peer.close();
                }
            }
        }
        for id in &ids {
            if !scene.farewells.iter().any(|farewell| farewell.id == *id) {
                scene.goodbye(*id, "se fue")?;
            }
        }
        for id in &ids {
            scene.leaves_nothing(*id)?;
        }
        let names: Vec<u64> = scene.farewells.iter().map(|farewell| farewell.id).collect();
        ensure_equal("las despedidas, una por cada uno", &ids.len(), &names.len())
    })
}

fn el_servidor_se_despide_de_todos() -> Outcome {
    with_server(
        "el servidor",
        listening()?,
        |it| serve(&it, |_| ()),
        |clients, server| {
            let mut patient = clients.peer("quien se queda")?;
            patient.send("sigo aquí")?;
            clients.peer("quien entra y sale")?.close();
            clients.peer("quien corta")?.reset()?;
            let mut last = clients.peer("quien termina")?;
            last.send("adiós")?;
            last.half_close()?;
            last.expect(reply("adiós"))?;
            last.expect_end()?;
            ensure(!server.spins(LONG_ENOUGH), || {
                "Tres clientes se fueron, el otro callaba, y el bucle no duerme: epoll sigue avisando \
                 de alguien que ya no está."
            })?;
            patient.half_close()?;
            patient.expect(reply("sigo aquí"))?;
            patient.expect_end()
        },
    )
}

by_hand!(|listener| serve(&listener, tell));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let answer = hands.run("(printf")?;
    ensure(answer.contains("hola, y adiós"), || answer)?;
    // Ahora, y no antes: recién anunciado, el servidor puede no tener aún su epoll.
    hands.wait_for_server("cliente 1: fuera")?;
    let before = hands.run("ls")?;
    hands.run("nc -z")?;
    hands.run("head")?;
    eventually("hubiera tantos descriptores como al principio", LIMIT, || {
        hands.run("ls").is_ok_and(|count| count == before)
    })?;
    hands.run("ss").map(drop)
});

/// Una sala, quien escucha, y lo que se sabe de cada socket que entró en ella.
struct Scene {
    room: Room,
    listener: TcpListener,
    conversation: Conversation,
    farewells: Vec<Farewell>,
    sockets: HashMap<u64, Socket>,
}

/// Un socket de este proceso.
struct Socket {
    descriptor: i32,
    /// Su nombre en `/proc/self/fd`: el de su inodo, que no es de ningún otro. Lo que hagan otras
    /// pruebas, en otros hilos, no se confunde con él.
    name: PathBuf,
}

fn with_scene(script: impl FnOnce(&mut Scene) -> Outcome + Send + 'static) -> Outcome {
    let (listener, conversation) = listening()?;
    within(LIMIT * 2, "despedir a los clientes de una sala", move || {
        let (farewells, sockets) = (Vec::new(), HashMap::new());
        let room = Room::new()?;
        script(&mut Scene { room, listener, conversation, farewells, sockets })
    })?
}

impl Scene {
    fn enter(&mut self, name: &str) -> Result<(u64, Peer), Failure> {
        let peer = self.conversation.peer(name)?;
        Ok((self.welcome(None)?, peer))
    }

    /// Entra alguien con muy poco sitio para lo que se le escriba.
    fn enter_narrow(&mut self, name: &str) -> Result<(u64, Peer), Failure> {
        let peer = self.conversation.peer_with_receive_buffer(name, 4096)?;
        Ok((self.welcome(Some(4096))?, peer))
    }

    fn welcome(&mut self, send_buffer: Option<usize>) -> Result<u64, Failure> {
        let (stream, _) = self.listener.accept()?;
        if let Some(bytes) = send_buffer {
            SockRef::from(&stream).set_send_buffer_size(bytes)?;
        }
        let descriptor = stream.as_raw_fd();
        let name = fs::read_link(format!("/proc/self/fd/{descriptor}"))?;
        let id = done("`enter`", self.room.enter(stream))?;
        self.client(id)?;
        self.sockets.insert(id, Socket { descriptor, name });
        Ok(id)
    }

    fn client(&self, id: u64) -> Result<&Client, Failure> {
        self.room.clients.get(&id).ok_or_else(|| {
            Failure::new(format!(
                "El cliente {id} debía estar en `clients` con su número, y no está."
            ))
        })
    }

    /// Lo que ya habría dicho un cliente, para no tener que enviarlo.
    fn already_said(&mut self, id: u64, count: usize) -> Result<Vec<u8>, Failure> {
        let words = vec![b'x'; count];
        self.client(id)?;
        if let Some(client) = self.room.clients.get_mut(&id) {
            client.heard.clone_from(&words);
        }
        Ok(words)
    }

    /// Le falta por recibir eso.
    fn owes(&mut self, id: u64, words: &str) -> Outcome {
        self.client(id)?;
        if let Some(client) = self.room.clients.get_mut(&id) {
            client.out.extend(words.bytes());
        }
        Ok(())
    }

    /// Espera a que el núcleo sepa eso de un cliente, sin preguntar al epoll de la sala.
    fn kernel_says(&self, id: u64, flags: EpollFlags) -> Outcome {
        let probe = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(io::Error::from)?;
        let every = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP;
        let stream = &self.client(id)?.stream;
        probe.add(stream, EpollEvent::new(every, 0)).map_err(io::Error::from)?;
        eventually("lo que hizo el cliente llegara al núcleo", LIMIT, || {
            let mut events = [EpollEvent::empty()];
            let count = probe.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            count == 1 && events[0].events().contains(flags)
        })
    }

    /// Espera a que en el núcleo haya tantos bytes de un cliente, sin leer.
    fn has_unread(&self, id: u64, count: usize) -> Outcome {
        let stream = &self.client(id)?.stream;
        let mut buffer = vec![0; count];
        eventually("llegara todo al núcleo", LIMIT, || {
            stream.peek(&mut buffer).is_ok_and(|unread| unread == count)
        })
    }

    fn round(&mut self, events: &[(u64, EpollFlags)]) -> Vec<Farewell> {
        let farewells = self.room.round(events);
        self.farewells.extend(&farewells);
        farewells
    }

    /// Vueltas hasta que se despida a ese cliente, del que se sabe qué hizo.
    fn goodbye(&mut self, id: u64, what: &str) -> Result<Farewell, Failure> {
        for _ in 0..TOO_MANY {
            let events = wait(&self.room.epoll, timeout(Duration::from_secs(1)))?;
            if events.is_empty() {
                return Err(self.forgotten(id, what));
            }
            self.round(&events);
            if let Some(farewell) = self.farewells.iter().find(|farewell| farewell.id == id) {
                return Ok(*farewell);
            }
        }
        Err(self.spinning(id, what))
    }

    /// Epoll calla, y nadie ha despedido a ese cliente.
    fn forgotten(&self, id: u64, what: &str) -> Failure {
        let why = match self.room.clients.get(&id) {
            None => {
                "Ya no está en `clients`, y `reap` no dio su despedida: es el único que cierra, \
                 y el que cuenta a quién."
                    .to_owned()
            }
            Some(client) if !client.out.is_empty() => format!(
                "Le faltan {} bytes de su respuesta: de que hay sitio solo se avisa a quien pide \
                 EPOLLOUT (`interest`).",
                client.out.len()
            ),
            Some(client) if client.ended || client.closing.is_some() => format!(
                "Está en `clients` con ended = {} y closing = {:?}, sin nada por escribirle: `reap` \
                 tenía que despedirlo.",
                client.ended, client.closing
            ),
            Some(_) => {
                "Nadie lo ha oído: ¿lo añadió `enter` a epoll con su número, y se espera de él \
                 `LISTENING`?"
                    .to_owned()
            }
        };
        Failure::new(format!("El cliente {id} {what}, y epoll ya no dice nada de nadie. {why}"))
    }

    /// Epoll no calla, y nadie despide a ese cliente.
    fn spinning(&self, id: u64, what: &str) -> Failure {
        let last = wait(&self.room.epoll, EpollTimeout::ZERO).unwrap_or_default();
        let flags = last.first().map_or(EpollFlags::empty(), |(_, flags)| *flags);
        let why = if flags.contains(EpollFlags::EPOLLIN) {
            "Cero bytes leídos es el final, y EPOLLIN lo repite mientras se espere."
        } else if flags.contains(EpollFlags::EPOLLOUT) {
            "Hay sitio, y lo que falta de su respuesta no sale: ¿quién llama a `say`?"
        } else {
            "EPOLLERR y EPOLLHUP no dejan de llegar hasta que se cierra."
        };
        Failure::new(format!(
            "El cliente {id} {what}. Epoll ha avisado {TOO_MANY} veces seguidas ({}), y ahí sigue: el \
             bucle gira, y su descriptor no se cierra nunca. {why}",
            names(flags)
        ))
    }

    /// Vueltas hasta que al cliente, que cerró su lado, no le quepa más respuesta.
    fn until_it_waits_for_room(&mut self, id: u64) -> Outcome {
        self.kernel_says(id, EpollFlags::EPOLLRDHUP)?;
        for _ in 0..TOO_MANY {
            let events = wait(&self.room.epoll, timeout(A_WHILE))?;
            self.stays(id, "Había cerrado su lado, sí, y aún no le había cabido su respuesta.")?;
            let client = self.client(id)?;
            // Con sitio, epoll dice EPOLLOUT; si solo dice EPOLLIN, es el final otra vez.
            let has_room = events.iter().any(|(_, flags)| flags.contains(EpollFlags::EPOLLOUT));
            if client.ended && !client.out.is_empty() && !has_room {
                return Ok(());
            }
            if events.is_empty() {
                return Err(self.forgotten(id, "cerró su lado y espera su respuesta"));
            }
            self.round(&events);
        }
        Err(self.spinning(id, "cerró su lado y no recoge su respuesta"))
    }

    fn stays(&self, id: u64, why: &str) -> Outcome {
        ensure(self.room.clients.contains_key(&id), || {
            let farewell = self.farewells.iter().find(|farewell| farewell.id == id);
            let reason = farewell
                .map_or(String::new(), |farewell| format!(", con el motivo {:?}", farewell.reason));
            format!("Se despidió al cliente {id}{reason}. {why}")
        })
    }

    /// Comprueba que de un cliente despedido no quede nada en este proceso.
    fn leaves_nothing(&self, id: u64) -> Outcome {
        let socket = &self.sockets[&id];
        let mut open = Vec::new();
        for entry in fs::read_dir("/proc/self/fd")? {
            let entry = entry?;
            // Los que abren y cierran otras pruebas pueden desaparecer al mirarlos.
            if fs::read_link(entry.path()).is_ok_and(|name| name == socket.name) {
                open.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        ensure(open.is_empty(), || {
            let kept = if self.room.clients.contains_key(&id) {
                "Sigue en `clients`: un socket se cierra cuando se suelta a su dueño."
            } else {
                "Ya no está en `clients`, pero alguien más guarda su socket."
            };
            format!(
                "Al cliente {id} se le despidió, y su descriptor, el {}, sigue abierto. {kept} Quitarlo \
                 de epoll no es cerrarlo. Así se pierde uno por cliente, hasta que no quedan: entonces \
                 nadie más puede entrar.",
                open.join(", ")
            )
        })?;
        ensure(!self.room.clients.contains_key(&id), || {
            format!("Al cliente {id} se le despidió, y sigue en `clients`.")
        })
    }
}

fn expects(client: &Client, who: &str, expected: EpollFlags) -> Outcome {
    let got = client.interest();
    ensure(got == expected, || {
        let (expected, got) = (names(expected), names(got));
        format!("`interest` de un cliente que {who} debía ser {expected}, y fue {got}.")
    })
}

/// Comprueba que el motivo sea ese fallo de su conexión.
fn broken(farewell: &Farewell, kind: ErrorKind) -> Outcome {
    let expected = Reason::Broken(kind);
    ensure_equal("el motivo de quien cortó la conexión", &expected, &farewell.reason)
}

/// La respuesta a quien dijo eso.
fn reply(words: &str) -> String {
    format!("{} bytes:\n{words}", words.len())
}

fn timeout(limit: Duration) -> EpollTimeout {
    EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX)
}

/// El primer aviso, para el informe.
fn told(events: &[(u64, EpollFlags)]) -> String {
    events.first().map_or_else(|| "nada".to_owned(), |(_, flags)| names(*flags))
}
