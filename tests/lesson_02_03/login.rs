//! La llegada: quien no dice su nombre, quien dice uno que no vale, y lo que se muestra de él.

use std::time::Duration;

use harness::frame;

use super::chat::{Chat, enter, hears, joined, left, said, talk};
use super::{NOTHING_TO_DO, Outcome, server};

#[test]
fn t3_02_conectarse_y_cerrar_no_termina_el_servidor() -> Outcome {
    let chat = Chat::open()?;
    for _ in 0..10 {
        chat.stranger("de paso")?.close();
        chat.stranger("de paso")?.reset()?;
        let polite = chat.stranger("de paso")?;
        polite.leave()?;
    }
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    talk(&mut ana, &mut beto)
}

#[test]
fn t3_03_quien_no_dice_su_nombre_no_detiene_a_los_demás() -> Outcome {
    // Con un plazo más largo que el límite de cualquier paso: si el silencioso los detuviera, no
    // se soltarían a tiempo.
    let chat = Chat::with(server().args(["--login-timeout", "3600"]))?;
    let silent = chat.strangers(5)?;
    let mut half = chat.stranger("a medias")?;
    half.send(&frame::encode("NAME: medio")[..7])?;
    chat.settles()?;
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    talk(&mut ana, &mut beto)?;

    // Y al silencioso, cuando por fin lo dice, se le deja entrar.
    half.send(&frame::encode("NAME: medio")[7..])?;
    half.expect_frame("CLIENT: 127.0.0.1")?;
    ana.expect_frame(joined(3, "medio"))?;
    drop(silent);
    Ok(())
}

/// Lo que se le dice a quien no llegó a decir su nombre.
const LATE: &str = "ERROR: no dijiste tu nombre a tiempo";

#[test]
fn t3_03_el_nombre_tiene_un_plazo() -> Outcome {
    let chat = Chat::with(server().args(["--login-timeout", "0.2"]))?;
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    let mut silent = chat.stranger("silencioso")?;
    let mut half = chat.stranger("a medias")?;
    half.send(b"\x00\x00")?;
    for late in [&mut silent, &mut half] {
        late.expect_frame(LATE)?;
        late.expect_end()?;
    }
    // A los que entraron a tiempo no les afecta, y no se anunció la marcha de quien no entró.
    talk(&mut ana, &mut beto)?;
    chat.server.sleeps_through(NOTHING_TO_DO)
}

#[test]
fn t3_03_llegar_gota_a_gota_no_alarga_el_plazo() -> Outcome {
    let chat = Chat::with(server().args(["--login-timeout", "0.4"]))?;
    let mut trickle = chat.stranger("gota a gota")?;
    for byte in &frame::encode(format!("NAME: {}", "x".repeat(500)))[..80] {
        trickle.send([*byte])?;
        if trickle.expect_nothing_for(Duration::from_millis(10)).is_err() {
            break;
        }
    }
    // Antes de las ochenta gotas, que son ochocientos milisegundos, ya se le dijo; si cada una
    // alargara el plazo, faltarían cuatrocientos.
    trickle.set_limit(Duration::from_millis(100));
    trickle.expect_frame(LATE)?;
    trickle.expect_end()
}

