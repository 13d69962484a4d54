//! Las pruebas de 02_03_8_salas: todo, a través del socket.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod clients;
pub mod member;
pub mod server;

use ejercicios::prelude::*;
use harness::chat::{expect_refusal, join, joined, left, said};
use harness::frame;
use member::LOBBY;
use server::serve;
use socket2::SockRef;

/// Búferes del núcleo pequeños: que quien no lee se note pronto.
const SMALL: usize = 16 * 1024;

ejercicios::tests! {
    se_entra_diciendo_el_nombre,
    quienes_están_se_oyen,
    quien_calla_no_hace_esperar_y_no_oye,
    dos_no_pueden_llamarse_igual,
    las_mayúsculas_con_tilde_tampoco_distinguen,
    cambiar_de_sala_se_nota_en_las_dos,
    cada_sala_oye_lo_suyo,
    quedarse_en_la_misma_sala_no_es_noticia,
    se_pueden_pedir_las_salas_y_una_vacía_no_existe,
    una_orden_que_no_vale_es_un_error_y_se_sigue,
    lo_que_no_empieza_por_barra_no_es_una_orden,
    el_nombre_de_una_sala_puede_llevar_espacios,
    un_mensaje_vacío_o_que_no_cabe_no_se_difunde,
    dos_marcos_en_una_lectura_van_en_orden,
    tras_un_nombre_rechazado_no_cuenta_lo_que_venía_detrás,
    quien_se_va_se_despide_de_su_sala,
    quien_corta_no_se_lleva_a_nadie,
    todos_ven_lo_mismo_en_el_mismo_orden,
    quien_no_lee_en_una_sala_no_afecta_a_nadie,
    que_se_echa_a_alguien_lo_ven_todos_en_el_mismo_orden,
}

fn se_entra_diciendo_el_nombre() -> Outcome {
    with_chat(|chat, _| {
        let _ana = join(chat, "ana")?;
        let long = format!("NAME: {}", "ñ".repeat(33));
        for first in
            ["hola", "", "NAME:eva", "NAME: ", "NAME: a@b", "NAME: eva ", "NAME: Servidor", &long]
        {
            let mut stranger = chat.peer("quien no dice bien su nombre")?;
            stranger.send_frame(first)?;
            expect_refusal(&mut stranger).within(format!(
                "Si lo primero que llega es «{first}», se responde «ERROR: » y el motivo, y se \
                 cierra."
            ))?;
        }
        join(chat, &"ñ".repeat(32)).map(drop)
    })
}

fn quienes_están_se_oyen() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut beto = join(chat, "beto")?;
        hears_of(&mut ana, 2, &beto)?;
        let mut eva = join(chat, "eva")?;
        hears_of(&mut ana, 3, &eva)?;
        hears_of(&mut beto, 3, &eva)?;
        says(&mut ana, "hola", &mut [&mut beto, &mut eva])?;
        // Si Ana se oyera a sí misma, su «hola» llegaría antes que esto.
        says(&mut beto, "¿qué tal, Ana?", &mut [&mut ana, &mut eva]).hint("nadie se oye a sí mismo")
    })
}

fn quien_calla_no_hace_esperar_y_no_oye() -> Outcome {
    with_chat(|chat, _| {
        let mut silent = chat.peer("quien calla")?;
        let mut ana = join(chat, "ana")?;
        let mut beto = arrives(chat, "beto", 2, &mut [&mut ana])?;
        says(&mut ana, "hola", &mut [&mut beto])?;
        silent.send_frame("NAME: quien calla")?;
        silent
            .expect_frame(format!("CLIENT: {}", silent.local_ip()))
            .hint("quien aún no ha dicho su nombre no está en ninguna sala: no oye nada")?;
        ana.expect_frame(joined(3, &silent))
    })
}

