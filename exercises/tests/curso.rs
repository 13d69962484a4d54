//! `cargo curso` desde fuera: el programa de verdad, sobre una copia de los ejercicios.

#![expect(clippy::unwrap_used, reason = "también lo que ayuda a las pruebas es parte de ellas")]

mod small_course;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use harness::{Failure, Program, Signal, Stream, tools};
use tempfile::TempDir;

use small_course::{STARTER, curso, small_course};

/// Lo que escribe en la salida, si termina bien.
fn says(folder: &Path, words: &[&str]) -> String {
    let output = curso(folder).args(words).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

/// Lo que escribe en la salida de errores, si termina con ese código.
fn complains(folder: &Path, words: &[&str], code: i32) -> String {
    let output = curso(folder).args(words).assert().code(code).get_output().stderr.clone();
    String::from_utf8(output).unwrap()
}

#[test]
fn sin_orden_dice_dónde_estás_y_qué_sigue() {
    let course = small_course();
    insta::assert_snapshot!(says(course.path(), &[]), @r"
    Multiplexación de sockets: los ejercicios

      02_02  ░░░░░░░░░░░░  0 de 1
      02_03  ░░░░░░░░░░░░  0 de 1

    Sigue 02_02_1_eco: Eco (unos 20 minutos).

      Lee el enunciado: cargo curso siguiente
      Edita:            exercises/02_02_1_eco/ejercicio.rs
      Compruébalo:      cargo curso probar
      O al guardar:     cargo curso vigilar
      Si te atascas:    cargo curso pista
    ");
}

#[test]
fn lo_superado_cuenta_y_sigue_el_próximo() {
    let course = small_course();
    fs::write(course.path().join(".progreso"), "02_02_1_eco superado\n").unwrap();
    let text = says(course.path(), &[]);
    assert!(text.contains("02_02  ████████████  1 de 1"), "{text}");
    assert!(text.contains("Sigue 02_03_1_enviar"), "{text}");
    insta::assert_snapshot!(says(course.path(), &["lista"]), @r"
    ✓ 02_02_1_eco     Eco (20 min)
    · 02_03_1_enviar  Enviar (20 min)
    ");
    fs::write(course.path().join(".progreso"), "02_02_1_eco superado\n02_03_1_enviar superado\n")
        .unwrap();
    assert!(says(course.path(), &[]).contains("los has hecho todos"));
    assert!(complains(course.path(), &["pista"], 1).contains("no falta ningún ejercicio"));
}

#[test]
fn las_pistas_van_de_una_en_una() {
    let course = small_course();
    for (number, hint) in [(1, "Uno."), (2, "Dos."), (3, "Tres."), (3, "Tres.")] {
        let text = says(course.path(), &["pista"]);
        assert!(text.contains(&format!("pista {number} de 3")), "{text}");
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn la_solución_se_gana_o_se_pide_rindiéndose() {
    let course = small_course();
    let text = complains(course.path(), &["solucion", "eco"], 1);
    assert!(text.contains("no está superado"), "{text}");
    assert!(complains(course.path(), &["comparar", "eco"], 1).contains("no está superado"));
    assert_eq!(says(course.path(), &["solucion", "eco", "--rendirse"]), "lo suyo\n");
    assert!(says(course.path(), &["lista"]).contains("con la solución vista"));
}

#[test]
fn comparar_enseña_las_dos() {
    let course = small_course();
    fs::write(course.path().join(".progreso"), "02_02_1_eco superado\n").unwrap();
    insta::assert_snapshot!(says(course.path(), &["comparar", "eco"]), @r"
    - lo tuyo  + la solución

    - lo mío
    + lo suyo
    ");
}

#[test]
fn comparar_lo_que_es_igual_lo_dice() {
    let course = small_course();
    fs::write(course.path().join(".progreso"), "02_02_1_eco superado\n").unwrap();
    fs::write(course.path().join("02_02_1_eco/ejercicio.rs"), "lo suyo\n").unwrap();
    assert_eq!(says(course.path(), &["comparar", "eco"]), "Lo tuyo y la solución son iguales.\n");
}

#[test]
fn reiniciar_guarda_una_copia() {
    let course = small_course();
    fs::write(course.path().join(".progreso"), "02_02_1_eco superado\n").unwrap();
    let text = says(course.path(), &["reiniciar", "eco"]);
    assert!(text.contains("está como al principio"), "{text}");
    let read = |name: &str| fs::read_to_string(course.path().join(name)).unwrap();
    assert_eq!(read("02_02_1_eco/ejercicio.rs"), STARTER);
    assert_eq!(read(".copias/02_02_1_eco.1.rs"), "lo mío\n");
    assert!(!read(".progreso").contains("02_02_1_eco"));
    assert!(says(course.path(), &["reiniciar", "eco"]).contains("ya estaba"));
}

#[test]
fn lo_que_se_escribe_mal_se_explica_en_una_línea() {
    let course = small_course();
    let wrong: [(&[&str], i32); 11] = [
        (&["prober"], 2),
        (&["probar", "--zzz"], 2),
        (&["solucion"], 2),
        (&["verificar", "--veces", "cero"], 2),
        (&["evaluar", "02_02", "--etapa", "dos"], 2),
        (&["probar", "nada"], 1),
        (&["pista", "ecoo"], 1),
        (&["pista", "02_03_1_embiar"], 1),
        (&["reiniciar", "02_0"], 1),
        (&["nuevo", "Eco"], 1),
        (&["evaluar", "02_09"], 1),
    ];
    let lines: Vec<_> =
        wrong.iter().map(|(words, code)| complains(course.path(), words, *code)).collect();
    insta::assert_snapshot!(lines.concat(), @r"
    curso: no existe la orden «prober»; ¿querías decir «probar»? Prueba con --help.
    curso: no existe la opción «--zzz». Prueba con --help.
    curso: falta <ID>. Prueba con --help.
    curso: «cero» no sirve para «--veces <N>»: debe ser un número de 1 a 100000. Prueba con --help.
    curso: «dos» no sirve para «--etapa <N>»: debe ser un número de 1 a 100000. Prueba con --help.
    curso: no hay ningún ejercicio «nada». Qué probar: míralos con «cargo curso lista».
    curso: no hay ningún ejercicio «ecoo». Qué probar: 02_02_1_eco, que se parece, o míralos con «cargo curso lista».
    curso: no hay ningún ejercicio «02_03_1_embiar». Qué probar: 02_03_1_enviar, que se parece, o míralos con «cargo curso lista».
    curso: «02_0» puede ser 02_02_1_eco, 02_03_1_enviar. Qué probar: escribe algo más del nombre.
    curso: «Eco» no sirve como id. Qué probar: escribe lección, número y nombre en minúsculas y sin acentos: 02_03_9_mi_ejercicio.
    curso: no hay etapas para la lección «02_09». Qué probar: las hay para 02_02, 02_03 y 02_04.
    ");
}

#[test]
fn vigilar_pide_una_terminal() {
    let course = small_course();
    assert!(complains(course.path(), &["vigilar"], 1).contains("necesita una terminal"));
}

/// Lo que se espera, como mucho, a que la herramienta reaccione.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn vigilar_se_deja_aunque_no_termine_de_compilar_y_la_terminal_queda_como_estaba()
-> Result<(), Failure> {
    for (end, signal) in [("q", None), ("\x03", None), ("", Some(Signal::SIGTERM))] {
        let course = small_course();
        let path = |name: &str| course.path().join(name);
        // Un cargo que no acaba nunca, y que dice qué proceso es.
        script(&path("cargo"), "#!/bin/sh\necho $$ > \"${0%/*}/pid\"; exec sleep 600\n");
        let script = "stty -g; \"$@\"; echo \"salió con $?\"; stty -g; echo fin; read _";
        let shell = Program::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_curso"), "vigilar"])
            .env("CURSO_CARPETA", course.path())
            .env("CARGO", path("cargo"))
            .on_terminal(80, 24)
            .spawn()?;
        shell.wait_for_text(Stream::Stdout, "comprobando…", LIMIT)?;
        let cargo = || fs::read_to_string(path("pid")).unwrap_or_default().trim().to_owned();
        shell.eventually("cargo empezara", LIMIT, || !cargo().is_empty())?;
        shell.wait_for_text(Stream::Stdout, "comprobando… 1 s", LIMIT)?;
        shell.write_stdin(end);
        if let Some(signal) = signal {
            shell.signal_child(signal)?;
        }
        shell.wait_for_line(Stream::Stdout, "fin", LIMIT)?;
        let output = shell.stdout();
        let lines: Vec<_> = output.lines().collect();
        assert!(output.contains("salió con 0"), "{output}");
        assert_eq!(lines[0], lines[lines.len() - 2], "{output}");
        let is_running = || Path::new("/proc").join(cargo()).exists();
        shell.eventually("cargo terminara", LIMIT, || !is_running())?;
    }
    Ok(())
}

/// Escribe un programa de la shell que se puede ejecutar. Lo hace otro proceso: si lo que arrancan
/// las demás pruebas heredara un archivo a medio escribir, no se podría ejecutar (ETXTBSY,
/// execve(2)).
fn script(path: &Path, text: &str) {
    let mut write = std::process::Command::new("sh");
    write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""]);
    assert!(write.arg(path).arg(text).status().unwrap().success());
}

#[test]
fn lo_que_apunta_otra_terminal_no_lo_borra_quien_vigila() -> Result<(), Failure> {
    let course = small_course();
    let path = |name: &str| course.path().join(name);
    script(&path("cargo"), "#!/bin/sh\nexit 1\n");
    let watch = Program::new(env!("CARGO_BIN_EXE_curso"))
        .args(["vigilar", "eco"])
        .env("CURSO_CARPETA", course.path())
        .env("CARGO", path("cargo"))
        .on_terminal(80, 24)
        .spawn()?;
    watch.wait_for_text(Stream::Stdout, "Guárdalo y se comprobará", LIMIT)?;
    // Mientras tanto, en otra terminal.
    says(course.path(), &["solucion", "enviar", "--rendirse"]);
    says(course.path(), &["pista", "eco"]);
    watch.write_stdin("p");
    watch.wait_for_text(Stream::Stdout, "pista 2 de 3", LIMIT)?;
    watch.write_stdin("q");
    watch.wait(LIMIT)?;
    let noted = fs::read_to_string(path(".progreso"))?;
    assert!(noted.contains("02_02_1_eco pistas=2\n"), "{noted}");
    assert!(noted.contains("02_03_1_enviar rendido\n"), "{noted}");
    Ok(())
}

#[test]
fn vigilar_enseña_el_enunciado_y_se_ve_que_ha_vuelto_a_comprobar() -> Result<(), Failure> {
    let course = small_course();
    let path = |name: &str| course.path().join(name);
    script(&path("cargo"), "#!/bin/sh\nexit 1\n");
    let watch = Program::new(env!("CARGO_BIN_EXE_curso"))
        .arg("vigilar")
        .env("CURSO_CARPETA", course.path())
        .env("CARGO", path("cargo"))
        .on_terminal(80, 24)
        .spawn()?;
    for (key, shown) in [
        ("", "Comprobación 1, en "),
        ("r", "Comprobación 2, en "),
        ("e", "Haz algo."),
        ("x", "Guárdalo y se comprobará"),
        ("r", "Comprobación 3, en "),
    ] {
        watch.write_stdin(key);
        watch.wait_for_text(Stream::Stdout, shown, LIMIT)?;
    }
    watch.write_stdin("q");
    watch.wait(LIMIT)?;
    Ok(())
}

#[test]
fn el_enunciado_de_cualquiera_se_lee_en_la_terminal() -> Result<(), Failure> {
    let course = small_course();
    let statement = "# Enviar\n\nLección 02_03 · unos 20 minutos\n\nPrimero **esto**, que no cabe en una \
                     línea, y después:\n\n- `una` cosa;\n- otra.\n";
    fs::write(course.path().join("02_03_1_enviar/enunciado.md"), statement)?;
    let shown = Program::new(env!("CARGO_BIN_EXE_curso"))
        .args(["enunciado", "enviar"])
        .env("CURSO_CARPETA", course.path())
        .env("NO_COLOR", "1")
        .on_terminal(40, 24)
        .run_to_end("", LIMIT)?;
    insta::assert_snapshot!(shown.stdout.replace('\r', ""), @r"
    Enviar

    Lección 02_03 · unos 20 minutos

    Primero esto, que no cabe en una línea,
    y después:

    • `una` cosa;
    • otra.

      Edita:            exercises/02_03_1_enviar/ejercicio.rs
      Compruébalo:      cargo curso probar 02_03_1_enviar
      O al guardar:     cargo curso vigilar 02_03_1_enviar
      Si te atascas:    cargo curso pista 02_03_1_enviar
    ");
    Ok(())
}

/// Lo que dice cargo de una prueba que ya está compilada, y es `executable`.
fn artifact(id: &str, executable: &Path) -> String {
    let executable = executable.display();
    format!(
        r#"{{"reason":"compiler-artifact","package_id":"ejercicios","target":{{"name":"{id}"}},"executable":"{executable}","filenames":[]}}"#
    )
}

/// Un cargo que ya tiene compilados los dos ejercicios, con una prueba que pasa si está el archivo
/// `pasa`.
fn cargo_that_built_what_passes(course: &Path) {
    // Lee la clave por su entrada, que es el socket por el que responde.
    let judge = r#"#!/bin/sh
IFS= read -r key
said() { printf '{"key":"%s","said":%s}\n' "$key" "$1" >&0; }
said '{"record":"plan","tests":["va_bien"]}'
[ -e "${0%/*}/pasa" ] && ending=passed || ending=failed
said '{"record":"verdict","name":"va_bien","ending":"'$ending'"}'
said '{"record":"end"}'
"#;
    script(&course.join("juez"), judge);
    let judge = course.join("juez");
    let [eco, send] = ["02_02_1_eco", "02_03_1_enviar"].map(|id| artifact(id, &judge));
    script(&course.join("cargo"), &format!("#!/bin/sh\nprintf '%s\\n' '{eco}' '{send}'\n"));
}

#[test]
fn lo_superado_en_otra_terminal_mientras_se_vigila_no_se_pierde() -> Result<(), Failure> {
    let course = small_course();
    let path = |name: &str| course.path().join(name);
    cargo_that_built_what_passes(course.path());
    let watch = Program::new(env!("CARGO_BIN_EXE_curso"))
        .args(["vigilar", "enviar"])
        .env("CURSO_CARPETA", course.path())
        .env("CARGO", path("cargo"))
        .on_terminal(80, 24)
        .spawn()?;
    watch.wait_for_text(Stream::Stdout, "Comprobación 1, en ", LIMIT)?;
    fs::write(path("pasa"), "")?;
    let mut check = curso(course.path());
    check.args(["probar", "eco"]).env("CARGO", path("cargo")).assert().success();
    fs::write(path("02_03_1_enviar/ejercicio.rs"), "lo mío, mejor\n")?;
    watch.wait_for_text(Stream::Stdout, "Comprobación 2, en ", LIMIT)?;
    watch.write_stdin("q");
    watch.wait(LIMIT)?;
    let noted = fs::read_to_string(path(".progreso"))?;
    assert!(noted.contains("02_02_1_eco superado\n02_03_1_enviar superado\n"), "{noted}");
    Ok(())
}

#[test]
fn al_pasar_al_siguiente_vigilar_empieza_por_su_enunciado() -> Result<(), Failure> {
    let course = small_course();
    cargo_that_built_what_passes(course.path());
    fs::write(course.path().join("pasa"), "")?;
    let watch = Program::new(env!("CARGO_BIN_EXE_curso"))
        .arg("vigilar")
        .env("CURSO_CARPETA", course.path())
        .env("CARGO", course.path().join("cargo"))
        .on_terminal(80, 24)
        .spawn()?;
    watch.wait_for_text(Stream::Stdout, "s el siguiente", LIMIT)?;
    watch.write_stdin("s");
    for shown in ["Lección 02_03", "Otra tecla enseña el resultado"] {
        watch.wait_for_text(Stream::Stdout, shown, LIMIT)?;
    }
    watch.write_stdin("x");
    watch.wait_for_text(Stream::Stdout, "No queda ninguno", LIMIT)?;
    watch.write_stdin("q");
    watch.wait(LIMIT)?;
    Ok(())
}

#[test]
fn muchos_a_la_vez_lo_apuntan_todo() {
    const AT_ONCE: usize = 12;
    let course = small_course();
    for number in 2..2 + AT_ONCE {
        let (from, to) = (course.path().join("02_02_1_eco"), format!("02_02_{number}_otro"));
        let to = course.path().join(to);
        fs::create_dir(&to).unwrap();
        for file in ["enunciado.md", "pistas.md"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
    std::thread::scope(|scope| {
        for number in 2..2 + AT_ONCE {
            let course = course.path();
            scope.spawn(move || says(course, &["pista", &format!("02_02_{number}_otro")]));
        }
    });
    let noted = fs::read_to_string(course.path().join(".progreso")).unwrap();
    assert_eq!(noted.matches("pistas=1\n").count(), AT_ONCE, "{noted}");
}

#[test]
fn unos_apuntes_que_no_se_pueden_leer_no_se_borran() {
    let course = small_course();
    fs::create_dir(course.path().join(".progreso")).unwrap();
    let text = complains(course.path(), &["pista"], 1);
    assert!(text.contains("no se puede leer"), "{text}");
}

#[test]
fn lo_que_apuntó_una_versión_posterior_se_conserva() {
    let course = small_course();
    let file = course.path().join(".progreso");
    fs::write(&file, "02_02_1_eco intentos=7\n02_09_1_nuevo superado\n").unwrap();
    says(course.path(), &["pista", "eco"]);
    let noted = fs::read_to_string(&file).unwrap();
    assert!(noted.contains("02_02_1_eco pistas=1 intentos=7\n02_09_1_nuevo superado\n"), "{noted}");
}

/// Un cargo para el que `eco` no compila, y que señala las pruebas.
fn cargo_that_blames_the_tests(path: &Path) {
    let rendered = "error[E0432]: unresolved import\\n --> exercises/02_02_1_eco/pruebas.rs:9:5\\n";
    let message = format!(
        r#"{{"reason":"compiler-message","target":{{"name":"02_02_1_eco"}},"message":{{"level":"error","rendered":"{rendered}","spans":[{{}}]}}}}"#
    );
    script(path, &format!("#!/bin/sh\nprintf '%s\\n' '{message}'\nexit 101\n"));
}

/// Lo que dice `probar` de `eco`, sin compilar nada.
fn refused(course: &Path) -> String {
    let cargo = course.join("cargo");
    cargo_that_blames_the_tests(&cargo);
    let mut command = curso(course);
    let output = command.args(["probar", "eco"]).env("CARGO", cargo).assert().code(1);
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

#[test]
fn a_quien_cambia_el_nombre_de_una_función_se_le_dice_cuál_se_espera() {
    let course = small_course();
    let eco = |name: &str| course.path().join("02_02_1_eco").join(name);
    fs::remove_file(eco("solucion.rs")).unwrap();
    fs::write(eco("inicio.rs"), "pub fn echo(stream: u8) -> u8 {\n    todo!()\n}\n").unwrap();
    fs::write(eco("ejercicio.rs"), "pub fn eco(stream: u8) -> u8 {\n    stream\n}\n").unwrap();
    let text = refused(course.path());
    let expected = "Las pruebas usan `pub fn echo(stream: u8) -> u8`, y en tu archivo no está así";
    assert!(text.contains(expected), "{text}");
    // Con el nombre y lo demás en su sitio, la culpa no es de las pruebas.
    fs::write(eco("ejercicio.rs"), "pub fn echo(mut stream: u8) -> u8 { stream }\n").unwrap();
    let text = refused(course.path());
    assert!(!text.contains("Las pruebas usan"), "{text}");
    assert!(text.contains("El compilador señala un archivo que no se toca"), "{text}");
}

#[test]
fn en_una_copia_repartida_se_sabe_qué_archivo_se_tocó_sin_deber() {
    let course = small_course();
    let path = |name: &str| course.path().join(name);
    fs::create_dir_all(path(".originales/02_02_1_eco")).unwrap();
    for (file, text) in [
        (".originales/02_02_1_eco/pruebas.rs", "las del curso\n"),
        (".originales/02_02_1_eco/selectors.rs", "lo dado\n"),
        ("02_02_1_eco/pruebas.rs", "las del curso, cambiadas\n"),
        ("02_02_1_eco/selectors.rs", "lo dado\n"),
    ] {
        fs::write(path(file), text).unwrap();
    }
    let text = refused(course.path());
    let order = "cp exercises/.originales/02_02_1_eco/pruebas.rs exercises/02_02_1_eco/pruebas.rs";
    assert!(text.contains(order), "{text}");
    assert!(!text.contains("selectors"), "{text}");
    fs::write(path("02_02_1_eco/pruebas.rs"), "las del curso\n").unwrap();
    assert!(!refused(course.path()).contains("no se toca. Para"));
}

/// Ejecuta git en una carpeta, como alguien que no ha configurado nada.
fn git(folder: &Path, words: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=Ana", "-c", "user.email=ana@aula"]);
    let output = command.args(words).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {output:?}");
}

#[test]
fn en_un_repositorio_se_sabe_qué_archivo_se_tocó_aunque_ya_se_haya_apuntado() {
    assert!(
        tools::installed("git"),
        "Esta prueba necesita git: instálalo con «apt-get install git»."
    );
    let house = TempDir::new().unwrap();
    let path = |name: &str| house.path().join(name);
    fs::rename(small_course().keep(), path("exercises")).unwrap();
    let tests = path("exercises/02_02_1_eco/pruebas.rs");
    fs::write(&tests, "las del curso\n").unwrap();
    git(house.path(), &["init", "-q", "-b", "main"]);
    git(house.path(), &["add", "exercises"]);
    git(house.path(), &["commit", "-q", "-m", "El curso"]);
    git(house.path(), &["branch", "publicado"]);
    git(house.path(), &["branch", "-q", "--set-upstream-to=publicado"]);
    assert!(!refused(&path("exercises")).contains("no se toca. Para"));
    fs::write(&tests, "cambiadas\n").unwrap();
    git(house.path(), &["commit", "-qam", "Lo que dice rustc"]);
    fs::write(path("exercises/02_02_1_eco/ejercicio.rs"), "lo mío, más\n").unwrap();
    let text = refused(&path("exercises"));
    assert!(text.contains("exercises/02_02_1_eco/pruebas.rs no es como en el curso"), "{text}");
    assert!(text.contains("git checkout "), "{text}");
    assert!(!text.contains("ejercicio.rs no es"), "{text}");
}

/// Un curso publicado en `curso.git`, y la copia de Ana, en `ana`: con git, como de costumbre.
fn published_and_cloned() -> TempDir {
    assert!(
        tools::installed("git"),
        "Esta prueba necesita git: instálalo con «apt-get install git»."
    );
    let house = TempDir::new().unwrap();
    let path = |name: &str| house.path().join(name);
    fs::create_dir(path("casa")).unwrap();
    fs::rename(small_course().keep(), path("casa/exercises")).unwrap();
    for id in ["02_02_1_eco", "02_03_1_enviar"] {
        let exercise = path("casa/exercises").join(id);
        fs::remove_file(exercise.join("solucion.rs")).unwrap();
        fs::write(exercise.join("inicio.rs"), "principio\n").unwrap();
        fs::write(exercise.join("ejercicio.rs"), "principio\n").unwrap();
    }
    fs::write(path("casa/exercises/.gitignore"), "/.progreso*\n/.copias/\n").unwrap();
    fs::write(path("casa/README.md"), "El curso.\n").unwrap();
    git(house.path(), &["init", "-q", "-b", "main", "casa"]);
    git(&path("casa"), &["add", "."]);
    git(&path("casa"), &["commit", "-q", "-m", "El curso"]);
    git(house.path(), &["clone", "-q", "--bare", "casa", "curso.git"]);
    git(&path("casa"), &["remote", "add", "origin", path("curso.git").to_str().unwrap()]);
    git(house.path(), &["clone", "-q", "curso.git", "ana"]);
    house
}

/// El curso publica otra versión: cambia el principio de `eco`, y lo demás que se diga.
fn publish(house: &Path, more: &[(&str, &str)]) {
    let casa = house.join("casa");
    let eco = "exercises/02_02_1_eco";
    let names = ["inicio.rs", "ejercicio.rs"].map(|name| format!("{eco}/{name}"));
    let own = names.iter().map(|name| (name.as_str(), "otro principio\n"));
    for (name, text) in own.chain(more.iter().copied()) {
        fs::write(casa.join(name), text).unwrap();
    }
    git(&casa, &["commit", "-qam", "Mejoras"]);
    git(&casa, &["push", "-q", "origin", "main"]);
}

#[test]
fn actualizar_trae_lo_nuevo_y_deja_lo_escrito_y_lo_superado() {
    for committed in [false, true] {
        let house = published_and_cloned();
        let ana = house.path().join("ana");
        let file = |name: &str| ana.join(name);
        let read = |name: &str| fs::read_to_string(file(name)).unwrap();
        fs::write(file("exercises/02_02_1_eco/ejercicio.rs"), "lo de Ana\n").unwrap();
        says(&ana.join("exercises"), &["pista", "eco"]);
        for (name, value) in [("user.name", "Ana"), ("user.email", "ana@aula")] {
            git(&ana, &["config", name, value]);
        }
        if committed {
            git(&ana, &["commit", "-qam", "El eco"]);
        }
        publish(house.path(), &[("README.md", "El curso, mejor.\n")]);
        let text = says(&ana.join("exercises"), &["actualizar"]);
        assert!(text.contains("Lo tuyo sigue como estaba en 02_02_1_eco."), "{text}");
        assert!(text.contains("El principio de 02_02_1_eco es otro."), "{text}");
        assert_eq!(read("README.md"), "El curso, mejor.\n");
        assert_eq!(read("exercises/02_02_1_eco/ejercicio.rs"), "lo de Ana\n");
        assert_eq!(read("exercises/02_02_1_eco/inicio.rs"), "otro principio\n");
        assert!(read("exercises/.progreso").contains("02_02_1_eco pistas=1"));
        assert!(fs::read_dir(file("exercises/.copias")).unwrap().next().is_none());
        assert_eq!(says(&ana.join("exercises"), &["actualizar"]), "Ya tienes lo último.\n");
    }
}

/// El curso se publica como esté en la casa.
fn publish_all(house: &Path) {
    let casa = house.join("casa");
    git(&casa, &["add", "--all"]);
    git(&casa, &["commit", "-qm", "Otra versión"]);
    git(&casa, &["push", "-q", "origin", "main"]);
}

/// Lo que Ana escribe en los dos ejercicios; si hace falta, también en su historia.
fn ana_writes_both(ana: &Path, committed: bool, eco: &str) {
    for (name, value) in [("user.name", "Ana"), ("user.email", "ana@aula")] {
        git(ana, &["config", name, value]);
    }
    fs::write(ana.join("exercises/02_02_1_eco/ejercicio.rs"), eco).unwrap();
    fs::write(ana.join("exercises/02_03_1_enviar/ejercicio.rs"), "el enviar de Ana\n").unwrap();
    if committed {
        git(ana, &["commit", "-qam", "Los dos"]);
    }
}

#[test]
fn actualizar_devuelve_lo_demás_aunque_el_curso_ya_no_tenga_un_ejercicio() {
    let long = "uno\ndos\ntres\ncuatro\ncinco\n";
    let other = long.replace("tres", "otro tres");
    let mine = long.replace("tres", "lo de Ana");
    // Sin «saludo», el ejercicio se va y no vuelve con otro nombre.
    let renames = [Some(long), Some(&*other), None];
    let cases = renames.into_iter().flat_map(|start| [(start, false), (start, true)]);
    for (start, committed) in cases {
        let house = published_and_cloned();
        let path = |name: &str| house.path().join(name);
        let (casa, ana) = (path("casa"), path("ana"));
        fs::write(casa.join("exercises/02_02_1_eco/ejercicio.rs"), long).unwrap();
        publish_all(house.path());
        git(&ana, &["pull", "-q"]);
        ana_writes_both(&ana, committed, &mine);
        says(&ana.join("exercises"), &["pista", "eco"]);
        if let Some(start) = start {
            git(&casa, &["mv", "exercises/02_02_1_eco", "exercises/02_02_1_saludo"]);
            fs::write(casa.join("exercises/02_02_1_saludo/ejercicio.rs"), start).unwrap();
        } else {
            fs::remove_dir_all(casa.join("exercises/02_02_1_eco")).unwrap();
        }
        publish_all(house.path());
        let text = says(&ana.join("exercises"), &["actualizar"]);
        let read = |name: &str| fs::read_to_string(ana.join(name)).unwrap();
        let (_, kept) = text.split_once("El curso ya no tiene 02_02_1_eco,").unwrap();
        let (_, copy) = kept.split_once("lo que escribiste queda en ").unwrap();
        let (copy, _) = copy.split_once(".\n").unwrap();
        assert_eq!(read(copy), mine, "{text}");
        assert!(text.contains("Lo tuyo sigue como estaba en 02_03_1_enviar.\n"), "{text}");
        assert_eq!(read("exercises/02_03_1_enviar/ejercicio.rs"), "el enviar de Ana\n");
        assert!(!ana.join("exercises/02_02_1_eco").exists());
        assert!(read("exercises/.progreso").contains("02_02_1_eco pistas=1"));
        assert_eq!(fs::read_dir(ana.join("exercises/.copias")).unwrap().count(), 1);
        let names = says(&ana.join("exercises"), &["lista"]);
        assert_eq!(names.contains("02_02_1_saludo"), start.is_some(), "{names}");
        assert_eq!(says(&ana.join("exercises"), &["actualizar"]), "Ya tienes lo último.\n");
    }
}

#[test]
fn actualizar_dice_dónde_queda_lo_que_no_pudo_devolver() {
    let house = published_and_cloned();
    let (casa, ana) = (house.path().join("casa"), house.path().join("ana"));
    ana_writes_both(&ana, false, "el eco de Ana\n");
    // En su lugar hay una carpeta: no se puede escribir, ni siendo root.
    let work = casa.join("exercises/02_02_1_eco/ejercicio.rs");
    fs::remove_file(&work).unwrap();
    fs::create_dir(&work).unwrap();
    fs::write(work.join("mod.rs"), "principio\n").unwrap();
    publish_all(house.path());
    let text = complains(&ana.join("exercises"), &["actualizar"], 1);
    assert!(text.contains("lo que escribiste en exercises/02_02_1_eco/ejercicio.rs"), "{text}");
    assert!(text.contains("que queda en exercises/.copias/02_02_1_eco.1.rs"), "{text}");
    let read = |name: &str| fs::read_to_string(ana.join("exercises").join(name)).unwrap();
    assert_eq!(read(".copias/02_02_1_eco.1.rs"), "el eco de Ana\n");
    assert_eq!(read("02_03_1_enviar/ejercicio.rs"), "el enviar de Ana\n");
}

/// El repositorio de Ana es suyo, con los archivos del curso y otra historia: así los hace una
/// plantilla.
fn from_a_template(house: &Path) {
    let ana = house.join("ana");
    fs::remove_dir_all(ana.join(".git")).unwrap();
    git(house, &["init", "-q", "-b", "main", "ana"]);
    git(house, &["init", "-q", "-b", "main", "--bare", "ana.git"]);
    git(&ana, &["add", "."]);
    git(&ana, &["commit", "-qm", "Initial commit"]);
    git(&ana, &["remote", "add", "origin", house.join("ana.git").to_str().unwrap()]);
    git(&ana, &["push", "-q", "--set-upstream", "origin", "main"]);
}

#[test]
fn actualizar_trae_lo_del_remoto_curso_a_un_repositorio_hecho_con_una_plantilla() {
    let house = published_and_cloned();
    let ana = house.path().join("ana");
    from_a_template(house.path());
    ana_writes_both(&ana, true, "el eco de Ana\n");
    git(&ana, &["push", "-q"]);
    fs::write(ana.join("exercises/02_03_1_enviar/ejercicio.rs"), "sin apuntar\n").unwrap();
    let course = house.path().join("curso.git");
    git(&ana, &["remote", "add", "curso", course.to_str().unwrap()]);
    let read = |name: &str| fs::read_to_string(ana.join(name)).unwrap();
    for readme in ["El curso, mejor.\n", "El curso, mejor aún.\n"] {
        publish(house.path(), &[("README.md", readme)]);
        let text = says(&ana.join("exercises"), &["actualizar"]);
        assert!(
            text.contains("Lo tuyo sigue como estaba en 02_02_1_eco, 02_03_1_enviar"),
            "{text}"
        );
        assert_eq!(read("README.md"), readme);
        assert_eq!(read("exercises/02_02_1_eco/inicio.rs"), "otro principio\n");
        assert_eq!(read("exercises/02_02_1_eco/ejercicio.rs"), "el eco de Ana\n");
        assert_eq!(read("exercises/02_03_1_enviar/ejercicio.rs"), "sin apuntar\n");
        assert_eq!(says(&ana.join("exercises"), &["actualizar"]), "Ya tienes lo último.\n");
        git(&ana, &["push", "-q"]);
    }
}

#[test]
fn actualizar_no_junta_lo_que_no_sale_del_curso() {
    let house = published_and_cloned();
    let ana = house.path().join("ana");
    fs::write(ana.join("README.md"), "Otra cosa.\n").unwrap();
    from_a_template(house.path());
    let course = house.path().join("curso.git");
    git(&ana, &["remote", "add", "curso", course.to_str().unwrap()]);
    ana_writes_both(&ana, false, "el eco de Ana\n");
    publish(house.path(), &[]);
    let text = complains(&ana.join("exercises"), &["actualizar"], 1);
    assert!(text.contains("no sale de ninguna versión del curso"), "{text}");
    assert!(text.contains("cargo curso traer CARPETA-ANTERIOR"), "{text}");
    let work = ana.join("exercises/02_02_1_eco/ejercicio.rs");
    assert_eq!(fs::read_to_string(work).unwrap(), "el eco de Ana\n");
}

#[test]
fn actualizar_no_pisa_lo_que_cambió_en_los_dos_lados() {
    let house = published_and_cloned();
    let ana = house.path().join("ana");
    fs::write(ana.join("exercises/02_02_1_eco/ejercicio.rs"), "lo de Ana\n").unwrap();
    fs::write(ana.join("README.md"), "Notas de Ana.\n").unwrap();
    publish(house.path(), &[("README.md", "El curso, mejor.\n")]);
    let text = complains(&ana.join("exercises"), &["actualizar"], 1);
    assert!(
        text.contains("has cambiado archivos que lo nuevo también cambia: README.md"),
        "{text}"
    );
    let read = |name: &str| fs::read_to_string(ana.join(name)).unwrap();
    assert_eq!(read("README.md"), "Notas de Ana.\n");
    assert_eq!(read("exercises/02_02_1_eco/ejercicio.rs"), "lo de Ana\n");
    // Se hace lo que dice, y ya se puede.
    let (_, order) = text.split_once("git ").unwrap();
    let (order, _) = order.split_once(')').unwrap();
    git(&ana, &order.split(' ').collect::<Vec<_>>());
    says(&ana.join("exercises"), &["actualizar"]);
    assert_eq!(read("README.md"), "El curso, mejor.\n");
    assert_eq!(read("exercises/02_02_1_eco/ejercicio.rs"), "lo de Ana\n");
}

#[test]
fn sin_git_lo_escrito_y_lo_superado_se_traen_a_la_copia_nueva() {
    let house = published_and_cloned();
    let (ana, casa) = (house.path().join("ana"), house.path().join("casa"));
    fs::remove_dir_all(ana.join(".git")).unwrap();
    let text = complains(&ana.join("exercises"), &["actualizar"], 1);
    assert!(text.contains("cargo curso traer CARPETA-ANTERIOR"), "{text}");
    publish(house.path(), &[]);
    let wrote = |name: &str, text: &str| fs::write(house.path().join(name), text).unwrap();
    wrote("ana/exercises/02_02_1_eco/ejercicio.rs", "lo de Ana\n");
    wrote("ana/exercises/02_03_1_enviar/ejercicio.rs", "más de Ana\n");
    wrote("ana/exercises/.progreso", "02_02_1_eco superado\n02_03_1_enviar pistas=2\n");
    wrote("casa/exercises/02_03_1_enviar/ejercicio.rs", "ya empezado aquí\n");
    let text = says(&casa.join("exercises"), &["traer", ana.to_str().unwrap()]);
    assert!(text.contains("02_02_1_eco."), "{text}");
    assert!(text.contains("02_03_1_enviar ya tiene aquí algo escrito"), "{text}");
    let read = |name: &str| fs::read_to_string(casa.join("exercises").join(name)).unwrap();
    assert_eq!(read("02_02_1_eco/ejercicio.rs"), "lo de Ana\n");
    assert_eq!(read("02_03_1_enviar/ejercicio.rs"), "ya empezado aquí\n");
    assert_eq!(read(".copias/02_03_1_enviar.1.rs"), "más de Ana\n");
    assert!(read(".progreso").contains("02_02_1_eco superado\n02_03_1_enviar pistas=2\n"));
    let text = complains(&casa.join("exercises"), &["traer", "/no/existe"], 1);
    assert!(text.contains("no es la carpeta de un curso"), "{text}");
}

/// Un cargo que ya tiene compilado `eco`: es el eco de quien empieza, en Python.
fn cargo_that_built_an_echo(course: &Path) {
    let path = |name: &str| course.join(name).display().to_string();
    fs::write(path("eco.py"), NAIVE_ECHO).unwrap();
    script(&course.join("eco"), &format!("#!/bin/sh\nexec python3 '{}'\n", path("eco.py")));
    let built = artifact("02_02_1_eco", &course.join("eco"));
    script(&course.join("cargo"), &format!("#!/bin/sh\nprintf '%s\\n' '{built}'\n"));
}

#[test]
fn ejecutar_con_v_cuenta_los_pasos_del_servidor_y_termina_con_él() -> Result<(), Failure> {
    if !prose::possible(["strace"], "«cargo curso ejecutar -v»")? {
        return Ok(());
    }
    let course = small_course();
    cargo_that_built_an_echo(course.path());
    let server = Program::new(env!("CARGO_BIN_EXE_curso"))
        .args(["ejecutar", "eco", "-v"])
        .env("CURSO_CARPETA", course.path())
        .env("CARGO", course.path().join("cargo"))
        .spawn()?;
    let announced = server.wait_for_line(Stream::Stdout, "Escuchando en ", LIMIT)?;
    let address: SocketAddr = announced.rsplit(' ').next().unwrap().parse().unwrap();
    let mut client = TcpStream::connect(address)?;
    for (sent, told) in [
        (&b""[..], "accept: cliente 1 desde 127.0.0.1:"),
        (b"", "a dormir, hasta que lleguen bytes"),
        ("¡hola!\n".as_bytes(), "8 bytes · \"¡hola!\\n\""),
        (b"", "8 de 8 bytes · \"¡hola!\\n\""),
        (b"", "cliente 1: se cierra la conexión"),
    ] {
        client.write_all(sent)?;
        server.wait_for_text(Stream::Stderr, told, LIMIT)?;
    }
    server.signal(Signal::SIGTERM)?;
    server.wait(LIMIT)?;
    let gone = || TcpStream::connect(address).is_err();
    harness::eventually("nadie escuchara", LIMIT, gone)
}

#[test]
fn sin_strace_ejecutar_con_v_lo_pide() {
    let course = small_course();
    cargo_that_built_an_echo(course.path());
    let cargo = course.path().join("cargo");
    let mut command = curso(course.path());
    command.args(["ejecutar", "eco", "-v"]).env("CARGO", cargo).env("PATH", course.path());
    let output = command.assert().code(1).get_output().stderr.clone();
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains("hace falta strace, que no está"), "{text}");
}

#[test]
fn ver_arranca_el_ejercicio_dentro_de_la_ventana() {
    let course = small_course();
    let built = artifact("02_02_1_eco", &course.path().join("eco"));
    let cargo = course.path().join("cargo");
    let run = r#"if [ "$1" = run ]; then printf '%s|' "$CURSO_PUERTO" "$@"; exit; fi"#;
    script(&cargo, &format!("#!/bin/sh\n{run}\nprintf '%s\\n' '{built}'\n"));
    let mut command = curso(course.path());
    command.args(["ver", "eco", "--port", "8802", "--grabar", "mía.html", "--no-abrir"]);
    command.env("CARGO", cargo).current_dir(course.path());
    let output = command.assert().success().get_output().stdout.clone();
    let folder = course.path().canonicalize().unwrap();
    let (page, eco) = (folder.join("mía.html"), course.path().join("eco"));
    assert_eq!(
        String::from_utf8(output).unwrap(),
        format!(
            "8802|run|--quiet|--package|ventana|--bin|ver|--|--grabar|{}|--no-abrir|--|{}|@ejecutar|",
            page.display(),
            eco.display()
        )
    );
}

#[test]
fn la_ayuda_no_tiene_una_palabra_en_inglés() {
    let course = small_course();
    for words in [
        &["--help"][..],
        &["probar", "--help"],
        &["evaluar", "-h"],
        &["clase", "-h"],
        &["ver", "-h"],
    ] {
        let text = says(course.path(), words);
        for english in ["Usage", "Options", "Commands", "Arguments", "Print", "default", "help"] {
            let spoken = text.replace("--help", "");
            assert!(!spoken.contains(english), "{english}: {text}");
        }
    }
}

#[test]
fn un_servidor_que_no_arranca_se_explica() {
    let course = small_course();
    let words = ["evaluar", "02_02", "--port", "1", "--", "false"];
    let text = complains(course.path(), &words, 1);
    assert!(text.contains("el servidor terminó antes de escuchar"), "{text}");
    let text = complains(course.path(), &["evaluar", "02_02"], 1);
    assert!(text.contains("falta decir a quién se evalúa"), "{text}");
}

#[test]
fn una_orden_que_no_existe_no_es_un_servidor_callado() {
    let course = small_course();
    let text = complains(course.path(), &["evaluar", "02_02", "--", "nadie-se-llama-así"], 1);
    assert!(text.contains("no se pudo arrancar «nadie-se-llama-así»"), "{text}");
    assert!(text.contains("revisa cómo se escribe la orden"), "{text}");
    assert!(!text.contains("Escuchando en"), "{text}");
}

#[test]
fn a_quien_lo_anuncia_por_la_salida_de_errores_se_le_dice() {
    let course = small_course();
    let script = "echo Escuchando en 127.0.0.1:1 >&2; exec >&-; exec sleep 60";
    let text = complains(course.path(), &["evaluar", "02_02", "--", "sh", "-c", script], 1);
    assert!(text.contains("Pista: lo dijo por la salida de errores"), "{text}");
    let text = complains(course.path(), &["evaluar", "02_02", "--", "sh", "-c", "exit 3"], 1);
    assert!(text.contains("el servidor terminó antes de escuchar"), "{text}");
}

/// El eco de quien empieza: lee una vez, responde y se va.
const NAIVE_ECHO: &str = r#"
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(1024))
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
print("Escuchando en %s:%d" % server.server_address, flush=True)
server.serve_forever()
"#;

#[test]
fn un_servidor_en_python_se_evalúa_y_se_explica_dónde_falla() {
    assert!(
        tools::installed("python3"),
        "Esta prueba necesita python3: instálalo con «apt-get install python3»."
    );
    let course = small_course();
    fs::write(course.path().join("mi eco.py"), NAIVE_ECHO).unwrap();
    let order = ["evaluar", "02_02", "--", "python3", "mi eco.py"];
    let mut command = curso(course.path());
    command.current_dir(course.path()).args(order);
    let output = command.assert().code(1).get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    for expected in [
        "✗ etapa 1: acepta y responde",
        "· etapa 2: lecturas parciales",
        "se esperaba  \"¿sigues ahí?\\n\"",
        "llegó        nada: el servidor terminó la conexión",
        "Para repetirlo a mano:",
        "Arráncalo antes:  python3 'mi eco.py'\n",
        "escribe el puerto que diga esta vez",
        "Pasa 0 de 11 etapas",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn entregar_no_lleva_soluciones_y_sí_el_flujo_que_califica() {
    let house = TempDir::new().unwrap();
    let (course, copy) = (house.path().join("curso"), house.path().join("entrega"));
    fs::create_dir(&course).unwrap();
    let exercises = small_course();
    fs::rename(exercises.keep(), course.join("exercises")).unwrap();
    fs::create_dir_all(course.join(".github/workflows")).unwrap();
    fs::create_dir_all(course.join("exercises/02_02_1_eco/errores")).unwrap();
    fs::create_dir_all(course.join("exercises/soluciones")).unwrap();
    for (file, text) in [
        ("Cargo.lock", "version = 4\n"),
        ("Cargo.toml", "members = [\"exercises\", \"exercises/soluciones\"]\n"),
        (".github/workflows/ci.yml", "name: otra cosa\n"),
        ("exercises/02_02_1_eco/errores/uno.diff", "un error\n"),
        ("exercises/02_02_1_eco/aciertos/otro.diff", "otra solución\n"),
        ("exercises/02_02_1_eco/selectors.rs", "lo dado\n"),
        ("exercises/soluciones/Cargo.toml", "[package]\n"),
        ("exercises/.progreso", "02_02_1_eco superado\n"),
        ("notas.csv", "carpeta,puntos\nana,20\n"),
        ("book/src/docentes.md", "las respuestas de la defensa\n"),
        ("book/src/SUMMARY.md", "[Para docentes](docentes.md)\n[Glosario](glosario.md)\n"),
        ("entregas/ana/ejercicio.rs", "lo de Ana\n"),
        ("exercises/tests/hostiles/borra.rs", "lo borra todo\n"),
        ("beto/.git", "gitdir: otra carpeta\n"),
    ] {
        fs::create_dir_all(course.join(file).parent().unwrap()).unwrap();
        fs::write(course.join(file), text).unwrap();
    }
    let text = says(&course.join("exercises"), &["entregar", copy.to_str().unwrap()]);
    assert!(text.contains("sin soluciones"), "{text}");
    let read = |file: &str| fs::read_to_string(copy.join(file)).unwrap();
    assert_eq!(read("Cargo.toml"), "members = [\"exercises\"]\n");
    for file in ["ejercicio.rs", "inicio.rs"] {
        assert_eq!(read(&format!("exercises/02_02_1_eco/{file}")), STARTER);
    }
    assert_eq!(read("exercises/02_02_1_eco/selectors.rs"), "lo dado\n");
    assert_eq!(read("exercises/.originales/02_02_1_eco/selectors.rs"), "lo dado\n");
    let grading = read(".github/workflows/calificar.yml");
    assert!(grading.contains("cargo curso revisar --json puntos.json"), "{grading}");
    assert_eq!(read("book/src/SUMMARY.md"), "[Glosario](glosario.md)\n");
    let orders = [
        &["verificar", "eco"][..],
        &["solucion", "eco"],
        &["solucion", "eco", "--rendirse"],
        &["comparar", "eco"],
    ];
    for order in orders {
        let text = complains(&copy.join("exercises"), order, 1);
        assert!(text.contains("esta copia del curso no lleva soluciones"), "{text}");
    }
    for absent in [
        ".github/workflows/ci.yml",
        "exercises/02_02_1_eco/solucion.rs",
        "exercises/02_02_1_eco/errores",
        "exercises/02_02_1_eco/aciertos",
        "exercises/soluciones",
        "exercises/tests/hostiles",
        "exercises/.progreso",
        "notas.csv",
        "book/src/docentes.md",
        "entregas",
        "beto",
    ] {
        assert!(!copy.join(absent).exists(), "{absent}");
    }
    let hints = ["pista"; 3].map(|order| says(&copy.join("exercises"), &[order]));
    assert!(hints[2].contains("Es la última") && !hints[2].contains("solucion"), "{}", hints[2]);
}

#[test]
fn nuevo_crea_los_archivos_y_los_apunta() {
    let course = small_course();
    let manifest = "[[test]]\nname = \"02_02_1_eco\"\npath = \"02_02_1_eco/pruebas.rs\"\n\n[[test]]\nname = \"02_03_1_enviar\"\npath = \"x\"\n\n[dependencies]\n";
    fs::write(course.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(course.path().join("soluciones")).unwrap();
    fs::write(course.path().join("soluciones/Cargo.toml"), manifest).unwrap();
    says(course.path(), &["nuevo", "02_02_2_hilos"]);
    let written = fs::read_to_string(course.path().join("Cargo.toml")).unwrap();
    let places = ["02_02_1_eco", "02_02_2_hilos", "02_03_1_enviar", "[dependencies]"]
        .map(|text| written.find(text).unwrap());
    assert!(places.is_sorted(), "{written}");
    let tests = fs::read_to_string(course.path().join("02_02_2_hilos/pruebas.rs")).unwrap();
    assert!(tests.contains("Las pruebas de 02_02_2_hilos."), "{tests}");
    assert!(course.path().join("02_02_2_hilos/errores/nombre.diff").exists());
    assert!(complains(course.path(), &["nuevo", "02_02_2_hilos"], 1).contains("ya existe"));
    let text = complains(course.path(), &["nuevo", "02_02_1_otro"], 1);
    assert!(text.contains("es el de 02_02_1_eco") && text.contains("usa el 3"), "{text}");
    let solution = course.path().join("02_02_2_hilos/solucion.rs");
    let rustfmt = |name: &str| {
        let file = solution.with_file_name(name);
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../rustfmt.toml");
        let mut command = Command::new("rustfmt");
        command.args(["--check", "--edition", "2024", "--config-path", config]).arg(file);
        command.assert().success();
    };
    rustfmt("solucion.rs");
    rustfmt("pruebas.rs");
}
