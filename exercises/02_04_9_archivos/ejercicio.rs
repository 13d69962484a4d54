//! Un servidor de archivos. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `found.rs`, con lo que se encuentra y los códigos de cuando no;
//! `step.rs`, con cómo va un envío, y `server.rs`, con la gramática y el bucle.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use multiplexacion::http::Status;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use super::found::{BAD_REQUEST, Found, NOT_FOUND};
use super::step::{CHUNK, Step};

/// La ruta, relativa a la carpeta que se sirve, de lo que se pide con `target`, que empieza por `/`.
pub fn relative_path(target: &str) -> Result<PathBuf, Status> {
    todo!("Escribe esto en exercises/02_04_9_archivos/ejercicio.rs")
}

/// Abre lo que hay en `path`, relativa a la carpeta `root`, sin salir de ella.
pub fn open(root: &Path, path: &Path) -> Result<Found, Status> {
    todo!("Escribe esto en exercises/02_04_9_archivos/ejercicio.rs")
}

/// Una respuesta que se está enviando.
#[derive(Debug)]
pub struct Sending<R> {
    /// Lo que falta por escribir: al principio, la cabecera; después, un trozo del cuerpo.
    pub pending: Vec<u8>,
    /// De donde se lee el cuerpo.
    pub body: R,
    /// Bytes del cuerpo que faltan por leer.
    pub left: u64,
}

impl<R: Read> Sending<R> {
    /// Hay sitio en `stream`: envía un poco más.
    pub fn advance<W: Write>(&mut self, stream: &mut W) -> Step {
        todo!("Escribe esto en exercises/02_04_9_archivos/ejercicio.rs")
    }
}