fn dos_no_pueden_llamarse_igual() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "Ana")?;
        for name in ["Ana", "ANA"] {
            is_taken(chat, name, &ana)?;
        }
        moves(&mut ana, "cine", 1)?;
        let mut other = chat.peer("ana (otra)")?;
        other.send_frame("NAME: ana")?;
        expect_refusal(&mut other)
            .within("Ana está en otra sala, y su nombre sigue siendo suyo.")?;
        ana.leave()?;
        join(chat, "ana").map(drop).hint("Ana se fue: su nombre queda libre")
    })
}

fn las_mayúsculas_con_tilde_tampoco_distinguen() -> Outcome {
    with_chat(|chat, _| {
        for (inside, others) in [("Óscar", ["óscar", "ÓSCAR"]), ("ñuño", ["Ñuño", "ÑUÑO"])]
        {
            let inside = join(chat, inside)?;
            for name in others {
                is_taken(chat, name, &inside).hint("«Ó» y «ñ» también son letras")?;
            }
            inside.leave()?;
        }
        Ok(())
    })
}

fn cambiar_de_sala_se_nota_en_las_dos() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut beto = arrives(chat, "beto", 2, &mut [&mut ana])?;
        let mut eva = arrives(chat, "eva", 3, &mut [&mut ana, &mut beto])?;
        moves(&mut beto, "cine", 1)?;
        for peer in [&mut ana, &mut eva] {
            peer.expect_frame(left(&beto))
                .hint("Beto pasó a otra sala: para la que deja, es una salida")?;
        }
        moves(&mut eva, "cine", 2)?;
        ana.expect_frame(left(&eva))?;
        beto.expect_frame(joined(2, &eva)).hint(
            "Eva pasó a la sala de Beto: para él es una llegada, con cuántos son ya en ella",
        )?;
        moves(&mut eva, LOBBY, 2)?;
        ana.expect_frame(joined(2, &eva))?;
        beto.expect_frame(left(&eva))
    })
}

fn cada_sala_oye_lo_suyo() -> Outcome {
    with_chat(|chat, _| {
        let mut rooms = TwoRooms::open(chat)?;
        rooms.ana.send_frame("¿alguien por aquí?")?;
        rooms.dani.expect_frame(said(&rooms.ana, "¿alguien por aquí?"))?;
        // Si en el cine se oyera a Ana, sería lo primero que oyera Eva.
        let why = "lo que se dice en una sala solo lo oyen los de esa sala";
        says(&mut rooms.beto, "silencio, que empieza", &mut [&mut rooms.eva]).hint(why)?;
        says(&mut rooms.eva, "¡chist!", &mut [&mut rooms.beto]).hint(why)?;
        says(&mut rooms.dani, "yo", &mut [&mut rooms.ana]).hint(why)
    })
}

fn quedarse_en_la_misma_sala_no_es_noticia() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut beto = arrives(chat, "beto", 2, &mut [&mut ana])?;
        moves(&mut beto, LOBBY, 2)?;
        says(&mut beto, "sigo aquí", &mut [&mut ana])
            .hint("Beto pidió la sala en la que ya estaba: para los demás no ha pasado nada")
    })
}

fn se_pueden_pedir_las_salas_y_una_vacía_no_existe() -> Outcome {
    with_chat(|chat, _| {
        // Quien aún no ha dicho su nombre no cuenta.
        let _silent = chat.peer("quien calla")?;
        let mut ana = join(chat, "ana")?;
        asks_for_rooms(&mut ana, "principal (1)", "Ana está sola")?;
        moves(&mut ana, "cine", 1)?;
        let why = "Ana pasó al cine, y en la principal no queda nadie: una sala vacía no existe";
        asks_for_rooms(&mut ana, "cine (1)", why)?;
        let mut beto = join(chat, "beto")?;
        asks_for_rooms(&mut beto, "cine (1), principal (1)", "Ana está en el cine")?;
        moves(&mut beto, "ajedrez", 1)?;
        asks_for_rooms(&mut ana, "ajedrez (1), cine (1)", why)?;
        beto.leave()?;
        let why = "Beto estaba solo en el ajedrez, y se fue: una sala vacía no existe";
        asks_for_rooms(&mut ana, "cine (1)", why)
    })
}

