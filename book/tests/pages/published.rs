//! Publicado: en una subcarpeta, como en GitHub Pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use libro::server::Site;

use crate::book::{book, built};
use crate::serving::ask;

/// El nombre del repositorio, que es el de la subcarpeta.
const FOLDER: &str = "/curso/";

/// A dónde lleva `target` desde la página `from`: sin la búsqueda ni el ancla.
fn resolved(from: &str, target: &str) -> String {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    if target.is_empty() {
        return from.to_owned();
    }
    let mut path = PathBuf::from("/");
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    for part in Path::new(folder).join(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
    }
    let slash = if target.ends_with('/') { "/" } else { "" };
    format!("{}{slash}", path.display())
}

/// Lo que una página pide o enlaza dentro del sitio. Lo de `<base>` cambia a qué se refiere.
fn targets(page: &str, html: &str) -> Vec<String> {
    let attribute = |name: &str| -> Vec<&str> {
        let start = format!(" {name}=\"");
        html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    };
    let base = html.split("<base href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let inside = |target: &&str| {
        !target.contains("://") && !target.starts_with("data:") && Some(*target) != base
    };
    let found = ["href", "src"].into_iter().flat_map(attribute);
    found.filter(inside).map(|target| resolved(base.unwrap_or(page), target)).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn en_una_subcarpeta_cada_enlace_lleva_a_su_sitio() {
    let folder = tempfile::tempdir().unwrap();
    let published = folder.path().join(FOLDER.trim_matches('/'));
    copy(built().folder(), &published);
    // La página de error se enseña desde cualquier carpeta: la suya se la dice `site-url`, que pone
    // quien publica.
    let error = published.join("404.html");
    let html = fs::read_to_string(&error).unwrap();
    assert_eq!(html.matches("<base href=\"/\">").count(), 1);
    fs::write(&error, html.replace("<base href=\"/\">", &format!("<base href=\"{FOLDER}\">")))
        .unwrap();
    let site = Site::listen(0, folder.path().to_owned()).unwrap();
    site.start().unwrap();

    let mut seen = BTreeSet::from([FOLDER.to_owned(), format!("{FOLDER}404.html")]);
    let mut pending: Vec<(String, String)> =
        seen.iter().map(|page| (String::new(), page.clone())).collect();
    let mut lost = Vec::new();
    while let Some((from, path)) = pending.pop() {
        let answer = ask(&site, &path);
        if !answer.starts_with("HTTP/1.1 200") || !path.starts_with(FOLDER) {
            lost.push(format!("{from} → {path}"));
            continue;
        }
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        if head.contains("text/html") {
            for target in targets(&path, body) {
                if seen.insert(target.clone()) {
                    pending.push((path.clone(), target));
                }
            }
        }
    }
    let pages = seen.iter().filter(|path| path.ends_with(".html")).count();
    assert!(pages > 30, "solo se encontraron {pages} páginas desde la primera");
    assert!(lost.is_empty(), "enlaces que se pierden en una subcarpeta:\n{}", lost.join("\n"));
}

#[test]
fn la_dirección_del_curso_está_en_un_solo_sitio() {
    let read = |path: &str| fs::read_to_string(book().join(path)).unwrap();
    let address = read("src/publicado/direccion.txt");
    let address = address.strip_suffix('\n').unwrap();
    let is_one = address.contains("://") || address.contains('@');
    assert!(address == "DIRECCIÓN" || (is_one && !address.contains(char::is_whitespace)));
    let included = "$ git clone {{#include publicado/direccion.txt}} curso";
    assert!(read("src/preparacion.md").contains(included), "Preparación la toma de su archivo");
    // El léeme no puede tomarla de ningún archivo: nombra el hueco, y dice dónde encontrarla.
    let readme = read("../README.md");
    assert!(readme.contains("$ git clone DIRECCIÓN curso"), "el léeme nombra el hueco");
    let chapter = built().pages.iter().find(|page| page.file == "preparacion.html").unwrap();
    assert!(built().html(chapter).contains(&format!("git clone {address} curso")));
}
