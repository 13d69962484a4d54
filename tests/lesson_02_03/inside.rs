//! Ver por dentro: `-v`, `--trace`, y cuántas llamadas hacen falta para un mensaje.

use std::time::{Duration, Instant};

use harness::{Failure, Signal, Step, Stream, Trace, frame};
use prose::steps_named;

use super::chat::{Chat, enter, joined, left, said};
use super::host::Host;
use super::{LIMIT, Outcome, client, server};
use crate::photograph::photograph;

fn bytes(steps: &[Step], kind: &str) -> Vec<u64> {
    let steps = steps.iter().filter(|step| step.what() == kind);
    steps.filter_map(|step| step.number("bytes")).collect()
}

#[test]
fn la_traza_cuenta_la_vida_de_un_descriptor() -> Outcome {
    let trace = Trace::new();
    let chat = Chat::with(trace.of(server()))?;
    let mut ana = chat.member("ana")?;
    let mut beto = chat.member("beto")?;
    ana.expect_frame(joined(2, "beto"))?;
    beto.send_frame("hola")?;
    ana.expect_frame(said("beto", "hola"))?;
    ana.send_frame("adiós")?;
    beto.expect_frame(said("ana", "adiós"))?;
    beto.leave()?;
    ana.expect_frame(left("beto"))?;
    assert_eq!(chat.server.stop(Signal::SIGTERM)?.code, Some(0));

    let steps = trace.steps()?;
    let mut before = 0;
    for step in &steps {
        let us = step.number("us").ok_or_else(|| Failure::new(format!("Sin «us»: {step:?}")))?;
        assert!(us >= before, "el tiempo retrocede: {step:?}");
        before = us;
        assert_eq!(step.text("thread"), "main", "{step:?}");
        assert!(!step.what().is_empty(), "{step:?}");
        assert!(step.field("message").is_none(), "las frases son para -v: {step:?}");
    }
    assert_eq!(steps[0].what(), "listen");
    assert_eq!(steps.last().map(Step::what), Some("stop"));

    let beto = trace.steps_of(2)?;
    let story: Vec<&str> = beto.iter().map(Step::what).collect();
    let expected =
        ["accept", "ready", "read", "write", "ready", "read", "write", "ready", "read", "close"];
    assert_eq!(story, expected);
    let fd = beto[0].number("fd");
    assert!(fd.is_some() && beto.iter().all(|step| step.number("fd") == fd));
    let length = |text: &str| (frame::HEADER + text.len()) as u64;
    assert_eq!(bytes(&beto, "read"), [length("NAME: beto"), length("hola"), 0]);
    let sent = [length("CLIENT: 127.0.0.1"), length(&said("ana", "adiós"))];
    assert_eq!(bytes(&beto, "write"), sent);
    assert_eq!(beto.last().map(|step| step.text("result")), Some("se fue"));
    Ok(())
}

#[test]
fn la_traza_habla_español_también_de_los_errores() -> Outcome {
    let trace = Trace::new();
    let chat = Chat::with(trace.of(server()))?;
    let mut ana = chat.member("ana")?;
    let beto = chat.member("beto")?;
    ana.expect_frame(joined(2, "beto"))?;
    beto.reset()?;
    ana.expect_frame(left("beto"))?;
    let beto = trace.steps_of(2)?;
    for kind in ["read", "close"] {
        let step = beto.iter().rfind(|step| step.what() == kind);
        let result = step.map(|step| step.text("result"));
        assert_eq!(result, Some("el otro extremo cortó la conexión"), "{kind}: {step:?}");
    }
    Ok(())
}

#[test]
fn t3_21_la_longitud_y_el_texto_salen_en_una_sola_escritura() -> Outcome {
    let trace = Trace::new();
    let chat = Chat::with(trace.of(server()))?;
    let [mut ana, mut beto] = chat.members(["ana", "beto"])?;
    // Con la cabecera y el texto por separado, y sin TCP_NODELAY, cada ida y vuelta pasaría por
    // el ACK retardado: 40 ms por mensaje.
    let started = Instant::now();
    for _ in 0..100 {
        ana.send_frame("ida")?;
        beto.expect_frame(said("ana", "ida"))?;
        beto.send_frame("vuelta")?;
        ana.expect_frame(said("beto", "vuelta"))?;
    }
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(2), "cien idas y vueltas tardaron {elapsed:?}");
    let writes = bytes(&trace.steps_of(2)?, "write");
    let length = |text: &str| (frame::HEADER + text.len()) as u64;
    let mut expected = vec![length("CLIENT: 127.0.0.1")];
    expected.extend([length(&said("ana", "ida")); 100]);
    assert_eq!(writes, expected);

    let trace = Trace::new();
    let host = Host::open()?;
    let program = trace.of(client("ana", host.address()?)).spawn()?;
    let mut guest = host.guest("ana")?;
    program.write_stdin("hola\n");
    assert_eq!(guest.next_frame()?.as_deref(), Some("hola"));
    drop(guest);
    program.wait(LIMIT)?;
    assert_eq!(bytes(&trace.steps()?, "write"), [length("NAME: ana"), length("hola")]);
    Ok(())
}

#[test]
fn con_v_cada_paso_es_una_frase() -> Outcome {
    let chat = Chat::with(server().arg("-v"))?;
    // Lo dice él mismo: así cada paso empieza cuando el anterior ha terminado.
    let falls_asleep = |times: usize| {
        let count = || chat.server.stderr().matches("a dormir").count();
        chat.server.eventually(&format!("durmiera {times} veces"), LIMIT, || count() == times)
    };
    falls_asleep(1)?;
    let mut ana = chat.stranger("ana")?;
    falls_asleep(2)?;
    enter(&mut ana, "ana")?;
    falls_asleep(3)?;
    let mut beto = chat.member("beto")?;
    ana.expect_frame(joined(2, "beto"))?;
    falls_asleep(5)?;
    beto.send_frame("hola")?;
    ana.expect_frame(said("beto", "hola"))?;
    falls_asleep(6)?;
    beto.half_close()?;
    ana.expect_frame(left("beto"))?;
    falls_asleep(7)?;
    ana.send(b"\xff\xff\xff\xff")?;
    ana.next_frame()?;
    ana.expect_end()?;
    falls_asleep(8)?;
    drop(ana);
    falls_asleep(9)?;
    chat.server.close_stdin();
    falls_asleep(10)?;
    let exit = chat.server.stop(Signal::SIGTERM)?;
    assert_eq!(exit.code, Some(0));
    photograph("lesson_02_03__paso_a_paso", &steps_named(&exit.stderr));
    Ok(())
}

#[test]
fn con_v_se_sabe_por_qué_se_va_cada_uno() -> Outcome {
    let chat = Chat::with(server().arg("-v"))?;
    let mut rude = chat.stranger("maleducado")?;
    rude.send_frame("hola")?;
    rude.next_frame()?;
    rude.expect_end()?;
    chat.stranger("cortado")?.reset()?;
    // El maleducado ya leyó por qué, y no cierra: se le deja de esperar.
    for why in [
        "cliente 1: despedida: el primer mensaje debe ser «NAME: » y tu nombre",
        "cliente 2: el otro extremo cortó la conexión",
        "cliente 1: se le dejó de esperar",
    ] {
        chat.server.wait_for_line(Stream::Stderr, why, LIMIT)?;
    }
    Ok(())
}
