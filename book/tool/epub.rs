//! De las páginas a un EPUB 3, con <https://www.w3.org/TR/epub-33/> a la vista.
//!
//! Un EPUB es un ZIP con las mismas páginas en XHTML, que es HTML escrito como XML: todo elemento
//! se cierra. mdBook ya escribe sus atributos entre comillas, así que la distancia es corta.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::building::Page;
use crate::windows;

const TITLE: &str = "Mejorando el desempeño: multiplexación de sockets";
const STYLE: &str = include_str!("../theme/epub.css");
const CONTAINER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <container version=\"1.0\" xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\">\n\
    <rootfiles><rootfile full-path=\"libro/contenido.opf\" \
    media-type=\"application/oebps-package+xml\"/></rootfiles>\n</container>\n";

/// Escribe en `target` el libro cuyas páginas están en `folder`.
pub fn write(folder: &Path, pages: &[Page], target: &Path) -> io::Result<()> {
    let mut zip = ZipWriter::new(File::create(target)?);
    // El primero y sin comprimir: así se reconoce un EPUB por sus primeros bytes.
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("mimetype", stored)?;
    zip.write_all(b"application/epub+zip")?;
    let mut add = |name: &str, text: &str| -> io::Result<()> {
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(name, deflated)?;
        zip.write_all(text.as_bytes())
    };
    add("META-INF/container.xml", CONTAINER)?;
    let bodies = pages
        .iter()
        .map(|page| fs::read_to_string(folder.join(&page.file)).map(|html| chapter(&html)))
        .collect::<io::Result<Vec<String>>>()?;
    add("libro/contenido.opf", &package(pages, &bodies))?;
    add("libro/indice.xhtml", &contents(pages))?;
    add("libro/estilo.css", STYLE)?;
    for (page, body) in pages.iter().zip(&bodies) {
        let up = "../".repeat(page.file.matches('/').count());
        add(&format!("libro/{}", xhtml_name(&page.file)), &document(&page.name, &up, body))?;
    }
    zip.finish()?;
    Ok(())
}

fn xhtml_name(file: &str) -> String {
    file.replace(".html", ".xhtml")
}

/// El contenido de una página, lo que va en su `<main>`, en XHTML.
pub fn chapter(html: &str) -> String {
    let main = html.split_once("<main>").map_or(html, |(_, rest)| rest);
    let main = main.split_once("</main>").map_or(main, |(main, _)| main);
    let mut xhtml = String::new();
    let mut rest = main;
    while let Some(start) = rest.find('<') {
        let end = tag_end(&rest[start..]).map_or(rest.len(), |length| start + length);
        xhtml.push_str(&rest[..start]);
        xhtml.push_str(&tag(&rest[start..end]));
        rest = &rest[end..];
    }
    xhtml + rest
}

/// Dónde acaba una etiqueta: en el `>` que no está entre comillas.
fn tag_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(place, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(place + 1)
    })
}

fn tag(tag: &str) -> String {
    const VOID: [&str; 6] = ["br", "hr", "img", "input", "wbr", "col"];
    let name: String = tag[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
    if name == "input" {
        return if tag.contains(" checked") { "☑" } else { "☐" }.to_owned();
    }
    // Las ventanas necesitan un navegador: de ellas queda el pie, y de sus enlaces, el texto.
    if name == "iframe" || tag == "</iframe>" {
        return String::new();
    }
    if name == "a" && tag.contains(&format!("{}/", windows::FOLDER)) {
        return "<a>".to_owned();
    }
    // Los nombres de SVG distinguen mayúsculas en XML, y en HTML no.
    let mut tag = plain_colors(tag).replace("viewbox=", "viewBox=");
    if name == "a" && !tag.contains("://") {
        tag = tag.replace(".html", ".xhtml");
    }
    if VOID.contains(&name.as_str()) && !tag.ends_with("/>") {
        tag.insert(tag.len() - 1, '/');
    }
    tag
}

/// El color de respaldo de cada dibujo, `var(--dibujo-x, #abc)`: hay lectores sin variables.
fn plain_colors(tag: &str) -> String {
    let mut plain = String::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once("var(--") {
        let (variable, after) = after.split_once(')').unwrap_or((after, ""));
        plain.push_str(before);
        plain.push_str(variable.split_once(", ").map_or("currentColor", |(_, color)| color));
        rest = after;
    }
    plain + rest
}

fn document(title: &str, up: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:epub=\"http://www.idpf.org/2007/ops\" \
         lang=\"es\" xml:lang=\"es\">\n<head>\n<title>{}</title>\n\
         <link rel=\"stylesheet\" type=\"text/css\" href=\"{up}estilo.css\"/>\n</head>\n\
         <body>\n{body}\n</body>\n</html>\n",
        escape(title)
    )
}