fn una_orden_que_no_vale_es_un_error_y_se_sigue() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut beto = arrives(chat, "beto", 2, &mut [&mut ana])?;
        for order in [
            "/nada",
            "/",
            "/sala",
            "/sala ",
            "/sala a@b",
            "/salón",
            "/Salas",
            "/salacine",
            "/salasx",
            "/salas x",
        ] {
            beto.send_frame(order)?;
            let answer = beto.next_frame()?;
            ensure(answer.starts_with("ERROR: "), || {
                format!("A «{order}» se responde «ERROR: » y el motivo, y llegó «{answer}».")
            })?;
        }
        let why = "una orden que no vale se contesta a quien la dio, que sigue donde estaba; los \
                   demás no la ven";
        says(&mut beto, "me equivoqué", &mut [&mut ana]).hint(why)
    })
}

fn lo_que_no_empieza_por_barra_no_es_una_orden() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut beto = arrives(chat, "beto", 2, &mut [&mut ana])?;
        ["a las 9/10", "mira /sala cine"].into_iter().try_for_each(|text| {
            says(&mut beto, text, &mut [&mut ana])
                .hint("una orden empieza por «/»; con la barra en otro sitio, es un mensaje más")
        })
    })
}

fn el_nombre_de_una_sala_puede_llevar_espacios() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let why = "el nombre de una sala es todo lo que va detrás de «/sala »";
        moves(&mut ana, "cine mudo", 1).hint(why)?;
        asks_for_rooms(&mut ana, "cine mudo (1)", why)
    })
}

fn un_mensaje_vacío_o_que_no_cabe_no_se_difunde() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut beto = arrives(chat, "beto", 2, &mut [&mut ana])?;
        beto.send_frame("")?;
        beto.send_frame("x".repeat(65_536))?;
        let answer = beto.next_frame()?;
        ensure(answer.starts_with("ERROR: "), || {
            format!(
                "El mensaje cabía en un marco, y con el nombre delante ya no: se responde «ERROR: » \
                 y el motivo, y llegó «{answer}»."
            )
        })?;
        says(&mut beto, "más corto", &mut [&mut ana]).hint(
            "Beto envió un mensaje vacío, otro que no cabe con su nombre delante y este. Del \
             primero no se entera nadie; al segundo se le responde «ERROR: », y Beto sigue: \
             `refuse` es para quien no entra",
        )
    })
}

fn dos_marcos_en_una_lectura_van_en_orden() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut eva = arrives(chat, "eva", 2, &mut [&mut ana])?;
        moves(&mut eva, "cine", 1)?;
        ana.expect_frame(left(&eva))?;
        let mut beto = chat.peer("beto")?;
        let at_once = ["NAME: beto", "hola", "/sala cine", "¿empezó?"].map(frame::encode).concat();
        beto.send(at_once)?;
        let why = "de Beto llegaron juntos su nombre, «hola», «/sala cine» y «¿empezó?»: cada uno \
                   se atiende donde lo dejó el anterior";
        let heard = [
            (&mut ana, vec![joined(2, &beto), said(&beto, "hola"), left(&beto)]),
            (&mut eva, vec![joined(2, &beto), said(&beto, "¿empezó?")]),
        ];
        for (peer, texts) in heard {
            for text in texts {
                peer.expect_frame(text).hint(why)?;
            }
        }
        let ip = beto.local_ip();
        beto.expect_frame(format!("CLIENT: {ip}"))?;
        beto.expect_frame("(Sala: cine (2))")
    })
}

fn tras_un_nombre_rechazado_no_cuenta_lo_que_venía_detrás() -> Outcome {
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut other = chat.peer("otra Ana")?;
        other.send(["NAME: ana", "NAME: beto", "hola"].map(frame::encode).concat())?;
        expect_refusal(&mut other)?;
        asks_for_rooms(&mut ana, "principal (1)", "a la otra Ana no se la dejó entrar")
    })
}

