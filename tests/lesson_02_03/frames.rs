//! Lo que llega por el socket: marcos a trozos, cortados, hostiles o enormes.

use std::env;
use std::fs;
use std::process;

use harness::{Failure, Peer, frame};

use super::chat::{Chat, everything, left, said, talk};
use super::{NOTHING_TO_DO, Outcome};

const TOO_LONG: &str = "ERROR: un marco lleva como mucho 65536 bytes de texto, no";
const NOT_TEXT: &str = "ERROR: el texto de un marco debe ser UTF-8";

#[test]
fn t3_01_un_mensaje_fabricado_no_ejecuta_nada_en_el_servidor() -> Outcome {
    let proof = env::temp_dir().join(format!("t3_01_{}", process::id()));
    // Lo que `pickle.loads` convertiría en `os.system("touch …")`.
    let attack = format!("cos\nsystem\n(S'touch {}'\ntR.", proof.display());
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;

    // La longitud como la enviaba la receta (un `long` nativo), en el login y ya dentro.
    let native = [&(attack.len() as u64).to_le_bytes(), attack.as_bytes()].concat();
    let mut attacker = chat.stranger("atacante")?;
    attacker.send(native)?;
    attacker.expect_frame(format!("{TOO_LONG} {}", u32::from_be_bytes(low_bytes(&attack))))?;
    beto.send_frame(&attack)?;
    ana.expect_frame(said("beto", &attack.replace('\n', "\u{FFFD}")))?;

    talk(&mut ana, &mut beto)?;
    if proof.exists() {
        fs::remove_file(&proof)?;
        return Err(Failure::new(format!("El mensaje creó {}.", proof.display())));
    }
    Ok(())
}

/// Los cuatro bytes que, en esa longitud de ocho, quedan donde el chat espera la suya.
fn low_bytes(text: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = (text.len() as u64).to_le_bytes();
    [a, b, c, d]
}

#[test]
fn t3_04_la_longitud_son_siempre_cuatro_bytes_en_orden_de_red() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.stranger("ana")?;
    ana.send(b"\x00\x00\x00\x09NAME: ana")?;
    ana.expect(b"\x00\x00\x00\x11CLIENT: 127.0.0.1")?;
    let mut beto = chat.stranger("beto")?;
    beto.send(b"\x00\x00\x00\x0aNAME: beto")?;
    beto.expect(b"\x00\x00\x00\x11CLIENT: 127.0.0.1")?;
    beto.send([b"\x00\x00\x01\x00".as_slice(), &[b'x'; 256]].concat())?;
    ana.expect(b"\x00\x00\x00\x33(Conectado: nuevo cliente (2) desde beto@127.0.0.1)")?;
    // 256 bytes y el nombre delante: 276, que en orden de red son 01 14.
    ana.expect([b"\x00\x00\x01\x14#[beto@127.0.0.1]>> ".as_slice(), &[b'x'; 256]].concat())
}

#[test]
fn t3_05_una_cabecera_a_trozos_no_es_una_despedida() -> Outcome {
    for cut in 1..frame::HEADER {
        let chat = Chat::open()?;
        let mut ana = chat.member("ana")?;
        let mut beto = chat.stranger("beto")?;
        for text in ["NAME: beto", "hola"] {
            let bytes = frame::encode(text);
            beto.send(&bytes[..cut])?;
            chat.settles()?;
            beto.send(&bytes[cut..])?;
        }
        beto.expect_frame("CLIENT: 127.0.0.1")?;
        ana.expect_frame("(Conectado: nuevo cliente (2) desde beto@127.0.0.1)")?;
        ana.expect_frame(said("beto", "hola"))?;
    }
    Ok(())
}

#[test]
fn t3_06_un_mensaje_en_varios_trozos_llega_entero() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    let bytes = frame::encode("el principio, el medio y el final");
    for piece in [&bytes[..16], &bytes[16..27], &bytes[27..]] {
        beto.send(piece)?;
        chat.settles()?;
    }
    ana.expect_frame(said("beto", "el principio, el medio y el final"))?;

    // Y al revés: la cola de uno, otro entero y la cabeza del siguiente, de una vez.
    let bytes = [frame::encode("uno"), frame::encode("dos"), frame::encode("tres")].concat();
    for piece in [&bytes[..5], &bytes[5..17], &bytes[17..]] {
        beto.send(piece)?;
        chat.settles()?;
    }
    for text in ["uno", "dos", "tres"] {
        ana.expect_frame(said("beto", text))?;
    }
    Ok(())
}

#[test]
fn t3_07_irse_a_mitad_de_un_mensaje_es_irse() -> Outcome {
    let leave: [fn(Peer) -> Outcome; 2] = [Peer::leave, |peer| {
        peer.close();
        Ok(())
    }];
    for leave in leave {
        let chat = Chat::open()?;
        let mut ana = chat.member("ana")?;
        let before = chat.server.open_descriptors()?;
        for (name, half) in [("beto", &b"\x00\x00\x00\x09hol"[..]), ("carla", b"\x00\x00")] {
            let mut peer = chat.member(name)?;
            ana.next_frame()?;
            peer.send(half)?;
            chat.settles()?;
            leave(peer)?;
            ana.expect_frame(left(name))?;
        }
        let mut stranger = chat.stranger("alguien")?;
        stranger.send(b"\x00\x00\x00\x09NAM")?;
        leave(stranger)?;
        chat.server.holds_descriptors(before)?;
        chat.server.sleeps_through(NOTHING_TO_DO)?;
    }
    Ok(())
}

