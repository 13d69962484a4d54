//! Abrir lo que se grabó otro día.

use std::fs;
use std::path::PathBuf;

use harness::Failure;
use tempfile::TempDir;

use crate::run;

/// Una grabación de tres llamadas.
const RECORDING: &str = r#"{"what":"recording","version":1,"command":["python3","eco.py"],"started":1}
{"what":"call","us":10,"took":5,"thread":1,"call":"listen","fd":3,"result":0,"local":"127.0.0.1:8800"}
{"what":"call","us":20,"took":900,"thread":1,"call":"accept4","fd":3,"client":1,"result":4,"peer":"127.0.0.1:5000"}
{"what":"call","us":930,"took":3,"thread":1,"call":"recvfrom","fd":4,"client":1,"result":5,"asked":100,"bytes":"686f6c610a"}
"#;

/// Los pasos de un servidor con epoll, como los escribe `--trace`.
const TRACE: &str = r#"{"us":5,"thread":"main","file":"lessons/02_04_epoll_web/server.rs","line":90,"what":"listen","fd":3}
{"us":6,"thread":"main","file":"lessons/02_04_epoll_web/server.rs","line":98,"what":"register","fd":3,"result":"EPOLLIN"}
{"us":10,"thread":"main","file":"lessons/02_04_epoll_web/event_loop.rs","line":49,"what":"wait"}
{"us":500,"thread":"main","file":"lessons/02_04_epoll_web/event_loop.rs","line":57,"what":"wait","result":1}
{"us":510,"thread":"main","file":"src/listener.rs","line":80,"what":"accept","fd":5,"client":1}
{"us":520,"thread":"main","file":"src/connection.rs","line":186,"what":"read","fd":5,"client":1,"result":"no hay nada listo"}
{"us":530,"thread":"main","file":"src/x.rs","line":1,"what":"refuse","client":1,"result":404}
{"us":540,"thread":"trabajador","file":"src/../../etc/passwd","line":1,"what":"close","fd":5,"client":1,"result":"se fue"}
"#;

/// Un archivo con ese nombre y ese contenido.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// Lo que queda al volver a grabar lo que hay en un archivo, y lo que se dice entretanto.
fn again(content: impl AsRef<[u8]>, option: &str) -> Result<(String, String), Failure> {
    let (folder, path) = file("abierto", content);
    let copy = folder.path().join("copia");
    let exit = run([path.to_str().unwrap(), option, copy.to_str().unwrap()])?;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), ""), "{exit}");
    Ok((fs::read_to_string(copy)?, exit.stderr))
}

#[test]
fn una_grabación_y_una_página_se_abren_y_vuelven_a_dar_lo_mismo() -> Result<(), Failure> {
    assert_eq!(again(RECORDING, "--json")?.0, RECORDING);
    let (page, _) = again(RECORDING, "--grabar")?;
    assert_eq!(again(page, "--json")?.0, RECORDING);
    Ok(())
}

#[test]
fn las_líneas_y_los_campos_que_no_se_conocen_se_pasan_por_alto() -> Result<(), Failure> {
    let later = RECORDING.replace("\"asked\":100", "\"asked\":100,\"color\":\"verde\"");
    let later = later + "{\"what\":\"música\",\"us\":1}\n\n";
    assert_eq!(again(later, "--json")?.0, RECORDING);
    Ok(())
}

#[test]
fn de_una_grabación_cortada_se_abre_lo_que_hay_entero_y_se_dice() -> Result<(), Failure> {
    let whole: String = RECORDING.split_inclusive('\n').take(3).collect();
    for cut in [30, 2] {
        let (copy, said) = again(&RECORDING[..RECORDING.len() - cut], "--json")?;
        assert_eq!(copy, whole);
        assert!(said.contains("la última línea de «"), "{said}");
        assert!(said.contains("» está cortada; se abre lo que hay entero"), "{said}");
    }
    // En medio de una letra de dos bytes.
    let mut bytes = RECORDING.as_bytes().to_vec();
    bytes.extend("{\"what\":\"source\",\"file\":\"ñ".bytes());
    bytes.pop();
    assert!(again(bytes, "--json")?.1.contains("está cortada"));
    Ok(())
}

