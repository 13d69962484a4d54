//! Un servidor de archivos. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado, en `server.rs`: la gramática, los tipos y el bucle.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use multiplexacion::http::Status;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// La petición está mal escrita.
pub const BAD_REQUEST: Status = Status::BAD_REQUEST;
/// Ahí no hay nada que servir.
pub const NOT_FOUND: Status = Status { code: 404, phrase: "Not Found" };

/// Bytes del archivo que se leen de una vez.
pub const CHUNK: usize = 64 * 1024;

/// La ruta, relativa a la carpeta que se sirve, de lo que se pide con `target`, que empieza por `/`.
pub fn relative_path(target: &str) -> Result<PathBuf, Status> {
    todo!("Escribe esto en exercises/02_04_9_archivos/ejercicio.rs")
}

/// Un archivo que se puede servir.
#[derive(Debug)]
pub struct Found {
    /// Abierto para leer.
    pub file: File,
    /// Lo que mide.
    pub length: u64,
    /// La extensión de su nombre; vacía, si no tiene.
    pub extension: String,
}

/// Abre lo que hay en `path`, relativa a la carpeta `root`, sin salir de ella.
pub fn open(root: &Path, path: &Path) -> Result<Found, Status> {
    todo!("Escribe esto en exercises/02_04_9_archivos/ejercicio.rs")
}

/// Cómo va un envío.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Falta algo: hay que esperar a otro EPOLLOUT.
    Wait,
    /// Está todo escrito.
    Done,
    /// No se puede terminar.
    Broken,
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
