//! Lo que un ejercicio da hecho: qué espera del archivo de quien aprende, y los archivos que no se
//! tocan.

use std::fs;
use std::path::Path;

use crate::course::{Exercise, read};
use crate::git;
use crate::paint;

/// La carpeta donde las copias que se reparten guardan cada archivo dado, como se entregó.
pub(crate) const ORIGINALS: &str = ".originales";

/// Los archivos de un ejercicio que no son de los dados: el de quien aprende y los de quien enseña.
const NOT_GIVEN: [&str; 2] = ["ejercicio.rs", "solucion.rs"];

/// Si `name` es uno de los archivos que un ejercicio da hechos, y no se tocan.
pub(crate) fn is_given(name: &str) -> bool {
    let is_rust = Path::new(name).extension().is_some_and(|ending| ending == "rs");
    is_rust && !name.contains('/') && !NOT_GIVEN.contains(&name)
}

/// Lo que hay que decir de los archivos dados que ya no son como en el curso: una línea por cada uno.
pub(crate) fn touched(exercise: &Exercise) -> Vec<String> {
    let Exercise { id, folder, .. } = exercise;
    let originals = folder.with_file_name(ORIGINALS).join(id);
    let (names, restore) = if originals.is_dir() {
        (differing(&originals, folder), format!("cp exercises/{ORIGINALS}/{id}"))
    } else {
        let base = git::base(folder).unwrap_or_else(|| "HEAD".to_owned());
        let names = git::changed(folder, &base, None).into_iter();
        let names = names.filter(|name| is_given(name)).collect();
        (names, format!("git checkout {base} --"))
    };
    let remark = |name: &String| {
        let file = format!("exercises/{id}/{name}");
        let order = match restore.strip_prefix("cp ") {
            Some(from) => format!("cp {from}/{name} {file}"),
            None => format!("{restore} {file}"),
        };
        format!(
            "{file} no es como en el curso, y no se toca. Para dejarlo como estaba: {}",
            paint::order(&order)
        )
    };
    names.iter().map(remark).collect()
}

/// Los archivos de `originals` que en `folder` son otros, o no están.
fn differing(originals: &Path, folder: &Path) -> Vec<String> {
    let names = fs::read_dir(originals).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let differs =
        |name: &String| fs::read(originals.join(name)).ok() != fs::read(folder.join(name)).ok();
    let mut names: Vec<_> = names.filter(differs).collect();
    names.sort();
    names
}

/// Lo que hay que decir de un archivo que no compila, si el compilador no señala la causa: en inglés,
/// y en las pruebas, que solo lo usan.
pub(crate) fn misfit(exercise: &Exercise, diagnostics: &str) -> Option<String> {
    let work = read(&exercise.work()).ok()?;
    let present = face(&work);
    let expected = face(&exercise.starter().ok()?);
    let missing: Vec<_> = expected.iter().filter(|item| !present.contains(item)).collect();
    if let Some(first) = missing.first() {
        let others = match missing.len() - 1 {
            0 => String::new(),
            1 => " (y falta otro)".to_owned(),
            others => format!(" (y faltan otros {others})"),
        };
        return Some(format!(
            "Las pruebas usan {}, y en tu archivo no está así{others}: conserva su nombre, lo que \
             recibe y lo que devuelve.",
            paint::code(first)
        ));
    }
    let plain = paint::plain(diagnostics);
    let places = || plain.lines().filter_map(|line| line.trim_start().strip_prefix("--> "));
    let in_work = places().any(|place| place.contains("/ejercicio.rs:"));
    (places().next().is_some() && !in_work).then(|| {
        "El compilador señala un archivo que no se toca: lo que no encaja con él está en tu \
         ejercicio.rs."
            .to_owned()
    })
}

/// Lo público de un archivo, como se declara: `pub fn echo<S: Read + Write>(stream: &mut S) -> …`.
fn face(source: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut open: Option<String> = None;
    for line in source.lines().map(str::trim) {
        match &mut open {
            Some(item) => {
                item.push(' ');
                item.push_str(line);
            }
            None if line.starts_with("pub ") => open = Some(line.to_owned()),
            None => continue,
        }
        let is_field = open.as_ref().is_some_and(|item| item.ends_with(',') && !item.contains('('));
        if is_field || line.contains(['{', ';', '=']) {
            items.extend(open.take().map(|item| plain_item(&item)));
        }
    }
    items
}

/// Sin lo que se puede cambiar sin que nadie lo note: el cuerpo, el valor, `mut`, un `_` delante.
fn plain_item(item: &str) -> String {
    let end = item.find(['{', ';']).into_iter().chain(item.find(" = ")).min();
    let item = item[..end.unwrap_or(item.len())].trim_end().trim_end_matches(',');
    let item = item.split_whitespace().collect::<Vec<_>>().join(" ");
    let changes =
        [("( ", "("), (", )", ")"), ("(mut ", "("), (", mut ", ", "), ("(_", "("), (", _", ", ")];
    changes.iter().fold(item, |item, (from, to)| item.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn de_lo_público_cuenta_cómo_se_declara() {
        let source = "pub const LIMIT: usize = 4;\npub struct Room {\n    pub clients: Vec<u8>,\n    own: u8,\n}\n\
                      pub fn chat<K: Read>(\n    keyboard: K,\n    _socket: u8,\n) -> io::Result<()> {\n    todo!()\n}\n\
                      fn own() {}\npub struct Full;\n";
        let items = [
            "pub const LIMIT: usize",
            "pub struct Room",
            "pub clients: Vec<u8>",
            "pub fn chat<K: Read>(keyboard: K, socket: u8) -> io::Result<()>",
            "pub struct Full",
        ];
        assert_eq!(face(source), items);
        let same = "pub fn chat<K: Read>(mut keyboard: K, socket: u8) -> io::Result<()> { Ok(()) }";
        assert_eq!(face(same), [items[3]]);
    }

    #[test]
    fn en_los_ejercicios_lo_público_está_también_en_la_solución() {
        let course = crate::course::Course::open().unwrap();
        for exercise in course.exercises.iter().filter(|exercise| exercise.has_solution()) {
            let solution = face(&read(&exercise.solution()).unwrap());
            for item in face(&exercise.starter().unwrap()) {
                assert!(solution.contains(&item), "{}: {item}", exercise.id);
            }
        }
    }
}
