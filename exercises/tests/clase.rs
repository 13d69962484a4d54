//! `cargo curso clase` desde fuera: lo que hay en las carpetas, y lo que queda por escrito.

#![expect(clippy::unwrap_used, reason = "también lo que ayuda a las pruebas es parte de ellas")]

mod small_course;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

use small_course::{STARTER, curso, small_course};

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
    ana   · -  0 de 2, 0 de 40 puntos (0,0 %)
    beto  - -  0 de 2, 0 de 40 puntos (0,0 %)
    eva   - -  0 de 2, 0 de 40 puntos (0,0 %)

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

    0 de 2 superados: 0 de 40 puntos (0,0 %).

    Sin empezar: 02_02_1_eco.

    Faltan: 02_03_1_enviar.
    ");
}

/// El mismo programa, como alguien que no es root: root lo lee todo.
fn curso_as_nobody(folder: &Path) -> Command {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return curso(folder);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
    command.arg(env!("CARGO_BIN_EXE_curso"));
    command.env("CURSO_CARPETA", folder).env_remove("CARGO_MANIFEST_DIR");
    command
}

#[test]
fn lo_que_no_se_deja_leer_no_detiene_a_los_demás() {
    use std::os::unix::fs::PermissionsExt;
    let (course, house) = (small_course(), TempDir::new().unwrap());
    for folder in [&course, &house] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    }
    for (name, mode) in [("ana", 0o000), ("beto", 0o644)] {
        let exercise = house.path().join(name).join("exercises/02_02_1_eco");
        fs::create_dir_all(&exercise).unwrap();
        fs::write(exercise.join("ejercicio.rs"), STARTER).unwrap();
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(exercise.join("ejercicio.rs"), mode).unwrap();
    }
    let reports = house.path().join("informes");
    let output = curso_as_nobody(course.path())
        .arg("clase")
        .args(["ana", "beto"].map(|name| house.path().join(name)))
        .arg("--informes")
        .arg(&reports)
        .env("CARGO_TARGET_DIR", house.path().join("target"))
        .assert()
        .success()
        .get_output()
        .clone();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("ana   - -") && said.contains("\nbeto  · -"), "{said}");
    let report = fs::read_to_string(reports.join("ana.md")).unwrap();
    assert!(report.contains("No se puede leer su ejercicio.rs"), "{report}");
}

/// Una clase de dos personas que no empezaron: una, con un nombre difícil.
fn idle_class(house: &Path) -> Vec<String> {
    let names = ["=1+1, \"x\"\n<b>", "ana"];
    let folders = names.map(|name| house.join(name));
    for folder in &folders {
        // Un .zip que se descomprimió una carpeta más abajo, y con finales de línea de Windows.
        let exercise = folder.join("sockets-main/exercises/02_02_1_eco");
        fs::create_dir_all(&exercise).unwrap();
        let starter = format!("\u{FEFF}{}", STARTER.replace('\n', "\r\n"));
        fs::write(exercise.join("ejercicio.rs"), starter).unwrap();
    }
    folders.map(|folder| folder.to_str().unwrap().to_owned()).into()
}

