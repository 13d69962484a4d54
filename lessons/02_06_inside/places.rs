//! Desde dónde, en el código, se hizo una llamada: de lo que dice `strace -k` (un programa y un byte
//! de él) a la función, el archivo y la línea.

#![cfg_attr(
    not(feature = "lineas"),
    allow(
        dead_code,
        unused_imports,
        clippy::unused_self,
        reason = "sin líneas, no hay qué buscar"
    )
)]

#[cfg(feature = "lineas")]
mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::recording::{Place, Record};
use crate::strace::Frame;

/// Cuántos sitios se apuntan de cada llamada.
const DEPTH: usize = 4;

/// Cuántos bytes de un archivo de código se guardan, como mucho.
const LARGEST: usize = 200_000;

/// Y cuántos entre todos.
const ALL: usize = 600_000;

/// Lo que no escribió quien hizo el programa: el sistema, la biblioteca estándar, las dependencias.
const FOREIGN: [&str; 5] = ["/usr/", "/lib", "/rustc/", "/.cargo/registry/", "/.rustup/"];

/// Reúne los sitios de cada llamada, y recuerda los que ya encontró.
#[derive(Default)]
pub(crate) struct Places {
    on: bool,
    folder: PathBuf,
    /// Los de la llamada que está llegando.
    frames: Vec<Frame>,
    found: BTreeMap<(String, u64), Vec<Place>>,
    #[cfg(feature = "lineas")]
    programs: lines::Programs,
    /// Los archivos que ya se han guardado, y cuánto ocupan.
    told: BTreeSet<String>,
    size: usize,
}

impl Places {
    /// Los de `program`, con los archivos contados desde la carpeta de ahora.
    ///
    /// Si no trae las líneas de su código (`-g`), o su código no está aquí, como el de Node,
    /// no se buscan: preguntar a strace desde dónde llama cuesta mucho.
    #[cfg(feature = "lineas")]
    pub(crate) fn of(program: &Path) -> Places {
        let folder = env::current_dir().unwrap_or_default();
        let mut places = Places { folder, ..Places::default() };
        let files = places.programs.files(program);
        places.on = files.into_iter().any(|file| places.own(&file).is_some());
        places
    }

    /// Ninguno.
    #[cfg(not(feature = "lineas"))]
    pub(crate) fn of(_: &Path) -> Places {
        Places::default()
    }

    /// Los que dirá el propio programa: no hay que buscarlos.
    pub(crate) fn told() -> Places {
        Places { folder: env::current_dir().unwrap_or_default(), ..Places::default() }
    }

    /// Si hay que buscarlos.
    pub(crate) fn on(&self) -> bool {
        self.on
    }

    /// Uno más de la llamada que está llegando.
    pub(crate) fn push(&mut self, frame: &Frame) {
        self.frames.push(frame.clone());
    }

    /// Los de la llamada que ya llegó, de dentro afuera: solo los del propio programa.
    pub(crate) fn take(&mut self) -> Vec<Place> {
        let frames = std::mem::take(&mut self.frames);
        let mut places = Vec::new();
        for frame in frames {
            let key = (frame.object.clone(), frame.offset);
            if !self.found.contains_key(&key) {
                let found = self.find(&frame);
                self.found.insert(key.clone(), found);
            }
            places.extend(self.found[&key].iter().cloned());
            // De una función genérica pueden quedar dos nombres para el mismo sitio.
            places.dedup_by(|one, other| one.file == other.file && one.line == other.line);
            if places.len() >= DEPTH {
                break;
            }
        }
        places.truncate(DEPTH);
        places
    }

    #[cfg(feature = "lineas")]
    fn find(&mut self, frame: &Frame) -> Vec<Place> {
        if FOREIGN.iter().any(|foreign| frame.object.starts_with(foreign)) {
            return Vec::new();
        }
        let found = self.programs.find(frame);
        let own =
            |place: Place| Some(Place { file: Some(self.own(place.file.as_deref()?)?), ..place });
        found.into_iter().filter_map(own).collect()
    }

    #[cfg(not(feature = "lineas"))]
    fn find(&mut self, _: &Frame) -> Vec<Place> {
        Vec::new()
    }

    /// Un archivo, contado desde la carpeta, si es del código de quien graba.
    #[cfg(feature = "lineas")]
    fn own(&self, file: &str) -> Option<String> {
        let file = self.folder.join(file);
        let shown = file.to_string_lossy();
        if FOREIGN.iter().any(|part| shown.contains(part)) || !file.is_file() {
            return None;
        }
        Some(self.shown(&file))
    }

    fn shown(&self, file: &Path) -> String {
        file.strip_prefix(&self.folder).unwrap_or(file).to_string_lossy().into_owned()
    }

    /// Los que dijo el programa, si son de archivos que están aquí.
    pub(crate) fn checked(&self, told: Vec<Place>) -> Vec<Place> {
        let check = |place: Place| {
            let file = self.folder.join(place.file?);
            file.is_file().then(|| Place { file: Some(self.shown(&file)), ..place })
        };
        told.into_iter().filter_map(check).collect()
    }

    /// El texto de los archivos de `places` que aún no se han guardado, si caben.
    pub(crate) fn sources(&mut self, places: &[Place]) -> Vec<Record> {
        let mut sources = Vec::new();
        for file in places.iter().filter_map(|place| place.file.as_ref()) {
            if !self.told.insert(file.clone()) {
                continue;
            }
            let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
            if !text.is_empty() && text.len() <= LARGEST && self.size + text.len() <= ALL {
                self.size += text.len();
                sources.push(Record::Source { file: file.clone(), text });
            }
        }
        sources
    }
}