fn quien_se_va_se_despide_de_su_sala() -> Outcome {
    with_chat(|chat, _| {
        let mut rooms = TwoRooms::open(chat)?;
        rooms.beto.send_frame("adiós")?;
        rooms.beto.half_close()?;
        rooms.eva.expect_frame(said(&rooms.beto, "adiós"))?;
        rooms
            .eva
            .expect_frame(left(&rooms.beto))
            .hint("Beto se fue del todo: los de su sala han de saberlo")?;
        rooms.beto.expect_end()?;
        // Si el aviso llegara también a la otra sala, sería lo primero que oyera Dani.
        says(&mut rooms.ana, "¿vienes?", &mut [&mut rooms.dani])
            .hint("Beto se fue del cine: en la otra sala no saben ni que había entrado")
    })
}

fn quien_corta_no_se_lleva_a_nadie() -> Outcome {
    with_chat(|chat, _| {
        let TwoRooms { mut ana, mut dani, beto, mut eva } = TwoRooms::open(chat)?;
        let notice = left(&beto);
        beto.reset()?;
        eva.expect_frame(notice)?;
        says(&mut ana, "¿vienes?", &mut [&mut dani])?;
        asks_for_rooms(&mut eva, "cine (1), principal (2)", "Beto cortó: en el cine queda Eva")
    })
}

fn todos_ven_lo_mismo_en_el_mismo_orden() -> Outcome {
    const EACH: usize = 40;
    with_chat(|chat, _| {
        let mut ana = join(chat, "ana")?;
        let mut dani = arrives(chat, "dani", 2, &mut [&mut ana])?;
        let mut talkers = Vec::new();
        for (place, name) in ["beto", "carla", "eva"].into_iter().enumerate() {
            talkers.push(arrives(chat, name, 3 + place, &mut [&mut ana, &mut dani])?);
        }
        let sending: Result<Vec<_>, _> = talkers
            .iter_mut()
            .map(|talker| {
                let frames = (0..EACH).flat_map(|number| frame::encode(format!("{number}")));
                talker.send_meanwhile(frames.collect::<Vec<u8>>())
            })
            .collect();
        let heard = |peer: &mut Peer| -> Result<Vec<String>, Failure> {
            (0..EACH * talkers.len()).map(|_| peer.next_frame()).collect()
        };
        let (by_ana, by_dani) = (heard(&mut ana)?, heard(&mut dani)?);
        sending?.into_iter().try_for_each(harness::Sending::finish)?;
        for talker in &talkers {
            let expected: Vec<String> = (0..EACH).map(|it| said(talker, &it.to_string())).collect();
            let own = format!("#[{}@", talker.name());
            let got: Vec<String> =
                by_ana.iter().filter(|text| text.starts_with(&own)).cloned().collect();
            ensure_equal(format!("lo que oye Ana de {}", talker.name()), &expected, &got)?;
        }
        let different = by_ana.iter().zip(&by_dani).position(|(one, other)| one != other);
        different.map_or(Ok(()), |place| {
            Err(Failure::new(format!(
                "Hablaron tres a la vez, y Ana y Dani no lo vieron en el mismo orden: el mensaje \
                 {place} fue para ella «{}» y para él «{}».",
                by_ana[place], by_dani[place]
            )))
        })
    })
}

