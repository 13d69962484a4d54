//! Lo que se rompe de verdad: servidores que mueren o se duermen, y un intermediario que falta.

mod common;

use std::time::Duration;

use common::{Redis, has_redis, talk};
use harness::chat::{expect_refusal, expect_welcome, join, joined, left, said};
use harness::{Conversation, DEFAULT_LIMIT, Failure, Peer, Server, Signal, eventually};

struct Pair {
    redis: Redis,
    first: Server,
    second: Server,
    rooms: [Conversation; 2],
}

/// Dos servidores que comparten un redis; `None` si no lo hay.
fn pair() -> Result<Option<Pair>, Failure> {
    if !has_redis()? {
        return Ok(None);
    }
    let redis = Redis::durable()?;
    let (first, second) = (redis.server()?, redis.server()?);
    let rooms = [talk(&first), talk(&second)];
    Ok(Some(Pair { redis, first, second, rooms }))
}

#[test]
fn de_un_servidor_muerto_se_avisa_una_vez_y_sus_nombres_quedan_libres() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let third = pair.redis.server()?;
    let mut witness = join(&pair.rooms[1], "testigo")?;
    let mut other = join(&talk(&third), "otro testigo")?;
    witness.expect_frame(joined(2, &other))?;
    let ana = join(&pair.rooms[0], "ana")?;
    let beto = join(&pair.rooms[0], "beto")?;
    for peer in [&mut witness, &mut other] {
        peer.expect_frame(joined(3, &ana))?;
        peer.expect_frame(joined(4, &beto))?;
    }
    pair.first.signal(Signal::SIGKILL)?;
    // Vuelve enseguida por otro servidor: ha de esperar a que se sepa que el suyo murió.
    let again = join(&pair.rooms[1], "ana")?;
    for peer in [&mut witness, &mut other] {
        peer.expect_frame(left(&ana))?;
        peer.expect_frame(left(&beto))?;
        peer.expect_frame(joined(3, &again))?;
    }
    witness.send_frame("seguimos")?;
    other.expect_frame(said(&witness, "seguimos"))
}

#[test]
fn un_servidor_que_durmió_más_de_la_cuenta_no_cree_que_sigue_teniendo_sus_nombres()
-> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let [asleep, awake] = &pair.rooms;
    let mut witness = join(awake, "testigo")?;
    let mut ana = join(asleep, "ana")?;
    let mut beto = join(asleep, "beto")?;
    witness.expect_frame(joined(2, &ana))?;
    witness.expect_frame(joined(3, &beto))?;
    ana.expect_frame(joined(3, &beto))?;

    let usurper = pair.first.while_stopped(|| {
        // Lo que dice mientras duerme su servidor no se pierde.
        ana.send_frame("¿hay alguien?")?;
        witness.expect_frame(left(&ana))?;
        witness.expect_frame(left(&beto))?;
        let mut usurper = join(awake, "beto")?;
        witness.expect_frame(joined(2, &usurper))?;
        witness.send_frame("se han ido")?;
        usurper.expect_frame(said(&witness, "se han ido"))?;
        Ok(usurper)
    })?;
    // Oyen lo que pasó sin ellos, en el mismo orden que los demás; su propia salida, no.
    ana.expect_frame(left(&beto))?;
    ana.expect_frame(joined(2, &usurper))?;
    ana.expect_frame(said(&witness, "se han ido"))?;
    beto.expect_frame(left(&ana))?;
    beto.expect_frame(joined(2, &usurper))?;
    beto.expect_frame(said(&witness, "se han ido"))?;
    // Ana vuelve a entrar sola. Beto no puede: su nombre es ya de otro.
    witness.expect_frame(joined(3, &ana))?;
    witness.expect_frame(said(&ana, "¿hay alguien?"))?;
    loop {
        let text = beto.next_frame()?;
        if text == "ERROR: ese nombre ya está en uso" {
            break;
        }
        assert!([joined(3, &ana), said(&ana, "¿hay alguien?")].contains(&text), "{text}");
    }
    beto.expect_end()?;
    witness.send_frame("bienvenida")?;
    ana.expect_frame(said(&witness, "bienvenida"))
}

