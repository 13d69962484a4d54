//! `cargo libro` por la línea de órdenes, y las páginas servidas.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use libro::server::Site;

use crate::book::built;

fn libro(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_libro")).args(words).output().unwrap()
}

/// La respuesta entera a una petición.
pub(crate) fn ask(site: &Site, path: &str) -> String {
    let mut stream = TcpStream::connect(site.address().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: libro\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{path} sin respuesta: {error}"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn sirve_las_páginas_y_nada_de_fuera() {
    let site = Site::listen(0, built().folder().to_owned()).unwrap();
    site.start().unwrap();
    let index = ask(&site, "/");
    assert!(index.starts_with("HTTP/1.1 200"), "{index}");
    assert!(index.contains("Content-Type: text/html; charset=utf-8"));
    assert!(index.contains("<html lang=\"es\""));
    let lost = ask(&site, "/no/existe.html");
    assert!(lost.starts_with("HTTP/1.1 404") && lost.contains("Esta página no existe"), "{lost}");
    for outside in ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"] {
        let answer = ask(&site, outside);
        assert!(!answer.contains("root:") && answer.starts_with("HTTP/1.1 404"), "{outside}");
    }
    assert!(ask(&site, "/__cambios?desde=").ends_with("\r\n1"));
}

#[test]
fn la_ayuda_y_los_errores_están_en_español() {
    let help = libro(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.contains("Uso: cargo libro"), "{text}");
    for english in ["Usage", "Options", "Print", "default", "possible"] {
        assert!(!text.contains(english), "{text}");
    }
    for (words, reason) in [
        (&["--abrir"][..], "no existe la opción «--abrir»"),
        (&["pdf"], "las órdenes son epub e imprimir"),
        (&["--servir", "--port", "99999"], "debe ser un número de 0 a 65535"),
        (&["epub", "--servir"], "no pueden ir juntas"),
        (&["--port", "3001"], "falta --servir"),
    ] {
        let output = libro(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason) && said.lines().count() == 1, "{words:?}: {said}");
    }
}

#[test]
fn un_libro_roto_se_explica_en_una_línea() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    fs::create_dir(&source).unwrap();
    fs::write(folder.path().join("book.toml"), "[book]\ntitle = \"x\"\n").unwrap();
    for (summary, chapter, reason) in [
        ("- [A](b.md)\n", "", "el índice lleva a «b.md», que no existe"),
        ("- [A](a.md)\n", "{{#include c.rs}}\n", "incluye «c.rs», que no existe"),
        ("- [A](a.md)\n", "{{#include a.md:ancla}}\n", "incluye «a.md:ancla», que no existe"),
    ] {
        fs::write(source.join("SUMMARY.md"), summary).unwrap();
        fs::write(source.join("a.md"), chapter).unwrap();
        let trouble = libro::building::build(folder.path(), &libro::building::Options::default());
        let said = trouble.unwrap_err().to_string();
        assert!(said.contains(reason), "{said}");
    }
}
