//! `cargo curso clase` desde fuera: lo que hay en las carpetas, y lo que queda por escrito.

#![expect(clippy::unwrap_used, reason = "también lo que ayuda a las pruebas es parte de ellas")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// Una solución, y el principio que sale de ella.
const SOLUTION: &str = "// <solo al principio> principio\n// <solo en la solución>\nlo suyo\n// </solo en la solución>\n";

const STARTER: &str = "// principio\n";

/// El programa, con `folder` por carpeta de ejercicios.
fn curso(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_curso"));
    command.env("CURSO_CARPETA", folder).env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Un curso de dos ejercicios que no se compilan: solo se leen.
fn small_course() -> TempDir {
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

#[test]
fn clase_dice_quién_no_entregó_y_quién_no_ha_empezado() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    let path = |name: &str| house.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("notas.txt"), "apuntes de quien enseña\n").unwrap();
    fs::create_dir(path("beto")).unwrap();
    fs::create_dir_all(path("ana/exercises/02_02_1_eco")).unwrap();
    fs::write(path("ana/exercises/02_02_1_eco/ejercicio.rs"), STARTER).unwrap();
    let order = ["ana", "beto", "eva", "notas.txt"].map(path);
    let (csv, reports) = (path("notas.csv"), path("informes"));
    let output = curso(course.path())
        .arg("clase")
        .args(&order)
        .args(["--csv", &csv, "--informes", &reports])
        .env("CARGO_TARGET_DIR", path("target"))
        .assert()
        .success()
        .get_output()
        .clone();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.ends_with("notas.txt» no es una carpeta: no se califica.\n"), "{complaint}");
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    ana   · -  0 de 2, 0 de 40 puntos (0.0 %)
    beto  - -  0 de 2, 0 de 40 puntos (0.0 %)
    eva   - -  0 de 2, 0 de 40 puntos (0.0 %)

    Columnas: 02_02_1_eco, 02_03_1_enviar.
    ✓ superado   ✗ falla   c no compila   ! no termina, o agota tiempo, memoria, procesos o disco   · sin empezar   - falta

    Sin entregar: beto, eva.
    Sin empezar ninguno: ana.
    ");
    // Lo que cambia con el día no se compara.
    let table = fs::read_to_string(csv).unwrap();
    let table: Vec<_> = table.lines().map(|line| line.rsplitn(5, ',').last().unwrap()).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    carpeta,superados,puntos,maximo,porcentaje,02_02_1_eco,02_03_1_enviar,puntos_02_02_1_eco,puntos_02_03_1_enviar,falla_02_02_1_eco,falla_02_03_1_enviar
    ana,0,0,40,0.0,sin empezar,falta,0,0,,
    beto,0,0,40,0.0,falta,falta,0,0,,
    eva,0,0,40,0.0,falta,falta,0,0,,
    ");
    let report = fs::read_to_string(house.path().join("informes/ana.md")).unwrap();
    insta::assert_snapshot!(report, @r"
    # ana

    0 de 2 superados: 0 de 40 puntos (0.0 %).

    Sin empezar: 02_02_1_eco.

    Faltan: 02_03_1_enviar.
    ");
}