/// Hablan los dos sin parar mientras `break_it` hace lo suyo. Al final, cada uno ha oído todo lo del
/// otro, una vez y en orden.
fn talk_through(
    rooms: &[Conversation; 2],
    break_it: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    const BEFORE: usize = 50;
    const AFTER: usize = 500;
    let mut witness = join(&rooms[1], "testigo")?;
    let mut ana = join(&rooms[0], "ana")?;
    let mut beto = join(&rooms[1], "beto")?;
    witness.expect_frame(joined(2, &ana))?;
    witness.expect_frame(joined(3, &beto))?;
    ana.expect_frame(joined(3, &beto))?;
    let mut heard = Vec::new();
    for number in 0..BEFORE {
        ana.send_frame(format!("{number}"))?;
        beto.send_frame(format!("{number}"))?;
    }
    while heard.len() < BEFORE {
        heard.push(witness.next_frame()?);
    }
    for number in BEFORE..AFTER {
        ana.send_frame(format!("{number}"))?;
        beto.send_frame(format!("{number}"))?;
    }
    break_it()?;
    while heard.len() < 2 * AFTER {
        heard.push(witness.next_frame()?);
    }
    for (listener, speaker) in [(&mut ana, "beto"), (&mut beto, "ana")] {
        let prefix = format!("#[{speaker}@127.0.0.1]>> ");
        let numbers: Vec<_> =
            heard.iter().filter_map(|text| text.strip_prefix(&prefix)).map(str::to_owned).collect();
        assert_eq!(numbers, (0..AFTER).map(|number| number.to_string()).collect::<Vec<_>>());
        for number in numbers {
            listener.expect_frame(format!("{prefix}{number}"))?;
        }
    }
    witness.send_frame("ya está")?;
    ana.expect_frame(said(&witness, "ya está"))
}

#[test]
fn mientras_el_intermediario_reinicia_se_espera_y_no_se_pierde_ni_se_repite_nada()
-> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    talk_through(&pair.rooms, || {
        pair.redis.kill();
        pair.second.wait_for_line(harness::Stream::Stderr, "Se sigue intentando", DEFAULT_LIMIT)?;
        pair.redis.restart()
    })?;
    for server in [&pair.first, &pair.second] {
        assert!(server.is_alive());
    }
    Ok(())
}

#[test]
fn un_intermediario_detenido_más_de_lo_que_vive_un_servidor_no_mata_a_nadie() -> Result<(), Failure>
{
    let Some(pair) = pair()? else { return Ok(()) };
    talk_through(&pair.rooms, || {
        let stopped = pair.redis.with_process(|redis| {
            redis.while_stopped(|| {
                pair.first.wait_for_line(harness::Stream::Stderr, "no contesta", DEFAULT_LIMIT)?;
                pair.second.wait_for_line(harness::Stream::Stderr, "no contesta", DEFAULT_LIMIT)
            })
        });
        stopped.transpose().map(drop)
    })
}

#[test]
fn sin_intermediario_al_arrancar_se_espera_a_que_lo_haya() -> Result<(), Failure> {
    if !has_redis()? {
        return Ok(());
    }
    let redis = Redis::absent(&[])?;
    let server = redis.server()?;
    let room = talk(&server);
    let mut ana = room.peer("ana")?;
    ana.send_frame("NAME: ana")?;
    let line =
        server.wait_for_line(harness::Stream::Stderr, "Se sigue intentando", DEFAULT_LIMIT)?;
    assert!(line.contains("nadie escucha ahí"), "{line}");
    redis.restart()?;
    expect_welcome(&mut ana)?;
    server.wait_for_line(
        harness::Stream::Stderr,
        "de nuevo con el intermediario",
        DEFAULT_LIMIT,
    )?;
    Ok(())
}

#[test]
fn si_el_intermediario_no_vuelve_a_quien_llega_se_le_dice() -> Result<(), Failure> {
    if !has_redis()? {
        return Ok(());
    }
    let redis = Redis::absent(&[])?;
    let server = redis.server_with(&["--lease", "0.1"])?;
    let room = talk(&server);
    let mut ana = room.peer("ana")?;
    ana.send_frame("NAME: ana")?;
    ana.expect_frame(
        "ERROR: el servidor no puede contar ahora con su intermediario; vuelve a entrar en un rato",
    )?;
    ana.expect_end()
}

/// Un redis que perdió su disco: nadie sabe ya qué se dijo, ni quién estaba.
#[test]
fn de_un_intermediario_que_lo_olvidó_todo_se_sale_y_se_vuelve_a_entrar() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let mut ana = join(&pair.rooms[0], "ana")?;
    let mut beto = join(&pair.rooms[1], "beto")?;
    ana.expect_frame(joined(2, &beto))?;
    pair.redis.kill();
    pair.redis.forget()?;
    pair.redis.restart()?;
    for peer in [&mut ana, &mut beto] {
        dismissed(peer)?;
    }
    let mut ana = rejoin(&pair.rooms[0], "ana")?;
    let beto = rejoin(&pair.rooms[1], "beto")?;
    expect_eventually(&mut ana, &joined(2, &beto))
}

