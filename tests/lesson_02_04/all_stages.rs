//! Las etapas del arnés contra el programa de la lección.
//!
//! Es la prueba más larga, y las pruebas empiezan por orden alfabético: con otro nombre, se quedaría
//! sola al final.

use harness::stages;

use super::web::{self, Outcome};

fn pass_all(options: &[&str]) -> Outcome {
    // El plazo de una cabecera, corto: la etapa que lo espera no tiene por qué durar diez segundos.
    let options = [options, &["--head-timeout", "3"]].concat();
    let server = web::server(&options)?;
    let stages = stages("02_04");
    assert!(!stages.is_empty(), "el arnés no tiene etapas para esta lección");
    for stage in stages {
        server.passes(stage)?;
    }
    Ok(())
}

#[test]
fn con_un_bucle_pasa_todas_las_etapas() -> Outcome {
    pass_all(&[])
}

#[test]
fn con_dos_bucles_pasa_todas_las_etapas() -> Outcome {
    pass_all(&["--workers", "2"])
}
