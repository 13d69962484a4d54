//! Lo que cuentan `-v`, para las personas, y `--trace`, para las herramientas.

use std::collections::HashMap;

use harness::{Failure, Signal, Step};
use prose::steps_named;
use serde_json::Value;

use super::web::{
    self, FLOOD, GET, Outcome, SOON, ask, clogged, conversation, expect_page, expect_status,
};
use crate::photograph::photograph;

#[test]
fn con_v_se_explica_cada_paso_de_una_petición() -> Outcome {
    let (server, mut client) = web::visited(&["-v"], "cliente")?;
    ask(&mut client)?;
    client.leave()?;
    let exit = server.stop(Signal::SIGTERM)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    photograph("lesson_02_04__sesion_explicada", &steps_named(&exit.stderr));
    Ok(())
}

#[test]
fn cada_línea_empieza_por_los_segundos_desde_el_arranque() -> Outcome {
    let server = web::server(&["-v"])?;
    ask(&mut conversation(&server).peer("cliente")?)?;
    let exit = server.stop(Signal::SIGTERM)?;
    let mut last = 0.0;
    for line in exit.stderr.lines() {
        let seconds = line.strip_prefix('[').and_then(|line| line.split_once("] "));
        let seconds = seconds.and_then(|(seconds, _)| seconds.trim().parse().ok());
        let seconds: f64 = seconds.ok_or_else(|| Failure::new(line))?;
        assert!(seconds >= last, "{line}");
        last = seconds;
    }
    assert!(last > 0.0, "no explicó nada");
    Ok(())
}

#[test]
fn sin_pedirlo_no_se_explica_nada() -> Outcome {
    let (server, mut client) = web::visited(&[], "cliente")?;
    client.send("hola\r\n\r\n")?;
    expect_status(&mut client, 400)?;
    server.signal(Signal::SIGTERM)?;
    drop(client);
    let exit = server.wait(SOON)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    let address = server.address();
    let said = format!(
        "Escuchando en {address}\n\
         Ábrelo en un navegador, http://{address}/; Ctrl-C termina.\n"
    );
    assert_eq!(exit.stdout, said);
    Ok(())
}

#[test]
fn la_traza_permite_seguir_a_un_cliente_de_principio_a_fin() -> Outcome {
    let (server, trace) = web::traced(&[])?;
    let mut client = conversation(&server).peer("cliente")?;
    ask(&mut client)?;
    client.leave()?;
    server.stop(Signal::SIGTERM)?;

    let life = trace.steps_of(1)?;
    let told: Vec<_> = life
        .iter()
        .map(|step| match step.number("bytes") {
            Some(bytes) => format!("{} {bytes}", step.what()),
            None => format!("{} {}", step.what(), step.text("result")).trim_end().to_owned(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "accept",
            "register EPOLLIN",
            "ready EPOLLIN",
            "read 35",
            "write 143",
            "ready EPOLLIN",
            "read 0",
            "close el cliente se fue",
        ]
    );
    let fd = life[0].number("fd");
    assert!(fd.is_some() && life.iter().all(|step| step.number("fd") == fd));
    Ok(())
}

#[test]
fn cada_línea_de_la_traza_cumple_su_formato() -> Outcome {
    let timeouts = ["--head-timeout", "0.2", "--idle-timeout", "0.2"];
    let options = [&["--workers", "2", "-v"][..], &timeouts].concat();
    let (server, trace) = web::traced(&options)?;
    let web = conversation(&server);
    for request in [GET, "hola\r\n\r\n", "GET / HT"] {
        let mut client = web.peer("cliente")?;
        client.send(request)?;
        client.expect_response()?;
    }
    web.peer("quien no dice nada")?.expect_end()?;
    web.peer("quien reinicia")?.reset()?;
    let exit = server.stop(Signal::SIGTERM)?;

    let steps = trace.steps()?;
    // Una línea por paso, aquí y en `-v`.
    assert_eq!(steps.len(), exit.stderr.lines().count());
    let mut clocks: HashMap<String, u64> = HashMap::new();
    for step in &steps {
        let us = step.number("us").ok_or_else(|| Failure::new(format!("sin «us»: {step:?}")))?;
        assert!(!step.what().is_empty() && !step.text("thread").is_empty(), "{step:?}");
        let clock = clocks.entry(step.text("thread").to_owned()).or_default();
        assert!(us >= *clock, "el tiempo no retrocede dentro de un hilo: {step:?}");
        *clock = us;
        for name in ["fd", "client", "bytes"] {
            assert!(step.field(name).is_none_or(Value::is_u64), "{name}: {step:?}");
        }
        let result = step.field("result");
        assert!(result.is_none_or(|value| value.is_string() || value.is_u64()), "{step:?}");
        // Los textos van tal cual, sin comillas dentro de las comillas, y ninguno está en inglés.
        assert!(!step.text("result").contains('"'), "{step:?}");
        assert!(!step.text("result").contains("os error"), "{step:?}");
    }
    Ok(())
}

#[test]
fn la_traza_muestra_la_contrapresión() -> Outcome {
    let (server, trace) = web::traced(&[])?;
    let (mut slow, sending) = clogged(&server, &trace, 1, "lento")?;
    for _ in 0..FLOOD {
        expect_page(&mut slow)?;
    }
    sending.finish()?;
    slow.leave()?;
    let life = trace.steps_of(1)?;
    let modified: Vec<_> = life
        .iter()
        .filter(|step| step.what() == "modify")
        .map(|step| step.text("result"))
        .collect();
    // Va y vuelve: mientras no puede escribir, no lee; y al revés.
    assert!(modified.len() >= 2 && modified.len() % 2 == 0, "{modified:?}");
    for pair in modified.chunks(2) {
        assert_eq!(pair, ["EPOLLOUT", "EPOLLIN"]);
    }
    let place = |name| {
        let asks_for = |step: &Step| step.what() == "modify" && step.text("result") == name;
        life.iter().position(asks_for).unwrap_or_default()
    };
    let (blocked, released) = (place("EPOLLOUT"), place("EPOLLIN"));
    let meanwhile: Vec<_> = life[blocked..released].iter().map(Step::what).collect();
    assert!(!meanwhile.contains(&"read"), "siguió leyendo: {meanwhile:?}");
    assert!(meanwhile.contains(&"ready") && meanwhile.contains(&"write"), "{meanwhile:?}");
    Ok(())
}

#[test]
fn una_petición_rechazada_cuenta_la_razón_y_la_despedida() -> Outcome {
    let (server, trace) = web::traced(&["-v"])?;
    let mut client = conversation(&server).peer("cliente")?;
    client.send("hola\r\n\r\n")?;
    expect_status(&mut client, 400)?;
    client.expect_end()?;
    client.leave()?;
    let exit = server.stop(Signal::SIGTERM)?;
    let sentence = "respuesta 400: la primera línea se escribe «MÉTODO destino HTTP/1.1»";
    assert!(exit.stderr.contains(sentence), "{exit}");
    let life: Vec<_> = trace.steps_of(1)?.iter().map(|step| step.what().to_owned()).collect();
    assert_eq!(
        life,
        [
            "accept", "register", "ready", "read", "refuse", "write", "shutdown", "ready", "read",
            "close"
        ]
    );
    Ok(())
}
