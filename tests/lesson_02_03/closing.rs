//! Las despedidas: cada cual se va una vez, se avisa una vez y no arrastra a nadie.

use harness::{Peer, frame};

use super::chat::{Chat, joined, left, said, talk};
use super::{NOTHING_TO_DO, Outcome};

#[test]
fn t3_12_el_reset_de_quien_recibe_no_se_le_cobra_a_quien_habla() -> Outcome {
    let chat = Chat::open()?;
    // El que se corta, antes y después de quien habla en el orden de llegada.
    let [first, mut ana, last, mut carla] = chat.members(["primero", "ana", "ultimo", "carla"])?;
    chat.while_stopped(|| {
        ana.send([frame::encode("uno"), frame::encode("dos")].concat())?;
        first.reset()?;
        last.reset()
    })?;

    carla.expect_frame(said("ana", "uno"))?;
    carla.expect_frame(said("ana", "dos"))?;
    for peer in [&mut ana, &mut carla] {
        peer.expect_frame(left("primero"))?;
        peer.expect_frame(left("ultimo"))?;
    }
    talk(&mut ana, &mut carla)
}

/// Tras un hueco, creería haberlo leído todo.
#[test]
fn a_quien_se_echa_ya_no_se_le_dice_nada_más() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    chat.while_stopped(|| {
        ana.send(u32::MAX.to_be_bytes())?;
        beto.send(frame::encode("hola"))
    })?;
    let words = ana.next_frame()?;
    assert!(words.starts_with("ERROR: "), "{words}");
    ana.expect_end()?;
    beto.expect_frame(left("ana"))
}

type Leaving = fn(Peer) -> Outcome;

/// Las maneras de irse, buenas y malas.
const LEAVINGS: [(&str, Leaving); 6] = [
    ("cerrando su lado", Peer::leave),
    ("cerrando del todo", |peer| {
        peer.close();
        Ok(())
    }),
    ("con un reset", Peer::reset),
    ("a mitad de un mensaje", |mut peer| {
        peer.send(b"\x00\x00\x00\x09hol")?;
        peer.leave()
    }),
    ("con una longitud imposible", |mut peer| {
        peer.send(b"\xff\xff\xff\xff")?;
        peer.next_frame()?;
        peer.expect_end()
    }),
    ("con bytes que no son texto", |mut peer| {
        peer.send_frame(b"\xff")?;
        peer.next_frame()?;
        peer.expect_end()
    }),
];

#[test]
fn t3_13_se_vaya_como_se_vaya_hay_un_aviso_una_cuenta_y_un_cierre() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    let before = chat.server.open_descriptors()?;
    for (how, leave) in LEAVINGS {
        let peer = chat.member("carla")?;
        for witness in [&mut ana, &mut beto] {
            // La cuenta vuelve a ser tres: la anterior se descontó.
            witness.expect_frame(joined(3, "carla"))?;
        }
        leave(peer).map_err(|failure| failure.within(format!("Al irse {how}.")))?;
        for witness in [&mut ana, &mut beto] {
            witness.expect_frame(left("carla"))?;
        }
        chat.server
            .holds_descriptors(before)
            .map_err(|failure| failure.within(format!("Al irse {how}.")))?;
    }
    // Ningún aviso llegó dos veces: lo siguiente que oyen es esto.
    talk(&mut ana, &mut beto)?;
    chat.server.sleeps_through(NOTHING_TO_DO)
}

#[test]
fn el_mensaje_y_la_despedida_que_llegan_juntos_se_cuentan_en_orden() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.member("ana")?;
    let mut beto = chat.stranger("beto")?;
    chat.while_stopped(|| {
        beto.send(["NAME: beto", "hola", "adiós"].map(frame::encode).concat())?;
        beto.half_close()
    })?;
    ana.expect_frame(joined(2, "beto"))?;
    ana.expect_frame(said("beto", "hola"))?;
    ana.expect_frame(said("beto", "adiós"))?;
    ana.expect_frame(left("beto"))?;
    beto.expect_frame("CLIENT: 127.0.0.1")?;
    beto.expect_end()
}
