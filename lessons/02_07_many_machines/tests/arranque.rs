//! Lo que se escribe en la línea de órdenes, y lo primero que dice el servidor.

mod common;

use harness::{DEFAULT_LIMIT, Failure, Program};

#[test]
fn lo_que_no_se_entiende_se_dice_en_una_línea() -> Result<(), Failure> {
    for (arguments, expected) in [
        (&["--port", "0"][..], "falta --name"),
        (&["--name", "ana"], "«ana» no sirve para «--name <NOMBRE>»: aquí solo hay servidor"),
        (
            &["--name", "servidor", "--lease", "0.01"],
            "debe ser un número de segundos, de 0.1 a 3600",
        ),
        (&["--name", "servidor", "--proxy", "casa"], "debe ser una dirección, como 127.0.0.1"),
    ] {
        let program = Program::new(env!("CARGO_BIN_EXE_aplic_02_07")).args(arguments.to_vec());
        let exit = program.run_to_end("", DEFAULT_LIMIT)?;
        let complaint = exit.complaint(2)?;
        assert!(complaint.contains(expected), "{complaint}");
    }
    Ok(())
}

#[test]
fn un_servidor_sin_intermediario_dice_que_está_solo() -> Result<(), Failure> {
    let server = common::server().start()?;
    server.wait_for_line(harness::Stream::Stdout, "este servidor está solo", DEFAULT_LIMIT)?;
    Ok(())
}