/// El índice: una lista dentro de otra por cada nivel.
fn contents(pages: &[Page]) -> String {
    let mut list = String::new();
    let mut depth = 0;
    for (place, page) in pages.iter().enumerate() {
        if place > 0 && page.depth > depth {
            list.push_str("\n<ol>\n");
        } else if place > 0 {
            list.push_str(&"</li>\n</ol>\n".repeat(depth - page.depth));
            list.push_str("</li>\n");
        }
        depth = page.depth;
        let _ =
            write!(list, "<li><a href=\"{}\">{}</a>", xhtml_name(&page.file), escape(&page.name));
    }
    list.push_str(&"</li>\n</ol>\n".repeat(depth));
    let body =
        format!("<nav epub:type=\"toc\">\n<h1>Índice</h1>\n<ol>\n{list}</li>\n</ol>\n</nav>");
    document("Índice", "", &body)
}

/// Lo que el EPUB trae, y en qué orden se lee. De cada página hay que decir si lleva dibujos.
fn package(pages: &[Page], bodies: &[String]) -> String {
    let mut manifest = String::new();
    let mut spine = String::new();
    for (place, (page, body)) in pages.iter().zip(bodies).enumerate() {
        let drawn = if body.contains("<svg") { " properties=\"svg\"" } else { "" };
        let _ = writeln!(
            manifest,
            "<item id=\"p{place}\" href=\"{}\" media-type=\"application/xhtml+xml\"{drawn}/>",
            xhtml_name(&page.file)
        );
        let _ = writeln!(spine, "<itemref idref=\"p{place}\"/>");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" unique-identifier=\"id\" \
         xml:lang=\"es\">\n<metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n\
         <dc:identifier id=\"id\">urn:multiplexacion:libro</dc:identifier>\n\
         <dc:title>{TITLE}</dc:title>\n<dc:language>es</dc:language>\n\
         <meta property=\"dcterms:modified\">{:.0}</meta>\n</metadata>\n<manifest>\n\
         <item id=\"indice\" href=\"indice.xhtml\" media-type=\"application/xhtml+xml\" \
         properties=\"nav\"/>\n<item id=\"estilo\" href=\"estilo.css\" media-type=\"text/css\"/>\n\
         {manifest}</manifest>\n<spine>\n{spine}</spine>\n</package>\n",
        format_rfc3339_seconds(SystemTime::now())
    )
}

fn escape(text: &str) -> String {
    text.replace('`', "").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_html_pasa_a_xhtml() {
        let html = "<main><p title=\"a > b\">x<br>y<input checked=\"\" type=\"checkbox\"></p>\
                    <a href=\"x.html#y\">z</a><iframe src=\"ventana/v.html\"></iframe>\
                    <a href=\"ventana/v.html#paso=1\">v</a><a href=\"https://a.es/x.html\">w</a>\
                    <path style=\"fill:var(--dibujo-a, #fff);stroke:var(--b)\" /></main>";
        assert_eq!(
            chapter(html),
            "<p title=\"a > b\">x<br/>y☑</p><a href=\"x.xhtml#y\">z</a><a>v</a>\
             <a href=\"https://a.es/x.html\">w</a><path style=\"fill:#fff;stroke:currentColor\" />"
        );
    }
}
