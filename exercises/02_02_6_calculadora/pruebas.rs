//! Las pruebas de 02_02_6_calculadora.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;

use std::io;
use std::thread::JoinHandle;

use ejercicio::{evaluate, start};
use ejercicios::prelude::*;
use given::{DIVISION_BY_ZERO, MAX_LINE, NOT_UNDERSTOOD, OVERFLOW, TOO_LONG};
use multiplexacion::socketserver::Control;

ejercicios::tests! {
    sabe_las_cuatro_operaciones,
    dice_por_qué_no_hay_resultado,
    lo_que_no_cabe_no_es_un_pánico,
    responde_a_cada_línea_y_sigue_tras_un_error,
    salir_termina_con_cualquier_final_de_línea,
    una_línea_puede_llegar_en_trozos_y_varias_juntas,
    una_línea_tiene_un_límite,
    atiende_a_varios_y_se_para_con_ellos_dentro,
}

fn sabe_las_cuatro_operaciones() -> Outcome {
    for (line, expected) in [
        ("2 + 3", 5),
        ("2 - 3", -1),
        ("-4 * 5", -20),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("  1   +  1 ", 2),
    ] {
        evaluates(line, Ok(expected))?;
    }
    Ok(())
}

fn dice_por_qué_no_hay_resultado() -> Outcome {
    for line in
        ["", "hola", "2 +", "2 + 3 + 4", "2 ^ 3", "dos + tres", "2.5 + 1", "2*3", "2 *3", "2 - - 3"]
    {
        evaluates(line, Err(NOT_UNDERSTOOD))?;
    }
    evaluates("1 / 0", Err(DIVISION_BY_ZERO))
}

fn lo_que_no_cabe_no_es_un_pánico() -> Outcome {
    let (most, least) = (i64::MAX, i64::MIN);
    for line in [
        format!("{most} + 1"),
        format!("{least} - 1"),
        format!("{most} * 2"),
        format!("{least} / -1"),
    ] {
        evaluates(&line, Err(OVERFLOW))?;
    }
    Ok(())
}

fn responde_a_cada_línea_y_sigue_tras_un_error() -> Outcome {
    with_server(|clients| {
        let mut client = clients.peer("cliente")?;
        asks(&mut client, "2 + 3\n", "5\n")?;
        asks(&mut client, "hola\n", &format!("ERROR: {NOT_UNDERSTOOD}\n"))?;
        asks(&mut client, "1 / 0\r\n", &format!("ERROR: {DIVISION_BY_ZERO}\n"))?;
        asks(&mut client, "2 * 3\r\n", "6\n")?;
        asks(&mut client, "\n", &format!("ERROR: {NOT_UNDERSTOOD}\n"))
            .hint("una línea vacía también es una línea, y no el final de la conversación")?;
        client.send([0xFF, b'\n'])?;
        client.expect(format!("ERROR: {NOT_UNDERSTOOD}\n"))?;
        asks(&mut client, "salir\n2 + 2\n", "Adiós.\n")?;
        client.expect_end().hint("tras «salir» y su respuesta se termina, llegue lo que llegue")
    })
}

fn salir_termina_con_cualquier_final_de_línea() -> Outcome {
    with_server(|clients| {
        for (what, ending) in [("\\n", "\n"), ("\\r\\n", "\r\n"), ("el final de la entrada", "")] {
            let mut client = clients.peer(&format!("quien sale con {what}"))?;
            client.send(format!("salir{ending}"))?;
            if ending.is_empty() {
                client.half_close()?;
            }
            client.expect("Adiós.\n").hint(format!(
                "la línea es «salir», y termina en {what}: es un final como los otros dos, y no es \
                 parte de la línea"
            ))?;
            client.expect_end()?;
        }
        Ok(())
    })
}

fn una_línea_puede_llegar_en_trozos_y_varias_juntas() -> Outcome {
    with_server(|clients| {
        let mut client = clients.peer("cliente")?;
        client.send_in_pieces("12 + 30\n", 1)?;
        client.expect("42\n")?;
        asks(&mut client, "1 + 1\n2 + 2\n3 + 3\n", "2\n4\n6\n")?;
        client.send("4 + 4")?;
        client.half_close()?;
        client.expect("8\n")?;
        client.expect_end()
    })
}

fn una_línea_tiene_un_límite() -> Outcome {
    with_server(|clients| {
        let mut exact = clients.peer("quien llega justo al límite")?;
        let line = format!("{:<MAX_LINE$}", "2 + 3");
        for ending in ["\n", "\r\n"] {
            asks(&mut exact, &format!("{line}{ending}"), "5\n").hint(format!(
                "la línea tiene {MAX_LINE} bytes, y detrás su final, que no cuenta"
            ))?;
        }
        for (what, line) in [
            ("con su final", format!("{line} \n")),
            ("sin él", format!("{line}  1")),
            ("con letras de dos bytes", format!("{}\n", "ñ".repeat(MAX_LINE / 2 + 1))),
        ] {
            let mut longer = clients.peer(&format!("quien se pasa, {what}"))?;
            let _ = longer.try_send(&line);
            longer.half_close()?;
            longer
                .expect(format!("ERROR: {TOO_LONG}\n"))
                .hint(format!("a una línea le caben {MAX_LINE} bytes, sean las letras que sean"))?;
            longer.expect_end_or_reset()?;
        }
        let mut endless = clients.peer("quien no termina la línea")?;
        let _ = endless.try_send(vec![b'1'; 4 * MAX_LINE]);
        let answer = format!("ERROR: {TOO_LONG}\n");
        endless
            .expect(answer)
            .hint("quien guarda una línea sin fin se queda sin memoria: pon un límite")?;
        endless.expect_end_or_reset()
    })
}

fn atiende_a_varios_y_se_para_con_ellos_dentro() -> Outcome {
    let mut silent = None;
    with_server(|clients| {
        silent = Some(clients.peer("callado")?);
        asks(&mut clients.peer("uno")?, "1 + 1\n", "2\n")?;
        asks(&mut clients.peer("otro")?, "2 + 2\n", "4\n")
    })?;
    silent.map_or(Ok(()), |mut silent| silent.expect_end_or_reset())
}

by_hand!(|listener| start(listener)?.1.join().unwrap_or(Ok(())));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    hands.run_typing("nc -N", "2 + 3\n7 / 0\nsalir\n").map(drop)
});

fn evaluates(line: &str, expected: Result<i64, &'static str>) -> Outcome {
    let owned = line.to_owned();
    let got = within(LIMIT, "evaluar una línea", move || evaluate(&owned))
        .within(format!("Con la línea «{line}»."))?;
    ensure_equal(format!("lo que da la línea «{line}»"), &expected, &got)
}

fn asks(client: &mut Peer, question: &str, answer: &str) -> Outcome {
    client.send(question)?;
    client.expect(answer)
}

/// Arranca la calculadora, sigue el guion y la para.
fn with_server(script: impl FnOnce(&Conversation) -> Outcome) -> Outcome {
    let (listener, clients) = listening()?;
    let (control, thread) = within(LIMIT, "arrancar el servidor", move || start(listener))??;
    let followed = script(&clients);
    let stopped = within(LIMIT, "parar el servidor", move || stop(&control, thread));
    followed?;
    let outcome = stopped?;
    ensure(outcome.is_ok(), || format!("El servidor terminó mal: {}.", shown(&outcome)))
}

fn stop(control: &Control, thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    control.shutdown();
    thread.join().unwrap_or_else(|_| Err(io::Error::other("su hilo entró en pánico")))
}
