//! La grabadora, con servidores de verdad en Python, Node y C.

#![allow(missing_docs, reason = "son pruebas")]

mod languages;
mod queues;
mod recording;
mod trouble;

use std::path::PathBuf;

use harness::Failure;

type Outcome = Result<(), Failure>;

/// Uno de los servidores de esta prueba.
fn server(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name)
}

/// Las palabras que arrancan uno de Python.
fn python(name: &str) -> [PathBuf; 2] {
    [PathBuf::from("python3"), server(name)]
}

/// Si hay Python, que lo diga quien no pueda probar.
fn has_python() -> Result<bool, Failure> {
    harness::tools::available("python3", "la grabadora, con servidores en Python")
}