#[test]
fn cada_programa_lee_las_notas_a_su_manera() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    let path = |name: &str| house.path().join(name).to_str().unwrap().to_owned();
    let folders = idle_class(house.path());
    fs::write(path("plan.txt"), "# Solo la primera lección\n02_02 30\n").unwrap();
    let order = |more: &[&str]| {
        let mut command = curso(course.path());
        command.arg("clase").env("CARGO_TARGET_DIR", path("target"));
        command.args(["--plan", &path("plan.txt")]).args(more).assert().success();
    };
    let files = ["moodle.csv", "canvas.csv", "notas.csv", "informes", "results.json"].map(path);
    let [moodle, canvas, csv, reports, gradescope] = files.each_ref().map(String::as_str);
    order(&[
        &folders[0],
        &folders[1],
        "--moodle",
        moodle,
        "--canvas",
        canvas,
        "--csv",
        csv,
        "--informes",
        reports,
    ]);
    // Moodle: el usuario se empareja por su columna, y la nota va sobre 100.
    insta::assert_snapshot!(fs::read_to_string(moodle).unwrap(), @r#"
    username,Sockets,Feedback
    "'=1+1, ""x""�<b>",0.0,0 de 1 ejercicios superados
    ana,0.0,0 de 1 ejercicios superados
    "#);
    // Canvas: estas columnas, en este orden, y los puntos posibles en su fila.
    insta::assert_snapshot!(fs::read_to_string(canvas).unwrap(), @r#"
    Student,ID,SIS User ID,SIS Login ID,Section,Sockets
    Points Possible,,,,,30
    "'=1+1, ""x""�<b>",,,"'=1+1, ""x""�<b>",,0
    ana,,,ana,,0
    "#);
    let report = fs::read_to_string(Path::new(reports).join("=1+1, \"x\"\u{FFFD}<b>.md")).unwrap();
    insta::assert_snapshot!(report, @r#"
    # \=1\+1\, \"x\"�\<b\>

    0 de 1 superados: 0 de 30 puntos (0,0 %).

    Sin empezar: 02_02_1_eco.
    "#);
    order(&[&folders[1], "--gradescope", gradescope]);
    insta::assert_snapshot!(fs::read_to_string(gradescope).unwrap(), @r#"
    {
      "score": 0,
      "tests": [
        {
          "name": "02_02_1_eco: Eco",
          "score": 0,
          "max_score": 30,
          "status": "failed",
          "output": "sin empezar.",
          "output_format": "text"
        }
      ]
    }
    "#);
}

#[test]
fn calificar_de_nuevo_a_una_persona_no_borra_a_las_demás() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    let path = |name: &str| house.path().join(name).to_str().unwrap().to_owned();
    let order = |names: &[&str]| {
        let mut command = curso(course.path());
        command.arg("clase").args(names.iter().map(|name| path(name)));
        command.args(["--csv", &path("notas.csv"), "--moodle", &path("moodle.csv")]);
        let output = command.env("CARGO_TARGET_DIR", path("target")).assert().success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let rows = || {
        let table = fs::read_to_string(path("notas.csv")).unwrap();
        let rows = table.lines().skip(1).map(|row| row.split(',').take(7).collect::<Vec<_>>());
        rows.map(|row| row.join(",")).collect::<Vec<_>>()
    };
    order(&["ana", "beto", "eva"]);
    // Beto entregó tarde.
    fs::create_dir_all(path("beto/exercises/02_02_1_eco")).unwrap();
    fs::write(path("beto/exercises/02_02_1_eco/ejercicio.rs"), STARTER).unwrap();
    let said = order(&["beto"]);
    let missing = |name: &str| format!("{name},0,0,40,0.0,falta,falta");
    let late = "beto,0,0,40,0.0,sin empezar,falta".to_owned();
    assert_eq!(rows(), [missing("ana"), late.clone(), missing("eva")]);
    // Lo que se dice y lo que se exporta es de quien se nombró.
    assert!(said.contains("Sin empezar ninguno: beto.") && !said.contains("ana"), "{said}");
    let moodle = fs::read_to_string(path("moodle.csv")).unwrap();
    assert!(moodle.contains("\nbeto,") && !moodle.contains("ana"), "{moodle}");
    order(&["zoe", "ana"]);
    assert_eq!(rows(), [missing("ana"), late, missing("eva"), missing("zoe")]);
}

/// Un `gh` que contesta como el de verdad y apunta lo que se le pide. A `ana` y `beto`, con lo que
/// publicaron; a otros, con lo que les falló; a los demás, que no hay nada.
const GH: &str = r#"#!/bin/sh
echo "$*" >> "$0.llamadas"
una='[{"databaseId":7,"headSha":"abc","createdAt":"2026-11-28T10:00:00Z"}]'
falla() { echo "$1" >&2; exit "${2:-1}"; }
for carpeta; do :; done
[ -z "$SIN_ENTRAR" ] || falla "To get started with GitHub CLI, please run:  gh auth login" 4
case "$*" in
    *"run list --repo aula/sockets-beto "*)
        [ -z "$LIMITE" ] || falla "HTTP 403: API rate limit exceeded for user ID 1. (https://api.github.com/)"
        echo "$una" ;;
    *"run list --repo aula/sockets-borrado "*)
        falla "HTTP 404: workflow calificar.yml not found on the default branch (https://api.github.com/)" ;;
    *"run list --repo aula/sockets-cortado "*"--status success"*) echo '[]' ;;
    *"run list --repo aula/sockets-ana "*"--status success"*) echo "$una" ;;
    *"run list --repo aula/sockets-c"*) echo "$una" ;;
    *"run list"*) echo '[]' ;;
    *"run download 7 --repo aula/sockets-caducado --name resultado --dir "*)
        falla "no valid artifacts found to download" ;;
    *"run download 7 --repo aula/sockets-confuso --name resultado --dir "*)
        echo "hola" > "$carpeta/puntos.json" ;;
    *"run download 7 --repo aula/sockets-"*" --name resultado --dir "*)
        echo "$PUNTOS" > "$carpeta/puntos.json" ;;
    *) falla "no te entiendo: $*" ;;