#[test]
fn la_traza_de_una_lección_se_convierte_en_llamadas() -> Result<(), Failure> {
    let (copy, _) = again(TRACE, "--json")?;
    let lines: Vec<serde_json::Value> =
        copy.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["what"] == "call").collect();
    let names: Vec<_> = calls.iter().map(|call| call["call"].as_str().unwrap()).collect();
    assert_eq!(names, ["listen", "epoll_ctl", "epoll_wait", "accept4", "read", "close"]);
    assert_eq!(calls[1]["target"]["events"], "EPOLLIN");
    assert_eq!((&calls[2]["us"], &calls[2]["took"]), (&10.into(), &490.into()));
    assert_eq!((&calls[3]["fd"], &calls[3]["result"]), (&3.into(), &5.into()));
    assert_eq!(calls[4]["error"], "EAGAIN");
    assert_eq!(calls[5]["thread"], 2);
    let sources: Vec<_> = lines.iter().filter(|line| line["what"] == "source").collect();
    assert!(sources.iter().any(|source| source["file"] == "src/connection.rs"));
    assert!(!copy.contains("root:"), "de fuera del curso no se enseña nada");
    Ok(())
}

#[test]
fn lo_que_no_se_puede_abrir_se_explica_en_una_línea() -> Result<(), Failure> {
    let (page, _) = again(RECORDING, "--grabar")?;
    let half = &page[..page.find("id=\"grabacion\"").unwrap() + 200];
    let middle = page.find("data-events=\"\">").unwrap() + 100;
    let broken = format!("{}¡ay!{}", &page[..middle], &page[middle + 5..]);
    let damaged = RECORDING.replace("\"us\":20", "\"us\":\"veinte\"");
    let unfinished = RECORDING.replace("\"took\":900", "\"took\":");
    for (content, said) in [
        ("", "» está vacío. Qué probar: "),
        (" \n\n", "» está vacío. "),
        ("hola\n", "» no es una grabación: su primera línea no es JSON. "),
        ("[1, 2]\n", "» no es una grabación: su primera línea no dice qué se grabó. "),
        ("{\"what\":\"call\"}\n", "» no es una grabación: "),
        (
            "{\"what\":\"recording\"}\n",
            "» no es una grabación: su primera línea no dice de qué versión",
        ),
        (
            "{\"what\":\"recording\",\"version\":7}\n",
            "es de otra versión del formato, la 7; aquí se entiende la 1",
        ),
        (&damaged, "» está dañado: línea 3: le falta algo, o algo no es lo que debe ser. "),
        (&unfinished, "» está dañado: línea 3: no es JSON. "),
        (
            &TRACE.replace("\"us\":510", "\"us\":-1"),
            "» está dañado: línea 5: no es un paso de --trace. ",
        ),
        ("<!DOCTYPE html><p>Hola", "» no es una grabación: es una página, pero no de la ventana. "),
        (half, "» está cortado. "),
        (&broken, "» está dañado: no se entiende su grabación. "),
    ] {
        let (_folder, path) = file("abierto", content);
        let exit = run([path.to_str().unwrap()])?;
        let complaint = exit.complaint(1)?;
        assert!(complaint.contains(said), "«{said}»:\n{complaint}");
    }
    let (_folder, path) = file("abierto", [0xFF, 0xFE, b'\n', 0]);
    let exit = run([path.to_str().unwrap()])?;
    assert!(exit.complaint(1)?.contains("no es texto"));
    Ok(())
}

#[test]
fn una_carpeta_un_archivo_que_no_está_y_uno_enorme_se_explican_también() -> Result<(), Failure> {
    let folder = TempDir::new()?;
    let exit = run([folder.path().to_str().unwrap()])?;
    assert!(exit.complaint(1)?.contains("es una carpeta"));
    let exit = run(["servidor"])?;
    assert!(exit.complaint(1)?.contains("si es una orden, va tras --: cargo ver -- servidor"));
    let huge = folder.path().join("enorme.jsonl");
    fs::File::create(&huge)?.set_len(65 * 1024 * 1024)?;
    let exit = run([huge.to_str().unwrap()])?;
    assert!(exit.complaint(1)?.contains("pasa de 64 MB"));
    Ok(())
}
