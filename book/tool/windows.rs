//! Las ventanas de un capítulo: cada grabación, en una página suya, y esa página dentro del capítulo.
//!
//! En el texto, una ventana es un `<div class="ventana" data-grabacion="NOMBRE">` con su pie, y un
//! enlace a un paso suyo, `[…](ventana/NOMBRE.html#paso=42 "…")`. Con un mdBook cualquiera se leen el
//! pie y los enlaces.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;
use multiplexacion::errors::reason;
use serde_json::Value;
use ventana::{open, page, turns};

/// Dónde quedan sus páginas, dentro del libro.
pub const FOLDER: &str = "ventana";

const START: &str = "<div class=\"ventana\" data-grabacion=\"";

/// Una grabación de las que muestra el libro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// `02_03`.
    pub name: String,
    /// Su archivo, en JSON Lines.
    pub path: PathBuf,
}

/// Las que muestra el libro que está en `book`: las de cada lección y las de los ejemplos.
pub fn recordings(book: &Path) -> io::Result<Vec<Recording>> {
    let mut folders = vec![book.join("ejemplos/grabaciones")];
    for lesson in fs::read_dir(book.join("../lessons")).into_iter().flatten() {
        folders.push(lesson?.path().join("grabaciones"));
    }
    let mut found = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Recording { name, path });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Los pasos de una grabación: la frase de cada uno. Errores: no se puede leer.
pub fn steps(recording: &Recording) -> Result<Vec<String>, Trouble> {
    Ok(said(&page::told(open::open(&recording.path)?.records)))
}

fn said(told: &[Value]) -> Vec<String> {
    turns::turns(told).into_iter().map(|turn| turn.text).collect()
}

/// El paso por el que se abre cada grabación, según su nombre.
pub(crate) type Beginnings = BTreeMap<String, usize>;

/// Escribe la página de cada grabación del libro que está en `book`, en su construcción, `folder`.
pub(crate) fn write(book: &Path, folder: &Path) -> Result<Beginnings, Trouble> {
    let folder = folder.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| cannot_write(&error))?;
    let mut beginnings = Beginnings::new();
    for recording in recordings(book).map_err(|error| cannot_write(&error))? {
        let told = page::told(open::open(&recording.path)?.records);
        beginnings.insert(recording.name.clone(), beginning(&said(&told)));
        let file = folder.join(format!("{}.html", recording.name));
        fs::write(file, page::html(told.into_iter())).map_err(|error| cannot_write(&error))?;
    }
    Ok(beginnings)
}

/// La primera vez que alguien se duerme: lo de antes es arrancar, y es igual en todos.
fn beginning(steps: &[String]) -> usize {
    steps.iter().position(|said| said.contains("a dormir")).map_or(1, |index| index + 1)
}

fn cannot_write(error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se pueden escribir las ventanas: {}", reason(error)),
        "revisa los permisos de book/salida",
    )
}

/// Pone cada ventana en su sitio, en las páginas del libro ya construido que están en `folder`.
pub(crate) fn embed<'a>(
    folder: &Path,
    pages: impl Iterator<Item = &'a str>,
    beginnings: &Beginnings,
) -> io::Result<()> {
    for file in pages {
        let page = fs::read_to_string(folder.join(file))?;
        if page.contains(START) {
            let page = with_windows(&page, file.matches('/').count(), beginnings);
            fs::write(folder.join(file), page)?;
        }
    }
    Ok(())
}

/// La página, con cada ventana en su sitio; está a `depth` carpetas de la raíz del libro.
fn with_windows(page: &str, depth: usize, beginnings: &Beginnings) -> String {
    let up = "../".repeat(depth);
    let mut pieces = page.split(START);
    let mut written = pieces.next().unwrap_or_default().to_owned();
    let mut shown = Vec::new();
    for piece in pieces {
        let (name, rest) = piece.split_once("\">").unwrap_or((piece, ""));
        shown.push(name);
        written.push_str(START);
        written.push_str(name);
        written.push_str("\">");
        let step = beginnings.get(name).copied().unwrap_or(1);
        written.push_str(&frame(&up, name, step));
        written.push_str(rest);
    }
    shown.iter().fold(written, |page, name| with_steps_inside(&page, &up, name))
}

fn frame(up: &str, name: &str, step: usize) -> String {
    format!(
        "\n<iframe src=\"{up}{FOLDER}/{name}.html#paso={step}\" name=\"ventana-{name}\" loading=\"lazy\" \
         title=\"La ventana: una grabación, paso a paso\"></iframe>\n\
         <p class=\"aparte\"><a href=\"{up}{FOLDER}/{name}.html\">Ábrela en su propia página</a></p>"
    )
}

/// Un enlace a un paso de una ventana que está en la misma página se abre en ella. En papel, que no se
/// pulsa, se lee qué paso es.
fn with_steps_inside(page: &str, up: &str, name: &str) -> String {
    let link = format!("<a href=\"{up}{FOLDER}/{name}.html#paso=");
    let mut pieces = page.split(&link);
    let before = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(before, |page, piece| {
        let number: String = piece.chars().take_while(char::is_ascii_digit).collect();
        let inside = format!("<a target=\"ventana-{name}\" data-paso=\"paso {number}\" ");
        page + &link.replace("<a ", &inside) + piece
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_ventana_se_abre_en_su_capítulo_y_sus_pasos_en_ella() {
        let page = "<p><a href=\"../ventana/a.html#paso=2\" title=\"x\">2</a></p>\n\
                    <div class=\"ventana\" data-grabacion=\"a\">\n<p>Pie.</p>\n</div>\n\
                    <a href=\"../ventana/b.html#paso=3\">3</a>";
        let page = with_windows(page, 1, &Beginnings::from([("a".to_owned(), 7)]));
        assert!(
            page.contains("<iframe src=\"../ventana/a.html#paso=7\" name=\"ventana-a\""),
            "{page}"
        );
        assert!(
            page.contains(
                "<a target=\"ventana-a\" data-paso=\"paso 2\" href=\"../ventana/a.html#paso=2\""
            ),
            "{page}"
        );
        assert!(page.contains("<a href=\"../ventana/b.html#paso=3\">"), "{page}");
        assert_eq!(page.matches("Pie.").count(), 1);
    }
}
