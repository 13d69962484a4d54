//! Lo que se escribe y lo que se lee: la ayuda, los errores de uso y los contratiempos.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

fn lab(arguments: &[&str]) -> Output {
    Command::new(LAB).args(arguments).output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Un archivo para una prueba, que se borra al acabar.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("lab-{}-{name}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn la_ayuda_está_en_español() {
    let output = lab(&["--help"]);
    assert!(output.status.success());
    insta::assert_snapshot!("ayuda", said(&output).0);
}

#[test]
fn cada_error_de_uso_dice_qué_sobra_o_qué_falta() {
    let mut lines = String::new();
    for arguments in [
        &["rapdo"][..],
        &["--motor", "epoll"],
        &["--motores", "kqueue"],
        &["--conexiones", "muchas"],
        &["comparar", "uno.json"],
        &["--conexiones", "0"],
        &["web", "--rondas", "0"],
        &["web", "--motores", "epoll"],
        &["comparar", "a.json", "b.json", "--json", "c.json"],
        &["comparar", "a.json", "b.json", "--rondas", "3"],
    ] {
        let output = lab(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        write!(lines, "$ cargo lab {}\n{}", arguments.join(" "), said(&output).1).unwrap();
    }
    insta::assert_snapshot!("errores_de_uso", lines);
}

#[test]
fn comparar_dos_archivos_que_no_están_o_no_son_lo_dice() {
    let missing = lab(&["comparar", "/no/existe.json", "/tampoco.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(
        said(&missing).1,
        "lab: no se puede leer «/no/existe.json»: no existe. Qué probar: guarda uno con cargo lab \
         --json ARCHIVO.\n"
    );
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let other = other.to_str().unwrap();
    let (_, error) = said(&lab(&["comparar", other, other]));
    assert!(error.contains("no es un experimento guardado con cargo lab"), "{error}");
}

#[test]
fn comparar_un_experimento_consigo_mismo_no_encuentra_diferencias() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("datos/experimento.json");
    let data = data.to_str().unwrap();
    let (text, _) = said(&lab(&["comparar", data, data]));
    assert!(text.contains("nada difiere más allá del ruido"), "{text}");
}

#[test]
fn donde_no_se_puede_escribir_se_dice_antes_de_medir() {
    for option in ["--json", "--informe"] {
        let output = lab(&["rapido", "--no-abrir", option, "/no/existe/datos"]);
        assert_eq!(output.status.code(), Some(1));
        let (text, error) = said(&output);
        assert_eq!(text, "", "no se ha medido nada");
        let last = error.lines().last().unwrap();
        assert_eq!(
            last,
            "lab: no se puede escribir «/no/existe/datos»: esa carpeta no existe. Qué probar: elige otro archivo, \
             en una carpeta tuya y con sitio, con --json o --informe."
        );
    }
}

#[test]
fn los_datos_y_la_página_no_se_pisan() {
    let same = Scratch::new("los-dos");
    let output = lab(&["rapido", "--json", same.path(), "--informe", same.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).1.contains("no caben en el mismo archivo"));
    assert!(!same.0.exists());
}

#[test]
fn si_los_datos_no_caben_la_página_se_escribe_igual_y_se_dice() {
    let page = Scratch::new("no-caben.html");
    let output = lab(&[
        "rapido",
        "--no-abrir",
        "--motores",
        "epoll",
        "--conexiones",
        "2",
        "--json",
        "/dev/full",
        "--informe",
        page.path(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let (_, error) = said(&output);
    assert!(error.contains("«/dev/full»: no queda espacio en el disco"), "{error}");
    assert!(std::fs::read_to_string(&page.0).unwrap().ends_with("</html>\n"));
}

#[test]
fn con_pocos_descriptores_se_mide_hasta_donde_se_puede_y_se_dice() {
    let (json, page) = (Scratch::new("pocos.json"), Scratch::new("pocos.html"));
    let output = Command::new("bash")
        .args(["-c", "ulimit -n 200; exec \"$@\"", "bash", LAB])
        .args(["rapido", "--no-abrir", "--motores", "epoll", "--conexiones", "5,400"])
        .args(["--json", json.path(), "--informe", page.path()])
        .output()
        .unwrap();
    let (text, notes) = said(&output);
    assert!(output.status.success(), "{notes}");
    assert!(notes.contains("Con 200 descriptores no caben 400 conexiones"), "{notes}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json.0).unwrap()).unwrap();
    assert_eq!((&report["complete"], &report["cut"]), (&true.into(), &400.into()));
    let sizes: Vec<u64> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["connections"].as_u64())
        .collect();
    assert_eq!(sizes, [5, 136, 136]);
    assert!(text.contains("Veredictos") && text.contains("no caben 400 conexiones"), "{text}");
}