#[test]
fn t3_08_una_longitud_hostil_se_rechaza_y_no_molesta_a_nadie() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    for length in [65_537, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
        let mut stranger = chat.stranger("alguien")?;
        stranger.send(length.to_be_bytes())?;
        stranger.expect_frame(format!("{TOO_LONG} {length}"))?;
        stranger.expect_end()?;

        let mut member = chat.member("carla")?;
        member.send([&length.to_be_bytes(), &b"y lo que venga detras"[..]].concat())?;
        assert_eq!(everything(&mut member)?, [format!("{TOO_LONG} {length}")]);
        for peer in [&mut ana, &mut beto] {
            peer.next_frame()?;
            peer.expect_frame(left("carla"))?;
        }
    }
    talk(&mut ana, &mut beto)
}

#[test]
fn t3_08_un_marco_vacío_no_dice_nada_pero_no_es_un_nombre() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    beto.send([0; 4])?;
    talk(&mut ana, &mut beto)?;
    let mut stranger = chat.stranger("alguien")?;
    stranger.send([0; 4])?;
    stranger.expect_frame("ERROR: el primer mensaje debe ser «NAME: » y tu nombre")?;
    stranger.expect_end()
}

#[test]
fn t3_08_anunciar_mucho_no_reserva_memoria() -> Outcome {
    let chat = Chat::open()?;
    let ana = chat.member("ana")?;
    let mut strangers = chat.strangers(100)?;
    chat.settles()?;
    let memory = || {
        Ok::<_, Failure>((
            chat.server.memory(|told| told.vmdata)?,
            chat.server.memory(|told| told.vmrss)?,
        ))
    };
    let (reserved, resident) = memory()?;
    for (stranger, length) in strangers.iter_mut().zip([65_536_u32, u32::MAX].repeat(50)) {
        stranger.send(length.to_be_bytes())?;
    }
    chat.settles()?;
    let (now_reserved, now_resident) = memory()?;
    // Guardar lo anunciado, solo por los 65 536, serían 3200 KiB.
    let growth = (now_reserved - reserved).max(now_resident.saturating_sub(resident));
    assert!(growth < 1024, "cien longitudes anunciadas ocuparon {growth} KiB");
    drop(ana);
    Ok(())
}

#[test]
fn t3_09_lo_que_no_es_texto_es_un_error_para_quien_lo_envía() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    // `pickle.dumps(42)`, un texto cortado a media letra y bytes que nunca aparecen en UTF-8.
    for payload in [&b"\x80\x04K\x2a."[..], b"NAME: a\xc3", b"\xff\xfe\x00"] {
        let mut stranger = chat.stranger("alguien")?;
        stranger.send_frame(payload)?;
        stranger.expect_frame(NOT_TEXT)?;
        stranger.expect_end()?;

        let mut member = chat.member("carla")?;
        member.send([frame::encode("antes"), frame::encode(payload)].concat())?;
        member.expect_frame(NOT_TEXT)?;
        member.expect_end()?;
        for peer in [&mut ana, &mut beto] {
            peer.next_frame()?;
            peer.expect_frame(said("carla", "antes"))?;
            peer.expect_frame(left("carla"))?;
        }
    }
    talk(&mut ana, &mut beto)
}

#[test]
fn lo_que_no_cabe_con_el_nombre_delante_se_le_dice_a_su_autor_y_sigue_dentro() -> Outcome {
    let (_chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    let prefix = said("beto", "").len();
    let longest = "ñ".repeat((frame::MAX_TEXT - prefix) / 2);
    beto.send_frame(&longest)?;
    ana.expect_frame(said("beto", &longest))?;

    // Un byte más de la cuenta; y otro que solo se pasa al reemplazar lo que no puede mostrarse.
    for text in ["x".repeat(frame::MAX_TEXT - prefix + 1), "\u{1}".repeat(22_000)] {
        let length = prefix + text.replace('\u{1}', "\u{FFFD}").len();
        beto.send_frame(&text)?;
        beto.expect_frame(format!(
            "ERROR: con tu nombre delante no cabe: {} {length}",
            TOO_LONG.trim_start_matches("ERROR: ")
        ))?;
    }
    talk(&mut ana, &mut beto)
}

#[test]
fn el_marco_más_largo_llega_entero_aunque_venga_en_muchos_trozos() -> Outcome {
    let (_chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    let numbers = String::from_utf8_lossy(&harness::numbered_lines(frame::MAX_TEXT)).into_owned();
    let text = numbers.replace('\n', " ")[..frame::MAX_TEXT - said("beto", "").len()].to_owned();
    for size in [701, 1024, 16_384, 16_385] {
        beto.send_in_pieces(frame::encode(&text), size)?;
        ana.expect_frame(said("beto", &text))?;
    }
    talk(&mut ana, &mut beto)
}
