//! De un byte de un programa a su función, su archivo y su línea (DWARF).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use addr2line::Loader;
use object::{Object, ObjectSegment};

use crate::recording::Place;
use crate::strace::Frame;

/// Los programas y bibliotecas que ya se han abierto.
#[derive(Default)]
pub(super) struct Programs(BTreeMap<String, Option<Program>>);

struct Program {
    lines: Loader,
    /// En qué dirección queda cada trozo del archivo: dónde empieza en él, cuánto mide y su dirección.
    segments: Vec<(u64, u64, u64)>,
}

impl Programs {
    /// Los archivos de los que se compiló un programa, si se saben.
    pub(super) fn files(&mut self, path: &Path) -> BTreeSet<String> {
        let path = fs::canonicalize(path).unwrap_or_default().to_string_lossy().into_owned();
        let program = self.0.entry(path.clone()).or_insert_with(|| Program::open(&path));
        program.as_ref().map_or_else(BTreeSet::new, Program::files)
    }

    /// Los sitios de una instrucción: varios, si el compilador metió unas funciones en otras.
    pub(super) fn find(&mut self, frame: &Frame) -> Vec<Place> {
        let object = &frame.object;
        let program = self.0.entry(object.clone()).or_insert_with(|| Program::open(object));
        program.as_ref().map_or_else(Vec::new, |program| program.find(frame))
    }
}

impl Program {
    fn open(path: &str) -> Option<Program> {
        let data = fs::read(path).ok()?;
        let file = object::File::parse(&*data).ok()?;
        let segments = file.segments().map(|segment| {
            let (start, size) = segment.file_range();
            (start, size, segment.address())
        });
        Some(Program { segments: segments.collect(), lines: Loader::new(path).ok()? })
    }

    fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let locations = self.lines.find_location_range(0, u64::MAX);
        for (_, _, location) in locations.into_iter().flatten() {
            if let Some(file) = location.file.filter(|file| !files.contains(*file)) {
                files.insert(file.to_owned());
            }
        }
        files
    }

    fn find(&self, frame: &Frame) -> Vec<Place> {
        // La dirección es la de vuelta: la llamada está justo antes.
        let Some(address) = self.address(frame.offset.saturating_sub(1)) else { return Vec::new() };
        let mut places = Vec::new();
        if let Ok(mut frames) = self.lines.find_frames(address) {
            while let Ok(Some(found)) = frames.next() {
                let Some(location) = found.location else { continue };
                let name = found.function.and_then(|name| Some(name.demangle().ok()?.into_owned()));
                places.push(Place {
                    function: name.as_deref().map(short),
                    file: location.file.map(str::to_owned),
                    line: location.line,
                });
            }
        }
        // El de fuera es la función que strace nombró.
        if let Some(outer) = places.last_mut().filter(|place| place.function.is_none()) {
            outer.function = frame.function.as_deref().map(short);
        }
        places
    }

    fn address(&self, offset: u64) -> Option<u64> {
        let inside = |(start, size, _): &&(u64, u64, u64)| (*start..start + size).contains(&offset);
        self.segments.iter().find(inside).map(|(start, _, address)| offset - start + address)
    }
}

/// Solo el nombre: `on_readable`, de `<impl servidor::Chat>::on_readable`; de un cierre, el de la
/// función en la que está; y sin los tipos con los que se usó.
fn short(name: &str) -> String {
    let (mut depth, mut start, mut end) = (0_u32, 0, None);
    let name = name.replace("::{{closure}}", "").replace("::{closure#0}", "");
    for (at, letter) in name.char_indices() {
        match letter {
            '<' => {
                if depth == 0 {
                    end.get_or_insert(at);
                }
                depth += 1;
            }
            '>' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => (start, end) = (at + 1, None),
            _ => {}
        }
    }
    name[start..end.filter(|end| *end > start).unwrap_or(name.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_nombre_corto_de_una_función() {
        let long = "aplic::event_loop::<impl aplic::server::ChatServer>::on_acceptable";
        assert_eq!(short(long), "on_acceptable");
        assert_eq!(short("<std::net::TcpStream as std::io::Read>::read"), "read");
        assert_eq!(short("servidor::main::{{closure}}::{{closure}}"), "main");
        assert_eq!(short("fill<std::net::tcp::TcpStream>"), "fill");
        assert_eq!(short("main"), "main");
    }
}