fn quien_no_lee_en_una_sala_no_afecta_a_nadie() -> Outcome {
    with_chat(|chat, server| {
        let TwoRooms { mut ana, mut dani, beto: mut talker, mut eva } = TwoRooms::open(chat)?;
        let mut deaf = chat.peer_with_receive_buffer("fede", SMALL)?;
        deaf.send_frame("NAME: fede")?;
        deaf.expect_frame(format!("CLIENT: {}", deaf.local_ip()))?;
        for peer in [&mut ana, &mut dani] {
            peer.expect_frame(joined(3, &deaf))?;
        }
        moves(&mut deaf, "cine", 3)?;
        for (peer, notice) in [
            (&mut ana, left(&deaf)),
            (&mut dani, left(&deaf)),
            (&mut talker, joined(3, &deaf)),
            (&mut eva, joined(3, &deaf)),
        ] {
            peer.expect_frame(notice)?;
        }
        let why = "Fede está en el cine y no lee: ni los de su sala ni los de la otra lo notan";
        let mut seen = 0;
        let mut gone = false;
        while seen < 20 {
            let text = format!("{:<20000}", format!("mensaje {seen}"));
            talker.send_frame(&text)?;
            let mut got = eva.next_frame();
            if got.as_ref().is_ok_and(|got| *got == left(&deaf)) {
                gone = true;
                got = eva.next_frame();
            }
            let got = server.explain_what_it_does(got.hint(why))?;
            ensure(got == said(&talker, &text), || {
                format!("A Eva le tocaba el mensaje {seen}, y le llegó «{:.40}…».", got.trim_end())
            })?;
            says(&mut ana, "aquí se oye bien", &mut [&mut dani]).hint(why)?;
            seen += 1;
        }
        let why = "A Fede se le echó por no leer, y en su sala no lo saben: falta su aviso.";
        ensure(gone, || why)?;
        talker.expect_frame(left(&deaf))?;
        loop {
            let text = deaf.next_frame()?;
            if text.starts_with("ERROR: ") {
                return deaf.expect_end();
            }
        }
    })
}

fn que_se_echa_a_alguien_lo_ven_todos_en_el_mismo_orden() -> Outcome {
    const MESSAGES: usize = 25;
    with_chat(|chat, server| {
        // Ana llega antes que Fede, que no lee, y Dani, después.
        let mut ana = join(chat, "ana")?;
        let mut deaf = chat.peer_with_receive_buffer("fede", SMALL)?;
        deaf.send_frame("NAME: fede")?;
        deaf.expect_frame(format!("CLIENT: {}", deaf.local_ip()))?;
        hears_of(&mut ana, 2, &deaf)?;
        let mut dani = arrives(chat, "dani", 3, &mut [&mut ana])?;
        let mut talker = arrives(chat, "beto", 4, &mut [&mut ana, &mut dani])?;
        let notice = left(&deaf);
        let (mut by_ana, mut by_dani) = (Vec::new(), Vec::new());
        for number in 0..MESSAGES {
            let text = format!("{:<20000}", format!("mensaje {number}"));
            talker.send_frame(&text)?;
            let message = said(&talker, &text);
            for (peer, heard) in [(&mut ana, &mut by_ana), (&mut dani, &mut by_dani)] {
                // El aviso de que Fede se va puede llegar antes que el mensaje, o después.
                while heard.last() != Some(&message) {
                    heard.push(server.explain_what_it_does(peer.next_frame())?);
                }
            }
        }
        let places = [&by_ana, &by_dani].map(|heard| heard.iter().position(|text| *text == notice));
        let [Some(to_ana), Some(to_dani)] = places else {
            return Err(Failure::new(
                "A Fede se le echó por no leer, y en su sala no lo saben: falta su aviso.",
            ));
        };
        ensure(to_ana == to_dani, || {
            format!(
                "A Fede se le echó por no leer mientras Beto hablaba, y no lo ven todos en el mismo \
                 orden: el aviso de que se va le llegó a Ana detrás de {to_ana} mensajes, y a Dani, \
                 detrás de {to_dani}. Reparte cada mensaje a todos antes de contar lo que pasó al \
                 repartirlo."
            )
        })
    })
}

