//! Ligero, y sin salir de la página.

use std::fs;

use libro::lightening::LANGUAGES;

use crate::book::{built, each_page, elements};

/// Lo que puede pesar un capítulo con sus estilos y sus programas, en bytes.
const HEAVIEST: usize = 500_000;

/// Lo que el navegador pide por sí solo al abrir una página.
fn requests(html: &str) -> Vec<&str> {
    const TAGS: [(&str, &str); 10] = [
        ("<link ", "href"),
        ("<script ", "src"),
        ("<img ", "src"),
        ("<iframe ", "src"),
        ("<video ", "src"),
        ("<audio ", "src"),
        ("<source ", "src"),
        ("<embed ", "src"),
        ("<object ", "data"),
        ("<image ", "href"),
    ];
    // Lo que se pide cuando se llega a ello no cuenta.
    let at_once =
        |rest: &&str| !rest.split('>').next().unwrap_or_default().contains("loading=\"lazy\"");
    TAGS.iter()
        .flat_map(|(tag, name)| {
            let found = html.split(tag).skip(1).filter(at_once);
            found.filter_map(|rest| attribute(rest, name))
        })
        .collect()
}

fn attribute<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    rest.split('>').next()?.split_once(&format!("{name}=\""))?.1.split('"').next()
}

#[test]
fn ninguna_petición_sale_de_la_página() {
    for (path, html) in built().files("html") {
        let outside: Vec<_> =
            requests(&html).into_iter().filter(|target| target.contains("//")).collect();
        assert!(outside.is_empty(), "{}: {outside:?}", path.display());
        // Con un bloque así, mdBook pregunta a la página de pruebas de Rust qué sabe ejecutar.
        assert!(!html.contains("class=\"playground\""), "{}", path.display());
    }
    for (path, css) in built().files("css") {
        let outside = css
            .split("url(")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
            .find(|address| address.contains("//") && !address.contains("data:"));
        assert!(outside.is_none() && !css.contains("@import"), "{}: {outside:?}", path.display());
    }
}

#[test]
fn un_capítulo_con_todo_lo_suyo_pesa_menos_de_quinientos_kilobytes() {
    for page in &built().pages {
        let html = built().html(page);
        let place = built().folder().join(&page.file);
        let mut weights = vec![(page.file.clone(), html.len())];
        for target in requests(&html).into_iter().filter(|target| !target.contains("toc.html")) {
            let file = place.with_file_name("").join(target);
            let weight =
                fs::metadata(&file).unwrap_or_else(|error| panic!("{target}: {error}")).len();
            weights.push((target.to_owned(), usize::try_from(weight).unwrap()));
        }
        assert!(weights.len() > 8, "{}: ¿solo {weights:?}?", page.file);
        let total: usize = weights.iter().map(|(_, weight)| weight).sum();
        weights.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        assert!(total < HEAVIEST, "{} pesa {total} bytes: {weights:#?}", page.file);
    }
}

#[test]
fn cada_listado_está_en_un_lenguaje_que_se_colorea() {
    /// Los otros nombres de los que hay: `console` es `shell`, y `text`, `plaintext`.
    const ALIASES: [&str; 3] = ["console", "sh", "text"];
    each_page(|page, root| {
        for class in elements(root, "code").filter_map(|code| code.attribute("class")) {
            let language = class.split(' ').find_map(|class| class.strip_prefix("language-"));
            let known = |name: &str| LANGUAGES.contains(&name) || ALIASES.contains(&name);
            assert!(
                language.is_none_or(known),
                "{}: un listado en «{class}»; si hace falta, añádelo a book/tool/lightening.rs",
                page.file
            );
        }
    });
}
