//! Cada capítulo dice lo que se tarda, y es lo que pide su longitud.

use roxmltree::Node;

use crate::book::{each_page, elements, text};

/// Lo que se lee en un minuto.
const WORDS: usize = 150;
const LISTING_LINES: usize = 15;

/// Lo que se consulta, o no es para quien estudia: decirlo no hace falta.
const CONSULTED: [&str; 8] = [
    "contratos/",
    "docentes.",
    "ejercicios.",
    "ejercicios/",
    "glosario.",
    "ordenes.",
    "portada.",
    "referencias.",
];

#[test]
fn cada_capítulo_dice_cuánto_se_tarda() {
    let mut wrong = Vec::new();
    each_page(|page, root| {
        let needed = needed(root);
        let near = (needed * 3 / 10).max(10);
        match said(root) {
            Some(minutes) if minutes % 5 != 0 || minutes.abs_diff(needed) > near => {
                wrong.push(format!("{}: dice {minutes} minutos, y pide {needed}", page.file));
            }
            None if !CONSULTED.iter().any(|consulted| page.file.starts_with(consulted)) => {
                wrong.push(format!(
                    "{}: tras el título falta «*Tiempo: unos {} minutos.*»",
                    page.file,
                    (needed.max(5) + 2) / 5 * 5
                ));
            }
            _ => {}
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Los minutos del primer párrafo tras el título: «*Tiempo: unos 20 minutos.*».
fn said(root: Node<'_, '_>) -> Option<usize> {
    let title = elements(root, "h1").next()?;
    let first = title.next_siblings().skip(1).find(Node::is_element)?;
    let alone = first.children().filter(Node::is_element).count() == 1;
    let emphasis = first.first_element_child().filter(|it| alone && it.has_tag_name("em"))?;
    text(emphasis).strip_prefix("Tiempo: unos ")?.strip_suffix(" minutos.")?.parse().ok()
}

/// Los que pide leerlo: su prosa, sus listados y lo plegado, menos lo que es para docentes.
fn needed(root: Node<'_, '_>) -> usize {
    let is_for_students = |node: &Node<'_, '_>| {
        node.ancestors().all(|around| around.attribute("class") != Some("docente"))
    };
    let (mut words, mut lines) = (0, 0);
    for node in root.descendants().filter(|node| node.is_text() && is_for_students(node)) {
        let is_in = |name: &str| node.ancestors().any(|around| around.has_tag_name(name));
        let text = node.text().unwrap_or_default();
        if is_in("pre") {
            lines += text.matches('\n').count();
        } else if !is_in("svg") {
            words += text.split_whitespace().count();
        }
    }
    words / WORDS + lines / LISTING_LINES
}
