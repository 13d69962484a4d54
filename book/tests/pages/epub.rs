//! El EPUB: lo que un lector exige para abrirlo.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;

use libro::epub;
use roxmltree::Document;
use zip::{CompressionMethod, ZipArchive};

use crate::book::built;

#[test]
fn el_epub_se_puede_abrir() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("libro.epub");
    epub::write(built().folder(), &built().pages, &target).unwrap();

    let mut zip = ZipArchive::new(File::open(&target).unwrap()).unwrap();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for place in 0..zip.len() {
        let mut file = zip.by_index(place).unwrap();
        let name = file.name().unwrap().into_owned();
        if place == 0 {
            assert_eq!(name, "mimetype");
            assert_eq!(file.compression(), CompressionMethod::Stored);
        }
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert!(files.insert(name.clone(), text).is_none(), "{name} está dos veces");
    }
    assert_eq!(files["mimetype"], "application/epub+zip");
    let container = Document::parse(&files["META-INF/container.xml"]).unwrap();
    let root = container.descendants().find_map(|node| node.attribute("full-path")).unwrap();
    let package = Document::parse(&files[root]).unwrap();

    // `2026-01-31T08:00:00Z`, sin fracciones: es la única forma que admite la norma.
    let modified = package.descendants().find_map(|node| {
        node.text().filter(|_| node.attribute("property") == Some("dcterms:modified"))
    });
    let shape: String =
        modified.unwrap().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z");

    let items: BTreeMap<&str, &str> = package
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.idpf.org/2007/opf", "item")))
        .map(|item| (item.attribute("id").unwrap(), item.attribute("href").unwrap()))
        .collect();
    let listed = files.keys().filter(|name| name.starts_with("libro/") && *name != root).count();
    assert_eq!(items.len(), listed, "el manifiesto enumera todos los archivos, y solo esos");
    let drawn: BTreeSet<&str> = package
        .descendants()
        .filter(|node| node.attribute("properties") == Some("svg"))
        .map(|item| item.attribute("href").unwrap())
        .collect();
    for href in items.values().filter(|href| href.ends_with(".xhtml")) {
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let page = &files[&format!("libro/{href}")];
        Document::parse_with_options(page, options)
            .unwrap_or_else(|error| panic!("{href}: {error}"));
        assert_eq!(
            page.contains("<svg"),
            drawn.contains(href),
            "{href}: si lleva dibujos, lo dice"
        );
        assert!(!page.contains("var(--"), "{href}: hay lectores sin variables de CSS");
    }
    let spine: Vec<&str> = package
        .descendants()
        .filter_map(|node| node.attribute("idref"))
        .map(|id| items[id])
        .collect();
    let pages: Vec<String> =
        built().pages.iter().map(|page| page.file.replace(".html", ".xhtml")).collect();
    assert_eq!(spine, pages);
    for page in &pages {
        assert!(files["libro/indice.xhtml"].contains(&format!("href=\"{page}\"")), "{page}");
    }
}