esac
"#;

/// La orden que reúne lo de esos repositorios, con ese `gh`, en `notas.csv`.
fn collect(course: &Path, house: &Path, names: &[&str]) -> Command {
    use std::os::unix::fs::PermissionsExt;
    let gh = house.join("gh");
    if !gh.exists() {
        fs::write(&gh, GH).unwrap();
        fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = curso(course);
    command.args(["clase", "--desde-ci"]);
    command.args(names.iter().map(|name| format!("aula/sockets-{name}")));
    command.arg("--csv").arg(house.join("notas.csv"));
    command.env("CARGO_TARGET_DIR", house.join("target"));
    command.env("PATH", format!("{}:/usr/bin:/bin", house.display()));
    command.env("PUNTOS", r#"{"exercises":[{"id":"02_02_1_eco","passed":true,"compiles":true,"tests":[{"name":"una","passed":true}]}]}"#);
    command
}

/// Lo que se le pidió a `gh` desde la última vez que se miró, sin las opciones.
fn asked(house: &Path) -> Vec<String> {
    let file = house.join("gh.llamadas");
    let calls = fs::read_to_string(&file).unwrap_or_default();
    fs::write(file, "").unwrap();
    let short = |call: &str| {
        let words: Vec<_> = call.split_whitespace().collect();
        let repository = words.iter().find_map(|word| word.strip_prefix("aula/sockets-"));
        format!("{} {}", words[1], repository.unwrap_or_default())
    };
    calls.lines().map(short).collect()
}

#[test]
fn un_repositorio_que_falla_no_detiene_a_los_demás_ni_recibe_un_cero() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    let path = |name: &str| house.path().join(name).to_str().unwrap().to_owned();
    let names = ["borrado", "ana", "caducado", "cortado", "confuso", "eva"];
    let output = collect(course.path(), house.path(), &names)
        .args(["--moodle", &path("moodle.csv")])
        .assert()
        .success()
        .get_output()
        .clone();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    aula/sockets-borrado   ? ?  no se sabe: no se pueden ver sus ejecuciones: gh dice «HTTP 404: workflow calificar.yml not found on the default branch (https://api.github.com/)»
    aula/sockets-ana       ✓ -  1 de 2, 20 de 40 puntos (50,0 %)
    aula/sockets-caducado  ? ?  no se sabe: no se puede descargar lo que publicó: gh dice «no valid artifacts found to download»
    aula/sockets-cortado   ? ?  no se sabe: ninguna ejecución de calificar.yml ha terminado bien todavía
    aula/sockets-confuso   ? ?  no se sabe: lo que publicó no trae un puntos.json que se entienda
    aula/sockets-eva       - -  0 de 2, 0 de 40 puntos (0,0 %)

    Lo publicó la integración continua de cada cual, que puede cambiarlo: orienta, y no es una nota.

    Columnas: 02_02_1_eco, 02_03_1_enviar.
    ✓ superado   ✗ falla   c no compila   ! no termina, o agota tiempo, memoria, procesos o disco   · sin empezar   - falta   ? no se sabe

    No se sabe de: aula/sockets-borrado, aula/sockets-caducado, aula/sockets-cortado, aula/sockets-confuso.
    Cuando se arregle, pide solo esos: con el mismo --csv, las demás filas se quedan.

    Sin entregar: aula/sockets-eva.
    ");
    let table = fs::read_to_string(path("notas.csv")).unwrap();
    let rows = table.lines().skip(1).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(rows, @"
    aula/sockets-borrado,,,40,,no se sabe,no se sabe,,,,,,,su CI: no se pueden ver sus ejecuciones: gh dice «HTTP 404: workflow calificar.yml not found on the default branch (https://api.github.com/)»,
    aula/sockets-ana,1,20,40,50.0,superado,falta,20,0,,,2026-11-28T10:00:00Z,abc,su CI,
    aula/sockets-caducado,,,40,,no se sabe,no se sabe,,,,,,,su CI: no se puede descargar lo que publicó: gh dice «no valid artifacts found to download»,
    aula/sockets-cortado,,,40,,no se sabe,no se sabe,,,,,,,su CI: ninguna ejecución de calificar.yml ha terminado bien todavía,
    aula/sockets-confuso,,,40,,no se sabe,no se sabe,,,,,,,su CI: lo que publicó no trae un puntos.json que se entienda,
    aula/sockets-eva,0,0,40,0.0,falta,falta,0,0,,,,,su CI,
    ");
    let moodle = fs::read_to_string(path("moodle.csv")).unwrap();
    let graded: Vec<_> = moodle.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(graded, ["aula/sockets-ana", "aula/sockets-eva"]);
}

#[test]
fn lo_reunido_antes_de_interrumpirse_no_se_vuelve_a_pedir() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    let names = ["ana", "borrado", "beto", "eva"];
    let order = || collect(course.path(), house.path(), &names);
    let output = order().env("LIMITE", "1").assert().failure().get_output().clone();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("GitHub no admite más peticiones por ahora"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert_eq!(asked(house.path()), ["list ana", "download ana", "list borrado", "list beto"]);
    // Sigue donde se quedó: de quien no se sabía, se pregunta otra vez.
    let output = order().assert().success().get_output().clone();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("sockets-ana      ✓ -") && said.contains("sockets-beto     ✓ -"),
        "{said}"
    );
    assert!(said.contains("sin volver a pedirlas: 1."), "{said}");
    let rest = ["list borrado", "list beto", "download beto", "list eva", "list eva"];
    assert_eq!(asked(house.path()), rest);
    let table = fs::read_to_string(house.path().join("notas.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + names.len(), "{table}");
    // Como terminó, ahora se pregunta de nuevo; y a quien no se nombra, no se le borra.
    collect(course.path(), house.path(), &["ana"]).assert().success();
    assert_eq!(asked(house.path()), ["list ana", "download ana"]);
    assert_eq!(fs::read_to_string(house.path().join("notas.csv")).unwrap(), table);
}

#[test]
fn sin_gh_o_sin_entrar_en_github_no_se_pregunta_por_nadie() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    let order = || collect(course.path(), house.path(), &["ana", "beto"]);
    let complains = |mut command: Command, why: &str| {
        let output = command.assert().failure().get_output().clone();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(why) && complaint.lines().count() == 1, "{complaint}");
        assert!(output.stdout.is_empty());
    };
    let mut command = order();
    command.env("SIN_ENTRAR", "1");
    complains(command, "gh no ha entrado en GitHub");
    assert_eq!(asked(house.path()), ["list ana"]);
    let mut command = order();
    command.env("PATH", house.path().join("vacía"));
    complains(command, "no se puede ejecutar gh");
}

#[test]
fn lo_que_publicó_cada_integración_continua_se_reúne_y_se_dice_de_dónde_viene() {
    let course = small_course();
    let house = TempDir::new().unwrap();
    // Los puntos que dice no cuentan: se suman aquí, con este plan.
    let points = r#"{"points":9000,"exercises":[{"id":"02_02_1_eco","passed":true,"compiles":true,
        "points":9000,"tests":[{"name":"una","passed":true},{"name":"otra","passed":true}]},
        {"id":"02_03_1_enviar","passed":true,"compiles":true,
        "tests":[{"name":"una","passed":true},{"name":"otra\\nana ✓","passed":false}]}]}"#;
    let output = collect(course.path(), house.path(), &["ana", "eva"])
        .env("PUNTOS", points)
        .assert()
        .success()
        .get_output()
        .clone();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    aula/sockets-ana  ✓ ✗  1 de 2, 30 de 40 puntos (75,0 %)
    aula/sockets-eva  - -  0 de 2, 0 de 40 puntos (0,0 %)

    Lo publicó la integración continua de cada cual, que puede cambiarlo: orienta, y no es una nota.

    Columnas: 02_02_1_eco, 02_03_1_enviar.
    ✓ superado   ✗ falla   c no compila   ! no termina, o agota tiempo, memoria, procesos o disco   · sin empezar   - falta

    Sin entregar: aula/sockets-eva.

    Qué explicar mañana:
        1 de 1  02_03_1_enviar · otra�ana ✓ (aula/sockets-ana)
    ");
    let table = fs::read_to_string(house.path().join("notas.csv")).unwrap();
    assert!(table.contains(",2026-11-28T10:00:00Z,abc,su CI,\n"), "{table}");
}
