//! Lo que se rompe, visto por quien está dentro.

use harness::procfs::process::Process;
use harness::{Peer, Running, Signal, Stream, chat};
use varias_maquinas::balancer::State;

use crate::clients::{BACK, LOST, all_hear_all, client, comes_back, count, hears};
use crate::house::House;
use crate::{LIMIT, Outcome};

fn joined(count: usize, name: &str) -> String {
    format!("(Conectado: nuevo cliente ({count}) desde {name}@127.0.0.1)")
}

fn left(name: &str) -> String {
    format!("(Desconectado: cliente {name}@127.0.0.1)")
}

/// Ana y beto en el servidor 1, y carla en el 2, con los clientes de verdad. Cada uno ya oyó llegar a
/// los demás.
fn three_friends(house: &House) -> Result<[Running; 3], harness::Failure> {
    let mut witness = house.member(2, "testigo")?;
    let mut enter = |server, name, count| {
        house.through(server, || {
            let program = client(name, house.entrance())?;
            witness.expect_frame(joined(count, name))?;
            Ok(program)
        })
    };
    let ana = enter(1, "ana", 2)?;
    let beto = enter(1, "beto", 3)?;
    let carla = enter(2, "carla", 4)?;
    witness.leave()?;
    for friend in [&ana, &beto, &carla] {
        hears(friend, &left("testigo"))?;
    }
    Ok([ana, beto, carla])
}

/// Cuántas veces oyó que llegaba `name`.
fn arrivals(friend: &Running, name: &str) -> usize {
    let end = format!("desde {name}@127.0.0.1)");
    let seen = friend.stdout();
    seen.lines().filter(|line| line.starts_with("(Conectado") && line.ends_with(&end)).count()
}

/// Lo que oyó carla de que ana y beto se fueron y volvieron: una vez cada cosa, en su orden.
fn saw_them_go_and_return_once(carla: &Running) {
    for name in ["ana", "beto"] {
        assert_eq!(count(carla, &left(name)), 1, "{}", carla.stdout());
        // Carla entró después que ellos: solo los oyó volver.
        assert_eq!(arrivals(carla, name), 1, "{}", carla.stdout());
    }
    assert_eq!(count(carla, LOST), 0, "{}", carla.stdout());
}

#[test]
fn si_matan_a_un_servidor_los_suyos_vuelven_por_otro_y_los_demás_solo_ven_un_aviso() -> Outcome {
    let Some(house) = House::open(3)? else { return Ok(()) };
    let [ana, beto, carla] = three_friends(&house)?;
    all_hear_all(&[("ana", &ana), ("beto", &beto), ("carla", &carla)], "antes")?;
    house.kill(1)?;
    comes_back(&ana, 0)?;
    comes_back(&beto, 0)?;
    for name in ["ana", "beto"] {
        carla.eventually("carla los viera volver", LIMIT, || arrivals(&carla, name) == 1)?;
    }
    all_hear_all(&[("ana", &ana), ("beto", &beto), ("carla", &carla)], "después")?;
    saw_them_go_and_return_once(&carla);
    // El que lo sustituye es uno más.
    house.start(1)?;
    let mut dora = house.member(1, "dora")?;
    hears(&carla, &joined(4, "dora"))?;
    carla.write_stdin("hola, dora\n");
    dora.expect_frame("#[carla@127.0.0.1]>> hola, dora")
}

/// El núcleo sigue aceptando por él: solo una comprobación que exija respuesta lo nota.
#[test]
fn a_un_servidor_detenido_se_le_quitan_los_suyos_y_al_despertar_no_cree_tenerlos() -> Outcome {
    let Some(house) = House::open(2)? else { return Ok(()) };
    let [ana, beto, carla] = three_friends(&house)?;
    house.with(1, |server| server.signal(Signal::SIGSTOP))?;
    house.gives_up_on(1)?;
    comes_back(&ana, 0)?;
    comes_back(&beto, 0)?;
    all_hear_all(&[("ana", &ana), ("beto", &beto), ("carla", &carla)], "detenido")?;
    house.with(1, |server| server.signal(Signal::SIGCONT))?;
    house.counts_on(1)?;
    all_hear_all(&[("ana", &ana), ("beto", &beto), ("carla", &carla)], "despierto")?;
    // Y sirve otra vez, con la cuenta de todos.
    let _dora = house.member(1, "dora")?;
    hears(&carla, &joined(4, "dora"))?;
    saw_them_go_and_return_once(&carla);
    assert_eq!((count(&ana, BACK), count(&beto, BACK)), (1, 1));
    Ok(())
}

