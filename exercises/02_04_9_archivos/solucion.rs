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

// <solo en la solución>
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
// </solo en la solución>

/// La ruta, relativa a la carpeta que se sirve, de lo que se pide con `target`, que empieza por `/`.
pub fn relative_path(target: &str) -> Result<PathBuf, Status> {
    // <tu código>
    let path = target.split('?').next().unwrap_or_default();
    let mut relative = PathBuf::new();
    // Primero se parte y después se descifra: una barra cifrada no separa segmentos.
    for segment in path.split('/') {
        let name = decode(segment.as_bytes())?;
        if name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(BAD_REQUEST);
        }
        if name.starts_with(b".") {
            return Err(NOT_FOUND);
        }
        // `push` con una ruta absoluta sustituiría todo lo anterior. Sin barras, no puede serlo; y
        // lo vacío añadiría una al final.
        if !name.is_empty() {
            relative.push(OsStr::from_bytes(&name));
        }
    }
    Ok(relative)
    // </tu código>
}

// <solo en la solución>
/// Los bytes de un segmento. Pueden no ser UTF-8: el nombre de un archivo tampoco lo es siempre.
fn decode(segment: &[u8]) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(BAD_REQUEST) };
        bytes.push(hex(*high)? << 4 | hex(*low)?);
        rest = after;
    }
    Ok(bytes)
}

fn hex(digit: u8) -> Result<u8, Status> {
    let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or(BAD_REQUEST)
}
// </solo en la solución>

/// Abre lo que hay en `path`, relativa a la carpeta `root`, sin salir de ella.
pub fn open(root: &Path, path: &Path) -> Result<Found, Status> {
    // <tu código>
    let mut name = path.to_owned();
    let mut file = open_beneath(root, &name)?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        // Muchos servidores envían antes de `/apuntes` a `/apuntes/`: sin la barra, los enlaces
        // relativos de la página parten de la carpeta de encima.
        name.push("index.html");
        file = open_beneath(root, &name)?;
    }
    // Del descriptor y no del nombre: es este archivo, cambie lo que cambie en la carpeta.
    let metadata = file.metadata().map_err(|_| NOT_FOUND)?;
    if !metadata.is_file() {
        return Err(NOT_FOUND);
    }
    let extension = name.extension().map(|extension| extension.to_string_lossy().into_owned());
    Ok(Found { file, length: metadata.len(), extension: extension.unwrap_or_default() })
    // </tu código>
}

// <solo en la solución>
/// Abre algo que esté en `root` o más abajo: el núcleo sigue la ruta, con sus `..` y sus enlaces, y
/// si en algún paso sale, falla con EXDEV (openat2(2)). No hay momento entre mirar y abrir.
fn open_beneath(root: &Path, path: &Path) -> Result<File, Status> {
    // Sin O_NONBLOCK, abrir una tubería esperaría a quien escriba en ella (fifo(7)).
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let root = File::open(root).map_err(|_| NOT_FOUND)?;
    let opened = openat2(&root, &Path::new(".").join(path), how);
    // Por qué no se pudo no es asunto de quien pregunta.
    opened.map(File::from).map_err(|_| NOT_FOUND)
}
// </solo en la solución>

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
        // <tu código>
        match self.fill().and_then(|()| self.write(stream)) {
            Ok(()) if self.pending.is_empty() && self.left == 0 => Step::Done,
            Ok(()) => Step::Wait,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Step::Wait
            }
            Err(_) => Step::Broken,
        }
        // </tu código>
    }

    // <solo en la solución>
    /// Si no queda nada por escribir, lee el trozo siguiente.
    fn fill(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() || self.left == 0 {
            return Ok(());
        }
        let mut chunk = vec![0; usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK))];
        let count = self.body.read(&mut chunk)?;
        if count == 0 {
            // Encogió. Cerrar antes de tiempo es la única manera de decirlo: la cabecera ya salió.
            return Err(ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(count);
        self.left -= count as u64;
        self.pending = chunk;
        Ok(())
    }

    fn write<W: Write>(&mut self, stream: &mut W) -> io::Result<()> {
        if !self.pending.is_empty() {
            let count = stream.write(&self.pending)?;
            self.pending.drain(..count);
        }
        Ok(())
    }
    // </solo en la solución>
}