/// Le dicen que se perdió algo, y que vuelva.
fn dismissed(peer: &mut Peer) -> Result<(), Failure> {
    loop {
        let text = peer.next_frame()?;
        if text.starts_with("ERROR: ") {
            assert_eq!(text, "ERROR: se perdieron mensajes que no oíste; vuelve a entrar");
            return peer.expect_end();
        }
    }
}

/// Entra, aunque la primera vez aún no se sepa que el de antes se fue.
fn rejoin(room: &Conversation, name: &str) -> Result<Peer, Failure> {
    let mut inside = None;
    eventually("pudiera volver a entrar", DEFAULT_LIMIT, || {
        inside = join(room, name).ok();
        inside.is_some()
    })?;
    inside.ok_or_else(|| Failure::new("No volvió a entrar."))
}

fn expect_eventually(peer: &mut Peer, text: &str) -> Result<(), Failure> {
    while peer.next_frame()? != text {}
    Ok(())
}

#[test]
fn lo_que_no_se_arregla_esperando_se_dice_y_se_termina() -> Result<(), Failure> {
    if !has_redis()? {
        return Ok(());
    }
    let locked = Redis::with(&["--requirepass", "secreta"])?;
    let web = common::server().start()?;
    let (open, wrong) = (locked.address, format!("redis://:otra@{}", locked.address));
    let cases = [
        (locked.url(), format!("el intermediario de {open} pide una clave. Qué probar: ponla")),
        (wrong, format!("el intermediario de {open} no acepta esa clave. Qué probar: revisa")),
        (format!("redis://{}", web.address()), "que no habla como redis".to_owned()),
        ("127.0.0.1".to_owned(), "--broker no es la dirección de un redis".to_owned()),
    ];
    for (url, expected) in cases {
        let program = common::server().args(["--broker", &url]);
        let exit = program.run_to_end("", DEFAULT_LIMIT)?;
        let complaint = exit.complaint(1)?;
        assert!(complaint.contains(&expected), "{url}: {complaint}");
        assert!(exit.stdout.is_empty(), "{exit}");
    }
    let server =
        common::server().args(["--broker", &format!("redis://:secreta@{open}")]).start()?;
    join(&talk(&server), "ana")?.leave()
}

/// Un servidor que estuvo lejos más de lo que el canal guarda: los suyos creerían haberlo oído todo.
#[test]
fn a_quien_le_falta_lo_que_ya_no_se_guarda_se_le_dice() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let [asleep, awake] = &pair.rooms;
    let mut witness = join(awake, "testigo")?;
    let mut ana = join(asleep, "ana")?;
    witness.expect_frame(joined(2, &ana))?;
    let mut beto = join(awake, "beto")?;
    ana.expect_frame(joined(3, &beto))?;
    witness.expect_frame(joined(3, &beto))?;
    pair.first.while_stopped(|| {
        let text = "x".repeat(60_000);
        let much = harness::frame::encode(&text).repeat(20 * 1024 * 1024 / text.len());
        let sending = beto.send_meanwhile(much)?;
        let message = said(&beto, &text);
        let farewell = left(&ana);
        let mut count = 0;
        while count < 20 * 1024 * 1024 / text.len() {
            let heard = witness.next_frame()?;
            assert!(heard == message || heard == farewell, "{}", &heard[..40]);
            count += usize::from(heard == message);
        }
        sending.finish()
    })?;
    dismissed(&mut ana)
}

/// Con lo que tarda en saberse que un servidor murió, un nombre ocupado de verdad no hace esperar más.
#[test]
fn un_nombre_de_otro_servidor_que_vive_se_rechaza_en_cuanto_late() -> Result<(), Failure> {
    let Some(pair) = pair()? else { return Ok(()) };
    let _ana = join(&pair.rooms[0], "ana")?;
    let room = pair.rooms[1].clone().limit(Duration::from_secs(3));
    let mut other = room.peer("otra")?;
    other.send_frame("NAME: ana")?;
    expect_refusal(&mut other)
}

#[test]
fn sin_intermediario_también_se_detiene_en_orden() -> Result<(), Failure> {
    if !has_redis()? {
        return Ok(());
    }
    let redis = Redis::start()?;
    let server = redis.server()?;
    let mut ana = join(&talk(&server), "ana")?;
    redis.kill();
    server.wait_for_line(harness::Stream::Stderr, "Se sigue intentando", DEFAULT_LIMIT)?;
    ana.send_frame("¿y esto?")?;
    server.signal(Signal::SIGTERM)?;
    ana.expect_end()?;
    assert_eq!(server.wait(DEFAULT_LIMIT)?.code, Some(0));
    Ok(())
}
