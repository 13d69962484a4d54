//! Un curso de mentira, de dos ejercicios, y el programa que lo conduce.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// Una solución, y el principio que sale de ella.
const SOLUTION: &str = "// <solo al principio> principio\n// <solo en la solución>\nlo suyo\n// </solo en la solución>\n";

pub(crate) const STARTER: &str = "// principio\n";

/// El programa, con `folder` por carpeta de ejercicios.
pub(crate) fn curso(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_curso"));
    command.env("CURSO_CARPETA", folder).env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Un curso de dos ejercicios que no se compilan: solo se leen.
pub(crate) fn small_course() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (id, title) in [("02_02_1_eco", "Eco"), ("02_03_1_enviar", "Enviar")] {
        let exercise = folder.path().join(id);
        fs::create_dir(&exercise).unwrap();
        let lesson = &id[..5];
        let statement = format!("# {title}\n\nLección {lesson} · unos 20 minutos\n\nHaz algo.\n");
        fs::write(exercise.join("enunciado.md"), statement).unwrap();
        let hints =
            "# Pistas\n\n## Una idea\n\nUno.\n\n## Qué llamada\n\nDos.\n\n## Casi\n\nTres.\n";
        fs::write(exercise.join("pistas.md"), hints).unwrap();
        fs::write(exercise.join("ejercicio.rs"), "lo mío\n").unwrap();
        fs::write(exercise.join("solucion.rs"), SOLUTION).unwrap();
    }
    folder
}
