//! De los capítulos a las páginas, con mdBook.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mdbook_driver::MDBook;
use mdbook_driver::book::BookItem;
use multiplexacion::cli::Trouble;
use multiplexacion::errors::reason;

use crate::lightening::lighten;
use crate::windows;

/// Dónde deja `cargo libro` las páginas, dentro de `book/`.
pub const OUTPUT: &str = "salida";

/// Un capítulo, en el orden del índice.
#[derive(Debug, Clone)]
pub struct Page {
    /// Su nombre en el índice.
    pub name: String,
    /// Su página, desde la raíz del libro: `ejercicios/02_02_1_eco.html`.
    pub file: String,
    /// Cuántos capítulos lo contienen.
    pub depth: usize,
}

/// Cómo se construye.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Dónde; si falta, en [`OUTPUT`].
    pub output: Option<PathBuf>,
    /// Si las páginas se recargan solas cuando el libro cambia.
    pub reloading: bool,
}

/// Construye el libro que está en `book` y devuelve sus páginas. Errores: falta un capítulo o lo
/// que incluye, o no se puede escribir.
pub fn build(book: &Path, options: &Options) -> Result<Vec<Page>, Trouble> {
    check_sources(book)?;
    let mut mdbook = MDBook::load(book).map_err(|error| mdbook_says(&error))?;
    if let Some(output) = &options.output {
        mdbook.config.build.build_dir.clone_from(output);
    }
    if options.reloading {
        add_script(&mut mdbook, "theme/reload.js").map_err(|error| mdbook_says(&error))?;
    }
    mdbook.build().map_err(|error| mdbook_says(&error))?;
    let folder = mdbook.build_dir_for("html");
    lighten(&folder).map_err(|error| cannot_write(&folder, &error))?;
    let pages = pages(&mdbook);
    let files = pages.iter().map(|page| &*page.file).chain(["print.html"]);
    let beginnings = windows::write(book, &folder)?;
    windows::embed(&folder, files, &beginnings).map_err(|error| cannot_write(&folder, &error))?;
    Ok(pages)
}

fn add_script(mdbook: &mut MDBook, script: &str) -> mdbook_driver::errors::Result<()> {
    let key = "output.html.additional-js";
    let mut scripts: Vec<String> = mdbook.config.get(key)?.unwrap_or_default();
    scripts.push(script.to_owned());
    mdbook.config.set(key, scripts)
}

/// Lo que dice mdBook está en inglés: solo llega aquí lo que [`check_sources`] no vio antes.
fn mdbook_says(error: &mdbook_driver::errors::Error) -> Trouble {
    Trouble::new(
        format!("mdBook no pudo construir el libro ({error:#})"),
        "revisa lo último que cambiaste en book/ o en lessons/",
    )
}

fn pages(mdbook: &MDBook) -> Vec<Page> {
    mdbook
        .iter()
        .filter_map(|item| match item {
            BookItem::Chapter(chapter) => Some(Page {
                name: chapter.name.clone(),
                file: chapter.path.as_ref()?.with_extension("html").to_string_lossy().into_owned(),
                depth: chapter.parent_names.len(),
            }),
            _ => None,
        })
        .collect()
}

/// Comprueba lo que mdBook contaría en inglés, o dejaría pasar: los capítulos del índice y lo que
/// cada uno incluye.
fn check_sources(book: &Path) -> Result<(), Trouble> {
    let source = book.join("src");
    let summary = source.join("SUMMARY.md");
    let text = read(&summary)?;
    for link in links(&text).filter(|link| !link.is_empty()) {
        let chapter = source.join(link);
        if !chapter.is_file() {
            return Err(Trouble::new(
                format!("el índice lleva a «{link}», que no existe"),
                "crea ese capítulo, o quita su línea de book/src/SUMMARY.md",
            ));
        }
        check_includes(&chapter)?;
    }
    Ok(())
}

fn check_includes(chapter: &Path) -> Result<(), Trouble> {
    let text = read(chapter)?;
    for include in text.split("{{#include ").skip(1).filter_map(|rest| rest.split("}}").next()) {
        let (file, anchor) = include.trim().split_once(':').unwrap_or((include.trim(), ""));
        let included = chapter.with_file_name("").join(file);
        let content = fs::read_to_string(&included).unwrap_or_default();
        let found = if anchor.is_empty() || anchor.starts_with(|c: char| c.is_ascii_digit()) {
            included.is_file()
        } else {
            content.contains(&format!("ANCHOR: {anchor}"))
        };
        if !found {
            return Err(Trouble::new(
                format!("{} incluye «{include}», que no existe", chapter.display()),
                "revisa la ruta y el ancla",
            ));
        }
        if included.extension().is_some_and(|extension| extension == "md") {
            check_includes(&included)?;
        }
    }
    Ok(())
}

/// A dónde llevan los enlaces de un texto en Markdown.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn read(path: &Path) -> Result<String, Trouble> {
    fs::read_to_string(path).map_err(|error| cannot_read(path, &error))
}

fn cannot_write(folder: &Path, error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede escribir en {}: {}", folder.display(), reason(error)),
        "revisa sus permisos",
    )
}

fn cannot_read(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede leer {}: {}", path.display(), reason(error)),
        "revisa que la copia del curso esté completa",
    )
}
