//! Las etapas del arnés, que también calificarán los servidores de los estudiantes.
//!
//! Es la prueba más larga, y las pruebas empiezan por orden alfabético: con otro nombre, se quedaría
//! sola al final.

use super::{Outcome, server};

#[test]
fn el_servidor_pasa_todas_las_etapas() -> Outcome {
    // Una tras otra en el mismo servidor: cada etapa lo deja vacío, y el informe dice cuál falló.
    let server = server().start()?;
    for stage in harness::stages("02_03") {
        server.passes(stage)?;
    }
    Ok(())
}
