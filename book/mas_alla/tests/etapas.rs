//! Los programas de «Más allá» cumplen lo que se pide a los de las lecciones.

use std::time::Duration;

use harness::{Failure, Program, Server, Signal, raise_descriptor_limit, stages};

const LIMIT: Duration = harness::DEFAULT_LIMIT;

fn server(program: &str) -> Result<Server, Failure> {
    Program::new(program).args(["--port", "0"]).start()
}

/// Pasa todas las etapas de la lección, y termina en orden.
fn passes(lesson: &str, program: &str) -> Result<(), Failure> {
    raise_descriptor_limit();
    let server = server(program)?;
    for stage in stages(lesson) {
        server.passes(stage)?;
    }
    server.signal(Signal::SIGTERM)?;
    let exit = server.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
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
    passes("02_02", env!("CARGO_BIN_EXE_eco_uring"))
}

#[test]
fn el_chat_sobre_mio_pasa_todas_las_etapas() -> Result<(), Failure> {
    passes("02_03", env!("CARGO_BIN_EXE_chat_mio"))
}

#[test]
fn el_chat_sobre_tokio_pasa_todas_las_etapas() -> Result<(), Failure> {
    passes("02_03", env!("CARGO_BIN_EXE_chat_tokio"))
}