#[test]
fn t3_20_un_nombre_que_engaña_no_entra() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.member("Ana")?;
    let long = "ñ".repeat(33);
    let refusals = [
        ("", "el nombre está vacío"),
        (long.as_str(), "el nombre pasa de 32 caracteres"),
        ("\u{1b}[2Jbeto", "el nombre tiene caracteres de control o que no se ven"),
        ("beto\n", "el nombre tiene caracteres de control o que no se ven"),
        ("be\u{200B}to", "el nombre tiene caracteres de control o que no se ven"),
        ("\u{202E}oteb", "el nombre tiene caracteres de control o que no se ven"),
        ("beto@otra", "el nombre no puede llevar ninguno de @ [ ] < > #"),
        ("[beto]", "el nombre no puede llevar ninguno de @ [ ] < > #"),
        ("<beto>", "el nombre no puede llevar ninguno de @ [ ] < > #"),
        ("#beto", "el nombre no puede llevar ninguno de @ [ ] < > #"),
        (" beto", "el nombre no puede empezar ni acabar con espacios"),
        ("beto ", "el nombre no puede empezar ni acabar con espacios"),
        ("servidor", "ese nombre está reservado para el servidor"),
        ("SerVidor", "ese nombre está reservado para el servidor"),
        ("Ana", "ese nombre ya está en uso"),
        ("aNA", "ese nombre ya está en uso"),
    ];
    for (name, why) in refusals {
        let mut stranger = chat.stranger("alguien")?;
        stranger.send_frame(format!("NAME: {name}"))?;
        stranger.expect_frame(format!("ERROR: {why}"))?;
        stranger.expect_end()?;
    }
    for greeting in ["ana", "name: beto", "NAME:beto", " NAME: beto"] {
        let mut stranger = chat.stranger("alguien")?;
        stranger.send_frame(greeting)?;
        stranger.expect_frame("ERROR: el primer mensaje debe ser «NAME: » y tu nombre")?;
        stranger.expect_end()?;
    }
    // De todo eso, a quien está dentro no le llegó nada.
    let mut beto = chat.member("beto")?;
    ana.expect_frame(joined(2, "beto"))?;
    beto.send_frame("hola")?;
    ana.expect_frame(said("beto", "hola"))
}

#[test]
fn t3_20_un_nombre_corriente_entra_y_queda_libre_cuando_se_va() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.member("ana")?;
    let longest = "ñ".repeat(32);
    for name in ["José María", "李雷", "x", &longest, "beto"] {
        for _ in 0..2 {
            let peer = chat.member(name)?;
            ana.expect_frame(joined(2, name))?;
            peer.leave()?;
            ana.expect_frame(left(name))?;
        }
    }
    Ok(())
}

#[test]
fn t3_20_ninguna_secuencia_de_escape_llega_a_otra_pantalla() -> Outcome {
    let (_chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    let attacks = [
        ("\u{1b}[2J\u{1b}[Hhola", "\u{FFFD}[2J\u{FFFD}[Hhola"),
        ("\u{1b}]0;título\u{7}", "\u{FFFD}]0;título\u{FFFD}"),
        ("a\rb\nc\u{8}d\u{7f}e\u{0}", "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFD}"),
        ("\u{9b}31m\u{85}", "\u{FFFD}31m\u{FFFD}"),
        ("dos\tcolumnas, ¡y acentos!", "dos\tcolumnas, ¡y acentos!"),
    ];
    for (sent, shown) in attacks {
        beto.send_frame(sent)?;
        ana.expect_frame(said("beto", shown))?;
    }
    Ok(())
}

#[test]
fn f22_ni_un_nombre_ni_un_mensaje_parten_la_línea_de_otra_pantalla() -> Outcome {
    let (chat, [mut ana, mut beto]) = Chat::among(["ana", "beto"])?;
    // Los que parten la línea o el párrafo, y los espacios que no se distinguen del corriente.
    for space in ['\u{2028}', '\u{2029}', '\u{85}', '\u{A0}', '\u{2003}', '\u{3000}'] {
        let mut stranger = chat.stranger("alguien")?;
        stranger.send_frame(format!("NAME: be{space}to"))?;
        stranger.expect_frame("ERROR: el nombre tiene caracteres de control o que no se ven")?;
        stranger.expect_end()?;
    }
    beto.send_frame("una\u{2028}dos\u{2029}tres")?;
    ana.expect_frame(said("beto", "una\u{FFFD}dos\u{FFFD}tres"))?;
    // En un mensaje, un espacio raro no engaña a nadie.
    beto.send_frame("20\u{A0}€")?;
    ana.expect_frame(said("beto", "20\u{A0}€"))
}

#[test]
fn los_que_entran_y_los_que_aún_no_se_cuentan_aparte() -> Outcome {
    let chat = Chat::open()?;
    let mut ana = chat.member("ana")?;
    let mut beto = chat.stranger("beto")?;
    let mut carla = chat.stranger("carla")?;
    chat.settles()?;
    enter(&mut carla, "carla")?;
    ana.expect_frame(joined(2, "carla"))?;
    enter(&mut beto, "beto")?;
    ana.expect_frame(joined(3, "beto"))?;
    hears(&mut carla, &joined(3, "beto"))
}
