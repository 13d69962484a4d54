//! Lo que llegó con el servidor detenido (Ctrl-Z) llegó a tiempo, aunque al reanudarlo ya hayan
//! vencido los plazos.

use std::thread;
use std::time::Duration;

use harness::frame;

use super::chat::{Chat, joined, talk};
use super::{Outcome, server};

#[test]
fn f5_el_nombre_que_llegó_con_el_servidor_detenido_llegó_a_tiempo() -> Outcome {
    let chat = Chat::with(server().args(["--login-timeout", "1.5"]))?;
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    let (caro, dani) = (frame::encode("NAME: caro"), frame::encode("NAME: dani"));
    let mut silent = chat.stranger("quien no había dicho nada")?;
    let mut half = chat.stranger("quien iba por medio nombre")?;
    half.send(&dani[..7])?;
    chat.settles()?;
    chat.while_stopped(|| {
        silent.send(&caro)?;
        half.send(&dani[7..])?;
        // Hasta después del plazo.
        thread::sleep(Duration::from_millis(1700));
        Ok(())
    })?;
    for peer in [&mut silent, &mut half] {
        peer.expect_frame("CLIENT: 127.0.0.1")?;
    }
    for member in [&mut ana, &mut beto] {
        // Los dos entran, en el orden en que se les lea.
        let notices = [member.next_frame()?, member.next_frame()?];
        let orders = [["caro", "dani"], ["dani", "caro"]];
        let expected = orders.map(|[first, second]| [joined(3, first), joined(4, second)]);
        assert!(expected.contains(&notices), "{notices:?}");
    }
    talk(&mut ana, &mut beto)
}
