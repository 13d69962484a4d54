//! Las pruebas de 02_03_5_difusion.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod room;
pub mod server;

use std::io::ErrorKind;

use ejercicios::prelude::*;
use harness::eventually;
use multiplexacion::client_id::ClientId;
use room::{Reason, Room, left};
use server::serve;
use socket2::SockRef;

/// Los búferes del núcleo de quien no lee: entre los dos caben mucho menos que [`LONG`] bytes.
const SMALL: usize = 4 * 1024;

/// Bytes de un mensaje que, con la cola llena, no cabe aunque el núcleo haga sitio después.
const LONG: usize = 32 * 1024;

/// KiB que no caben en una cola.
const EVERYTHING: usize = 2048;

/// KiB que caben en una cola, con los avisos detrás, y no en el núcleo.
const A_LOT: usize = 768;

/// Los tres clientes de casi todas las pruebas, por orden de llegada.
const ANA: ClientId = ClientId(1);
const BETO: ClientId = ClientId(2);
const EVA: ClientId = ClientId(3);

ejercicios::tests! {
    lo_reciben_todos_menos_quien_habla,
    settle_escribe_lo_encolado,
    a_quien_no_le_cabe_se_le_anota_a_él,
    a_quien_ya_tiene_motivo_no_se_le_encola_nada,
    a_quien_tiene_motivo_se_le_quita_y_se_avisa,
    lo_que_tenía_en_la_cola_quien_se_va_sale_antes,
    quien_ya_no_está_no_se_lleva_a_nadie,
    quien_no_lee_pierde_su_sitio,
    settle_no_espera_a_quien_no_lee,
    quitar_a_uno_descubre_que_otro_tampoco_está,
    dos_que_se_van_a_la_vez,
    tres_conversan_y_uno_se_va_sin_avisar,
}

fn lo_reciben_todos_menos_quien_habla() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.broadcast(BETO, "hola")?;
    let queued = chat.queued();
    let why = "Quien habla no debe oírse: habló el cliente 2, y en su propia cola está el mensaje.";
    ensure(!queued.contains(&BETO.0), || why)?;
    ensure_equal("quién tiene algo en la cola, si habla el cliente 2", vec![1, 3], queued)
        .hint("`broadcast` encola y no escribe: de escribir se encarga `settle`")
}

fn settle_escribe_lo_encolado() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.broadcast(ANA, "uno")?;
    chat.broadcast(ANA, "dos")?;
    chat.broadcast(EVA, "tres")?;
    chat.settle()?;
    for text in ["uno", "dos", "tres"] {
        chat.peer(BETO)?.expect_frame(text)?;
    }
    chat.peer(EVA)?.expect_frame("uno")?;
    chat.peer(EVA)?.expect_frame("dos")?;
    chat.peer(ANA)?.expect_frame("tres")
}

fn a_quien_no_le_cabe_se_le_anota_a_él() -> Outcome {
    let mut chat = Chat::with_little_room_for(BETO)?;
    chat.load(BETO, EVERYTHING);
    chat.broadcast(ANA, &"x".repeat(LONG))?;
    ensure(chat.reason(ANA).is_none(), || {
        format!(
            "Habla el cliente 1, y el mensaje no cabe en la cola del 2. En el 1 se anotó {:?}: quien \
             habla no tiene la culpa de que otro no lea.",
            chat.reason(ANA)
        )
    })?;
    ensure(chat.queued().contains(&EVA.0), || {
        "El mensaje no cabía en la cola del cliente 2, y los que venían detrás se quedaron sin el \
         mensaje: el recorrido tiene que seguir."
    })?;
    let what = "lo que se anota en el cliente 2, si no le cabe";
    ensure_equal(what, Some(Reason::NotReading), chat.reason(BETO))
}

fn a_quien_ya_tiene_motivo_no_se_le_encola_nada() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.close(EVA, Reason::Left);
    chat.broadcast(ANA, "hola")?;
    let what = "quién tiene algo en la cola, si habla el cliente 1 y al 3 se le va a quitar";
    ensure_equal(what, vec![2], chat.queued())?;
    ensure_equal("el motivo del cliente 3, que ya se iba", Some(Reason::Left), chat.reason(EVA))
}

fn a_quien_tiene_motivo_se_le_quita_y_se_avisa() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.close(BETO, Reason::Left);
    chat.settle()?;
    chat.remain(&[1, 3], "si el 2 tenía un motivo")?;
    for id in [ANA, EVA] {
        let why = "Tras `settle`, los que quedan deben saber quién se fue.";
        chat.hears_of(id, &[BETO], why)?;
    }
    chat.peer(BETO)?.expect_end()
}

