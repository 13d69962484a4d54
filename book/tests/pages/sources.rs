//! De dónde sale el libro: lo que se escribe solo, y lo que nadie lee.

use std::fs;

use libro::generated;
use roxmltree::Document;

use crate::book::{book, built};

#[test]
fn lo_que_se_escribe_solo_está_al_día() {
    let current = generated::all(book()).unwrap();
    let stale: Vec<_> =
        current.iter().filter(|file| !file.is_current()).map(|file| &file.path).collect();
    assert!(stale.is_empty(), "ejecuta `cargo libro --no-abrir`; no están al día: {stale:#?}");
    let leftovers = generated::leftovers(book(), &current).unwrap();
    assert!(leftovers.is_empty(), "ejecuta `cargo libro --no-abrir`; sobran: {leftovers:#?}");
}

#[test]
fn cada_dibujo_es_un_svg_con_su_texto_alternativo() {
    let mut drawings = generated::all(book()).unwrap();
    drawings.retain(|file| file.path.extension().is_some_and(|extension| extension == "svg"));
    assert!(!drawings.is_empty());
    for drawing in drawings {
        let place = drawing.path.display();
        let tree =
            Document::parse(&drawing.text).unwrap_or_else(|error| panic!("{place}: {error}"));
        let svg = tree.root_element();
        let labels = svg.attribute("aria-labelledby").unwrap();
        for id in labels.split(' ') {
            let label = svg.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert!(label.text().is_some_and(|text| text.len() > 10), "{place}: {id}");
        }
        assert!(!drawing.text.contains("rgb("), "{place}: un color que no sigue al tema");
        let width: f64 = svg.attribute("width").unwrap().parse().unwrap();
        assert!(width <= 520.0, "{place}: {width} de ancho no se lee en un teléfono");
        // En Markdown, una línea en blanco acabaría con el HTML.
        assert!(drawing.text.lines().all(|line| !line.trim().is_empty()), "{place}");
    }
}

#[test]
fn cada_capítulo_de_src_está_en_el_índice() {
    let listed: Vec<String> =
        built().pages.iter().map(|page| page.file.replace(".html", ".md")).collect();
    for entry in fs::read_dir(book().join("src")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let is_chapter = name.ends_with(".md") && name != "SUMMARY.md" && name != "404.md";
        assert!(!is_chapter || listed.contains(&name), "{name} no está en SUMMARY.md");
    }
}
