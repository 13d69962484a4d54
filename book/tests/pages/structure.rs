//! Enlaces, títulos, identificadores, textos alternativos.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use roxmltree::Node;

use crate::book::{built, each_page, elements, text};

/// `ejercicios/../02_02.html` es `02_02.html`.
fn tidy(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut tidied, part| {
        match part {
            Component::ParentDir => drop(tidied.pop()),
            part => tidied.push(part),
        }
        tidied
    })
}

#[test]
fn cada_enlace_lleva_a_algún_sitio() {
    let mut anchors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut links: Vec<(String, String)> = Vec::new();
    each_page(|page, root| {
        let ids = root.descendants().filter_map(|node| node.attribute("id")).map(str::to_owned);
        anchors.insert(page.file.clone(), ids.collect());
        let targets = elements(root, "a").filter_map(|link| link.attribute("href"));
        links.extend(targets.map(|target| (page.file.clone(), target.to_owned())));
    });
    let inside: Vec<_> = links.iter().filter(|(_, target)| !target.contains("://")).collect();
    assert!(inside.len() > 20, "¿solo {} enlaces dentro del libro?", inside.len());
    let lost: Vec<String> = inside
        .into_iter()
        .filter(|(from, target)| {
            let target = target.replace(".xhtml", ".html");
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                PathBuf::from(from)
            } else {
                tidy(&Path::new(from).with_file_name("").join(file))
            };
            match anchors.get(&*path.to_string_lossy()) {
                Some(ids) => !anchor.is_empty() && !ids.contains(anchor),
                None => !built().folder().join(path).is_file(),
            }
        })
        .map(|(from, target)| format!("{from} → {target}"))
        .collect();
    assert!(lost.is_empty(), "enlaces que no llevan a nada:\n{}", lost.join("\n"));
}

#[test]
fn cada_enlace_de_fuera_es_una_dirección_segura() {
    /// Solo se sirve así.
    const PLAIN: [&str; 1] = ["http://www.kegel.com/c10k.html"];
    let mut count = 0;
    each_page(|page, root| {
        for link in elements(root, "a").filter_map(|link| link.attribute("href")) {
            let Some((scheme, rest)) = link.split_once("://") else { continue };
            count += 1;
            let host = rest.split('/').next().unwrap_or_default();
            let host_is_one = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
            let secure = scheme == "https" || PLAIN.contains(&link);
            let clean = link.is_ascii() && !link.contains([' ', '`', '<', '>', '(', ')']);
            let ended = !link.ends_with(['.', ',', ';', ':']);
            assert!(host_is_one && secure && clean && ended, "{}: «{link}»", page.file);
        }
    });
    assert!(count > 20, "¿solo {count} enlaces a otros sitios?");
}

#[test]
fn los_títulos_van_en_orden() {
    each_page(|page, root| {
        let levels: Vec<u32> = root
            .descendants()
            .filter_map(|node| node.tag_name().name().strip_prefix('h')?.parse().ok())
            .collect();
        let first = levels.iter().filter(|&&level| level == 1).count();
        assert_eq!((levels.first(), first), (Some(&1), 1), "{}: un solo título h1", page.file);
        for pair in levels.windows(2) {
            assert!(pair[1] <= pair[0] + 1, "{}: de h{} a h{}", page.file, pair[0], pair[1]);
        }
    });
}

#[test]
fn cada_bloque_de_dos_lenguajes_lleva_python_y_después_rust() {
    each_page(|page, root| {
        for pair in
            elements(root, "div").filter(|it| it.attribute("class") == Some("dos-lenguajes"))
        {
            let listings: Vec<_> = pair.children().filter(Node::is_element).collect();
            let languages: Vec<&str> = listings
                .iter()
                .flat_map(|listing| elements(*listing, "code"))
                .filter_map(|code| code.attribute("class")?.split(' ').next())
                .collect();
            let place = format!("{}: «{}»", page.file, text(pair).trim());
            assert_eq!(languages, ["language-python", "language-rust"], "{place}");
            assert!(listings.iter().all(|it| it.has_tag_name("pre")), "{place}");
        }
    });
}

#[test]
fn ningún_identificador_se_repite_en_su_página() {
    each_page(|page, root| {
        let mut seen = BTreeSet::new();
        for id in root.descendants().filter_map(|node| node.attribute("id")) {
            assert!(seen.insert(id), "{}: «{id}» está dos veces", page.file);
        }
    });
}

#[test]
fn cada_imagen_tiene_texto_alternativo() {
    each_page(|page, root| {
        for image in elements(root, "img") {
            let alternative = image.attribute("alt").unwrap_or_default();
            assert!(!alternative.is_empty(), "{}: {:?}", page.file, image.attribute("src"));
        }
        for drawing in elements(root, "svg") {
            let described = ["title", "desc"].iter().all(|name| {
                elements(drawing, name).next().is_some_and(|node| !text(node).trim().is_empty())
            });
            assert!(described, "{}: un SVG sin título o sin descripción", page.file);
            assert_eq!(drawing.attribute("role"), Some("img"), "{}", page.file);
        }
    });
}

#[test]
fn cada_página_dice_que_está_en_español() {
    for page in &built().pages {
        assert!(built().html(page).contains("<html lang=\"es\""), "{}", page.file);
    }
}

#[test]
fn no_queda_ninguna_orden_de_mdbook_sin_cumplir() {
    for (path, html) in built().files("html") {
        assert!(!html.contains("{{#"), "{}", path.display());
        assert!(
            !html.contains("blockquote-tag-title"),
            "{}: «[!NOTE]» y las demás ponen un título en inglés; usa una cita corriente",
            path.display()
        );
    }
}