fn lo_que_tenía_en_la_cola_quien_se_va_sale_antes() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.broadcast(ANA, "hola")?;
    chat.close(BETO, Reason::Left);
    chat.settle()?;
    chat.peer(BETO)?.expect_frame("hola").hint(
        "cuando el cliente 2 cerró su lado, en su cola ya había un mensaje: lo que quepa se escribe \
         también a quien se va, antes de quitarlo",
    )?;
    chat.peer(BETO)?.expect_end()
}

fn quien_ya_no_está_no_se_lleva_a_nadie() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.reset(BETO)?;
    chat.broadcast(ANA, "hola")?;
    chat.settle()?;
    chat.remain(&[1, 3], "si habla el 1 y el 2 ya no está")?;
    chat.peer(EVA)?.expect_frame("hola")?;
    let why = "Escribir al cliente 2 falló: los demás deben saber que se fue.";
    chat.hears_of(EVA, &[BETO], why)?;
    chat.hears_of(ANA, &[BETO], why)
}

fn quien_no_lee_pierde_su_sitio() -> Outcome {
    let mut chat = Chat::with_little_room_for(EVA)?;
    let text = "x".repeat(LONG);
    chat.load(EVA, EVERYTHING);
    chat.broadcast(ANA, &text)?;
    chat.settle()?;
    chat.remain(&[1, 2], "si al 3 no le cupo un mensaje")?;
    chat.peer(BETO)?.expect_frame(text)?;
    chat.hears_of(BETO, &[EVA], "Al cliente 3 se le echó por no leer.")?;
    chat.hears_of(ANA, &[EVA], "Al cliente 3 se le echó por no leer.")
}

fn settle_no_espera_a_quien_no_lee() -> Outcome {
    let mut chat = Chat::with_little_room_for(EVA)?;
    chat.load(EVA, A_LOT);
    chat.close(BETO, Reason::Left);
    let why = "El cliente 3 no lee, y en su cola queda mucho: ahí se queda, con los avisos detrás, hasta \
               que lea.";
    chat.settle().hint(why)?;
    chat.remain(&[1, 3], "si el 2 se iba y al 3 le quedaba mucho por leer").hint(why)?;
    chat.hears_of(ANA, &[BETO], why)
}

fn quitar_a_uno_descubre_que_otro_tampoco_está() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.reset(EVA)?;
    chat.close(BETO, Reason::Left);
    chat.settle()?;
    let story = "El cliente 2 se va; al 3 hay que avisarle, y al escribirle ese aviso se descubre que \
                 tampoco está. Hasta que no quede nada por hacer, `settle` no ha terminado.";
    chat.remain(&[1], "si el 2 se iba y el 3 ya no estaba").hint(story)?;
    chat.hears_of(ANA, &[BETO, EVA], story)
}

fn dos_que_se_van_a_la_vez() -> Outcome {
    let mut chat = Chat::of_three()?;
    chat.close(ANA, Reason::Left);
    chat.close(EVA, Reason::Broken);
    chat.settle()?;
    chat.remain(&[2], "si el 1 y el 3 tenían un motivo")?;
    chat.hears_of(BETO, &[ANA, EVA], "Se fueron dos, y hay un aviso por cada uno.")
}

fn tres_conversan_y_uno_se_va_sin_avisar() -> Outcome {
    with_server(
        "el chat",
        listening_in_frames()?,
        |listener| serve(&listener),
        |chat, _| {
            let mut ana = chat.peer("ana")?;
            // Cuando Ana oye a quien llega, es que ya está dentro.
            let mut beto = chat.peer("beto")?;
            beto.send_frame("soy Beto")?;
            ana.expect_frame("soy Beto")?;
            let mut eva = chat.peer("eva")?;
            eva.send_frame("soy Eva")?;
            ana.expect_frame("soy Eva")?;
            beto.expect_frame("soy Eva")?;
            ana.send_frame("hola a los dos")?;
            beto.expect_frame("hola a los dos")?;
            eva.expect_frame("hola a los dos")?;
            beto.reset()?;
            ana.expect_frame(left(BETO))?;
            eva.expect_frame(left(BETO))?;
            eva.send_frame("¿sigues ahí?")?;
            ana.expect_frame("¿sigues ahí?")?;
            eva.half_close()?;
            eva.expect_end()?;
            ana.expect_frame(left(EVA))
        },
    )
}

by_hand!(|listener| serve(&listener));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let listeners = [hands.open("nc 127")?, hands.open("nc 127")?];
    hands.wait_for_connections(2)?;
    hands.run("printf")?;
    listeners.iter().try_for_each(|listener| {
        listener.shows("hola")?;
        listener.shows(&left(ClientId(3)))
    })
});

/// Una sala con Ana, Beto y Eva, y los tres al otro lado.
struct Chat {
    room: Room,
    peers: [Option<Peer>; 3],
}

impl Chat {
    fn of_three() -> Result<Chat, Failure> {
        Chat::with(None)
    }