#[test]
fn con_el_intermediario_reiniciado_o_detenido_nadie_nota_más_que_una_espera() -> Outcome {
    let Some(house) = House::open(2)? else { return Ok(()) };
    let friends = three_friends(&house)?;
    let [ana, beto, carla] = &friends;
    let named = [("ana", ana), ("beto", beto), ("carla", carla)];
    house.redis.kill();
    for (name, friend) in named {
        friend.write_stdin(format!("sin redis, {name}\n"));
    }
    house.redis.restart()?;
    for (speaker, _) in named {
        for (listener, friend) in named {
            if listener != speaker {
                let line = format!("#[{speaker}@127.0.0.1]>> sin redis, {speaker}");
                hears(friend, &line)?;
                assert_eq!(count(friend, &line), 1);
            }
        }
    }
    let stopped = house.redis.with_process(|redis| {
        redis.while_stopped(|| {
            ana.write_stdin("¿hay alguien?\n");
            // Lo que tardan en quejarse es más de lo que viven sin dar señales.
            for server in [1, 2] {
                house.with(server, |server| {
                    server.wait_for_line(Stream::Stderr, "no contesta", LIMIT)
                })?;
            }
            Ok(())
        })
    });
    stopped.transpose()?;
    hears(carla, "#[ana@127.0.0.1]>> ¿hay alguien?")?;
    all_hear_all(&named, "con redis")?;
    for friend in &friends {
        assert_eq!(count(friend, LOST), 0, "{}", friend.stdout());
        assert_eq!(count(friend, "(Desconectado: cliente "), 1, "solo el testigo");
    }
    Ok(())
}

#[test]
fn quien_está_dentro_no_nota_que_se_relee_la_configuración_del_balanceador() -> Outcome {
    let Some(house) = House::open(2)? else { return Ok(()) };
    let [ana, beto, carla] = three_friends(&house)?;
    let workers = || {
        let children = house.haproxy.ask_kernel(Process::task_main_thread);
        children.map(|thread| thread.children().unwrap_or_default())
    };
    let before = workers()?;
    house.haproxy.signal(Signal::SIGUSR2)?;
    house.haproxy.eventually("hubiera otro trabajador", LIMIT, || {
        workers().is_ok_and(|now| now.iter().any(|pid| !before.contains(pid)))
    })?;
    house.counts_on(1)?;
    house.counts_on(2)?;
    all_hear_all(&[("ana", &ana), ("beto", &beto), ("carla", &carla)], "releído")?;
    let _dora = house.member(1, "dora")?;
    hears(&ana, &joined(4, "dora"))?;
    assert_eq!([&ana, &beto, &carla].map(|one| count(one, LOST)), [0; 3]);
    Ok(())
}

#[test]
fn al_que_se_drena_no_se_le_manda_a_nadie_y_los_que_tiene_siguen() -> Outcome {
    let Some(house) = House::open(2)? else { return Ok(()) };
    let mut ana = house.member(1, "ana")?;
    house.set_state(1, State::Drain)?;
    let before = house.with(1, |server| server.open_descriptors())?;
    let mut others: Vec<Peer> = Vec::new();
    for (name, count) in ["beto", "carla", "dora"].iter().zip(2..) {
        let newcomer = chat::join(&house.talk(), name)?;
        let arrival = joined(count, name);
        ana.expect_frame(&arrival)?;
        others.iter_mut().try_for_each(|peer| peer.expect_frame(&arrival))?;
        others.push(newcomer);
    }
    // Las comprobaciones abren una conexión un momento.
    house.with(1, |server| server.holds_descriptors(before))?;
    ana.send_frame("sigo aquí")?;
    for other in &mut others {
        other.expect_frame("#[ana@127.0.0.1]>> sigo aquí")?;
    }
    let exit = house.with(1, |server| server.stop(Signal::SIGTERM))?;
    assert_eq!(exit.code, Some(0), "{exit}");
    ana.expect_end()?;
    for other in &mut others {
        other.expect_frame(left("ana"))?;
    }
    Ok(())
}

/// Sin nadie que reparta a dónde, quien llega lo sabe enseguida, y vuelve cuando lo hay.
#[test]
fn sin_ningún_servidor_se_espera_a_que_haya_uno() -> Outcome {
    let Some(house) = House::open(1)? else { return Ok(()) };
    let mut witness = house.member(1, "testigo")?;
    let ana = client("ana", house.entrance())?;
    witness.expect_frame(joined(2, "ana"))?;
    house.kill(1)?;
    ana.eventually("perdiera la conexión", LIMIT, || count(&ana, LOST) == 1)?;
    house.gives_up_on(1)?;
    house.start(1)?;
    comes_back(&ana, 0)?;
    let mut beto = house.member(1, "beto")?;
    hears(&ana, "desde beto@127.0.0.1)")?;
    ana.write_stdin("por fin\n");
    beto.expect_frame("#[ana@127.0.0.1]>> por fin")
}
