//! Varios bucles en un puerto, y un puerto para un solo servidor.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use harness::procfs::net::{TcpNetEntry, TcpState};
use harness::{Failure, Signal};

use super::web::{self, Outcome, SOON, ask, conversation, expect_page};

/// Cuántos sockets escuchan ahí.
fn listeners(address: SocketAddr) -> Result<usize, Failure> {
    let listens =
        |entry: &&TcpNetEntry| entry.local_address == address && entry.state == TcpState::Listen;
    Ok(harness::connections()?.iter().filter(listens).count())
}

#[test]
fn cuatro_bucles_son_cuatro_sockets_que_escuchan_y_cuatro_hilos() -> Outcome {
    let server = web::server(&["--workers", "4"])?;
    assert_eq!(listeners(server.address())?, 4);
    server.eventually("haya cuatro hilos", SOON, || {
        let threads = server.threads().unwrap_or_default();
        threads == ["aplic_02_04", "epoll-2", "epoll-3", "epoll-4"]
    })?;

    let alone = web::server(&[])?;
    assert_eq!(listeners(alone.address())?, 1);
    assert_eq!(alone.threads()?, ["aplic_02_04"]);
    Ok(())
}

/// El reparto lo hace el núcleo según la dirección de cada cliente: con cien, es imposible en la
/// práctica que alguno de los cuatro se quede sin ninguno.
#[test]
fn los_clientes_se_reparten_entre_los_bucles() -> Outcome {
    let (server, trace) = web::traced(&["--workers", "4"])?;
    let mut clients = conversation(&server).peers("cliente", 100)?;
    clients.iter_mut().try_for_each(|client| client.send(web::GET))?;
    clients.iter_mut().try_for_each(|client| expect_page(client).map(drop))?;
    let steps = trace.steps()?;
    let who = |what: &'static str| {
        let steps = steps.iter().filter(move |step| step.what() == what);
        steps.map(|step| step.text("thread")).collect::<BTreeSet<_>>()
    };
    let everyone = BTreeSet::from(["main", "epoll-2", "epoll-3", "epoll-4"]);
    assert_eq!(who("accept"), everyone);
    assert_eq!(who("write"), everyone);
    Ok(())
}

#[test]
fn la_parada_los_termina_a_todos() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let server = web::server(&["--workers", "4"])?;
        let mut clients = conversation(&server).peers("cliente", 30)?;
        clients.iter_mut().try_for_each(ask)?;
        let exit = server.stop(signal)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
        assert_eq!(listeners(server.address())?, 0);
    }
    Ok(())
}

/// Con SO_REUSEPORT, el núcleo dejaría que dos servidores arrancados por descuido se repartieran
/// los clientes. El puerto es de uno, tenga los bucles que tenga.
#[test]
fn dos_servidores_nunca_comparten_un_puerto_por_descuido() -> Outcome {
    for first in ["1", "3"] {
        let server = web::server(&["--workers", first])?;
        let port = server.address().port().to_string();
        for second in ["1", "3"] {
            let exit = harness::Program::new(web::PROGRAM)
                .args(["--port", &port, "--workers", second])
                .run_to_end("", SOON)?;
            assert_eq!(exit.code, Some(1), "con {first} bucles y después con {second}: {exit}");
            let problem = format!("otro programa ya escucha en 127.0.0.1:{port}");
            assert!(exit.stderr.contains(&problem), "{exit}");
        }
        ask(&mut conversation(&server).peer("cliente")?)?;
    }
    Ok(())
}

#[test]
fn f23_donde_no_caben_más_hilos_se_dice_como_en_la_lección_02_02() -> Outcome {
    let script = ["-c", "ulimit -v 40960 && exec \"$0\" \"$@\""];
    let program = harness::Program::new("bash").args(script).arg(web::PROGRAM);
    let exit = program.args(["--port", "0", "--workers", "400"]).run_to_end("", SOON)?;
    assert_eq!(exit.code, Some(1), "{exit}");
    assert!(
        exit.stderr.contains("el sistema no da más hilos. Qué probar: usa menos --workers"),
        "{exit}"
    );
    Ok(())
}