    /// Los mismos; en el núcleo, entre la sala y uno de ellos, cabe poco.
    fn with_little_room_for(slow: ClientId) -> Result<Chat, Failure> {
        Chat::with(Some(slow))
    }

    fn with(slow: Option<ClientId>) -> Result<Chat, Failure> {
        let (listener, clients) = listening_in_frames()?;
        // Aquí no hay más bucle que la prueba: a mano no se puede repetir.
        let clients = clients.unrepeatable();
        let mut room = Room::default();
        let mut enter = |id: ClientId, name: &str| -> Result<Option<Peer>, Failure> {
            if slow != Some(id) {
                let peer = clients.peer(name)?;
                room.enter(listener.accept()?.0)?;
                return Ok(Some(peer));
            }
            let peer = clients.peer_with_receive_buffer(name, SMALL)?;
            let (stream, _) = listener.accept()?;
            SockRef::from(&stream).set_send_buffer_size(SMALL)?;
            room.enter(stream)?;
            Ok(Some(peer))
        };
        let peers = [enter(ANA, "ana")?, enter(BETO, "beto")?, enter(EVA, "eva")?];
        Ok(Chat { room, peers })
    }

    /// Quien está al otro lado.
    fn peer(&mut self, id: ClientId) -> Result<&mut Peer, Failure> {
        let place = usize::try_from(id.0 - 1).unwrap_or_default();
        self.peers[place].as_mut().ok_or_else(|| Failure::new("Ese cliente ya no está."))
    }

    /// Comprueba que lo siguiente que recibe son los avisos de que esos se fueron, en cualquier orden.
    fn hears_of(&mut self, id: ClientId, gone: &[ClientId], why: &str) -> Outcome {
        let mut missing: Vec<String> = gone.iter().map(|other| left(*other)).collect();
        while let Some(notice) = missing.first() {
            let heard = self.hears_one_of(id, &missing);
            let trouble = if self.queued().contains(&id.0) {
                format!(
                    "Al cliente {id} no le llegó el aviso «{notice}»: está en su cola, y nadie lo ha \
                     escrito. `settle` no vuelve con nada a medias."
                )
            } else {
                format!("Al cliente {id} no le llegó el aviso «{notice}», ni está en su cola.")
            };
            let place = heard.within(trouble).hint(why)?;
            missing.remove(place);
        }
        Ok(())
    }

    /// Espera que lo siguiente que recibe sea uno de esos avisos, y devuelve su lugar.
    fn hears_one_of(&mut self, id: ClientId, notices: &[String]) -> Result<usize, Failure> {
        let peer = self.peer(id)?;
        let got = peer.next_frame()?;
        notices.iter().position(|notice| *notice == got).ok_or_else(|| {
            peer.mismatch(format!("El cliente {id} recibió otra cosa."), &notices[0], &got)
        })
    }

    fn broadcast(&mut self, from: ClientId, text: &str) -> Outcome {
        let text = text.to_owned();
        lending(LIMIT, "difundir un mensaje", &mut self.room, move |room| {
            room.broadcast(from, &text);
        })
    }

    fn settle(&mut self) -> Outcome {
        lending(LIMIT, "terminar la vuelta", &mut self.room, Room::settle)
    }

    /// Quiénes tienen algo en la cola.
    fn queued(&self) -> Vec<u64> {
        let queued = self.room.clients.iter().filter(|(_, client)| client.conn.wants_write());
        queued.map(|(id, _)| id.0).collect()
    }

    fn reason(&self, id: ClientId) -> Option<Reason> {
        self.room.clients.get(&id)?.closing
    }

    fn close(&mut self, id: ClientId, reason: Reason) {
        if let Some(client) = self.room.clients.get_mut(&id) {
            client.closing = Some(reason);
        }
    }

    /// Le encola tantos KiB, o los que quepan.
    fn load(&mut self, id: ClientId, kibibytes: usize) {
        let Some(client) = self.room.clients.get_mut(&id) else { return };
        for _ in 0..kibibytes {
            if client.conn.queue(&[0; 1024]).is_err() {
                return;
            }
        }
    }

    /// Ese cliente corta la conexión, y el núcleo ya lo sabe; el servidor, aún no.
    fn reset(&mut self, id: ClientId) -> Outcome {
        let place = usize::try_from(id.0 - 1).unwrap_or_default();
        let stream = self.room.clients[&id].conn.stream().try_clone()?;
        self.peers[place].take().map_or(Ok(()), Peer::reset)?;
        eventually("el reinicio llegara al servidor", LIMIT, || {
            stream.peek(&mut [0]).is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
        })
    }

    fn remain(&self, expected: &[u64], when: &str) -> Outcome {
        let got: Vec<u64> = self.room.clients.keys().map(|id| id.0).collect();
        ensure_equal(format!("los clientes que quedan tras `settle`, {when}"), expected, &*got)
    }
}