by_hand!(|listener| serve(&listener));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let ana = hands.open("cargo run --bin aplic_02_03 -- --name ana")?;
    ana.shows("Estás en el chat")?;
    let beto = hands.open("cargo run --bin aplic_02_03 -- --name beto")?;
    ana.shows("(Conectado: nuevo cliente (2) desde beto@127.0.0.1)")?;
    beto.types("hola, Ana\n");
    ana.shows("#[beto@127.0.0.1]>> hola, Ana")?;
    ana.types("hola, Beto\n");
    beto.shows("#[ana@127.0.0.1]>> hola, Beto")?;
    beto.types("/sala cine\n/salas\n");
    beto.shows("(Sala: cine (1))")?;
    beto.shows("(Salas: cine (1), principal (1))")?;
    ana.shows("(Desconectado: cliente beto@127.0.0.1)")
});

/// Ana y Dani, en la principal; Beto y Eva, en el cine.
struct TwoRooms {
    ana: Peer,
    dani: Peer,
    beto: Peer,
    eva: Peer,
}

impl TwoRooms {
    fn open(chat: &Conversation) -> Result<TwoRooms, Failure> {
        let mut beto = join(chat, "beto")?;
        moves(&mut beto, "cine", 1)?;
        let mut eva = join(chat, "eva")?;
        moves(&mut eva, "cine", 2)?;
        beto.expect_frame(joined(2, &eva))?;
        let mut ana = join(chat, "ana")?;
        let dani = arrives(chat, "dani", 2, &mut [&mut ana])?;
        Ok(TwoRooms { ana, dani, beto, eva })
    }
}

/// Entra alguien más, y los que estaban se enteran.
fn arrives(
    chat: &Conversation,
    name: &str,
    count: usize,
    others: &mut [&mut Peer],
) -> Result<Peer, Failure> {
    let peer = join(chat, name)?;
    others.iter_mut().try_for_each(|other| hears_of(other, count, &peer))?;
    Ok(peer)
}

/// Quien ya estaba ve llegar a `newcomer`.
fn hears_of(other: &mut Peer, count: usize, newcomer: &Peer) -> Outcome {
    other.expect_frame(joined(count, newcomer)).hint(format!(
        "el número dice cuántos hay en esa sala contando a quien acaba de llegar: {count}"
    ))
}

/// Con `inside` dentro, nadie entra con ese nombre.
fn is_taken(chat: &Conversation, name: &str, inside: &Peer) -> Outcome {
    let mut other = chat.peer(&format!("otra persona, «{name}»"))?;
    other.send_frame(format!("NAME: {name}"))?;
    expect_refusal(&mut other).within(format!(
        "Dentro ya está {}, y «{name}» es el mismo nombre. Las mayúsculas no distinguen a nadie.",
        inside.name()
    ))
}

fn moves(peer: &mut Peer, room: &str, count: usize) -> Outcome {
    peer.send_frame(format!("/sala {room}"))?;
    peer.expect_frame(format!("(Sala: {room} ({count}))")).hint(
        "a quien pide una sala se le contesta con su nombre y cuántos son ya en ella; los avisos \
         de que se va y de que llega son para los demás",
    )
}

fn asks_for_rooms(peer: &mut Peer, rooms: &str, why: &str) -> Outcome {
    peer.send_frame("/salas")?;
    peer.expect_frame(format!("(Salas: {rooms})")).hint(why)
}

fn says(peer: &mut Peer, text: &str, others: &mut [&mut Peer]) -> Outcome {
    peer.send_frame(text)?;
    others.iter_mut().try_for_each(|other| other.expect_frame(said(peer, text)))
}

/// Pone en marcha el chat y sigue el guion.
fn with_chat(script: impl FnOnce(&Conversation, &Serving) -> Outcome) -> Outcome {
    let (listener, chat) = listening_in_frames()?;
    // Los aceptados lo heredan: el núcleo no se queda con todo lo que se les envía.
    SockRef::from(&listener).set_send_buffer_size(SMALL)?;
    with_server("el chat", (listener, chat), |listener| serve(&listener), script)
}
