//! Los programas de «Más allá» cumplen lo que se pide a los de las lecciones.

use std::time::Duration;

use harness::{
    Conversation, Failure, Program, Server, Signal, raise_descriptor_limit, stages, tools,
};

const LIMIT: Duration = harness::DEFAULT_LIMIT;

fn server(program: &str) -> Result<Server, Failure> {
    Program::new(program).args(["--port", "0"]).start()
}

/// Pasa todas las etapas de la lección, y termina en orden: con Ctrl-C, que es la última, y con
/// SIGTERM.
fn passes(lesson: &str, program: &str) -> Result<(), Failure> {
    raise_descriptor_limit();
    let examined = server(program)?;
    for stage in stages(lesson) {
        examined.passes(stage)?;
    }
    let stopped = server(program)?;
    stopped.signal(Signal::SIGTERM)?;
    for server in [examined, stopped] {
        let exit = server.wait(LIMIT)?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    }
    Ok(())
}

#[test]
fn el_eco_sobre_poll_pasa_todas_las_etapas() -> Result<(), Failure> {
    passes("02_02", env!("CARGO_BIN_EXE_eco_poll"))
}

#[test]
fn el_eco_por_flanco_pasa_todas_las_etapas() -> Result<(), Failure> {
    passes("02_02", env!("CARGO_BIN_EXE_eco_flanco"))
}

#[test]
fn el_eco_sobre_io_uring_pasa_todas_las_etapas() -> Result<(), Failure> {
    match passes("02_02", env!("CARGO_BIN_EXE_eco_uring")) {
        Err(failure) if failure.to_string().contains("no permite usar io_uring") => {
            tools::skip("este sistema no lo permite", "el eco sobre io_uring")
        }
        outcome => outcome,
    }
}

/// Para `poll` no hay un descriptor demasiado grande: `select` se queda en el 1023.
#[test]
fn poll_pasa_del_descriptor_1023() -> Result<(), Failure> {
    raise_descriptor_limit();
    let server = server(env!("CARGO_BIN_EXE_eco_poll"))?;
    let echo = Conversation::with(server.address());
    let mut clients = echo.peers("cliente", 1100)?;
    for client in clients.iter_mut().rev() {
        client.send("hola\n")?;
        client.expect("hola\n")?;
    }
    assert!(server.open_descriptors()? > 1100);
    Ok(())
}

/// El de tokio no hace esperar a quien habla: su capítulo dice a qué precio.
const DISMISSES: &str = "quien lee despacio lo oye todo";

/// Con uno o con varios hilos, el chat es el mismo.
fn tokio_passes_all_but_one(workers: &str, threads: usize) -> Result<(), Failure> {
    raise_descriptor_limit();
    let server =
        Program::new(env!("CARGO_BIN_EXE_chat_tokio")).args(["--port", "0", "--workers", workers]);
    let server = server.start()?;
    for stage in stages("02_03") {
        if stage.stops_program() {
            assert_eq!(
                server.threads()?.len(),
                threads,
                "el principal y los que se reparten tareas"
            );
        }
        let outcome = server.passes(stage);
        if stage.title == DISMISSES {
            let failure = outcome.expect_err("echa a quien no le cabe");
            assert!(failure.headline().contains("solo oyó"), "{failure}");
        } else {
            outcome?;
        }
    }
    Ok(())
}

#[test]
fn el_chat_sobre_tokio_con_dos_hilos_pasa_las_etapas_menos_una() -> Result<(), Failure> {
    tokio_passes_all_but_one("2", 3)
}

#[test]
fn el_chat_sobre_mio_pasa_todas_las_etapas() -> Result<(), Failure> {
    passes("02_03", env!("CARGO_BIN_EXE_chat_mio"))
}

#[test]
fn el_chat_sobre_tokio_pasa_las_etapas_menos_una() -> Result<(), Failure> {
    tokio_passes_all_but_one("1", 1)
}

#[test]
fn el_chat_sobre_tokio_termina_en_orden() -> Result<(), Failure> {
    let server = server(env!("CARGO_BIN_EXE_chat_tokio"))?;
    let exit = server.stop(Signal::SIGTERM)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    Ok(())
}
