//! Páginas sin lo que les sobra: mdBook lleva los colores de cincuenta lenguajes, y su buscador, que
//! aquí hace otro.

use std::fs;
use std::io;
use std::path::Path;

use crate::listings::{with_columns, without_margins};

/// Los lenguajes de los listados.
pub const LANGUAGES: [&str; 6] = ["bash", "lua", "plaintext", "python", "rust", "shell"];

/// Los programas del buscador de mdBook, al que sustituye `theme/search.js`.
const UNUSED: [&str; 3] = ["elasticlunr-", "mark-", "searcher-"];

/// Aligera lo que mdBook dejó en una carpeta. Lo que no encuentra como espera se queda como está.
pub(crate) fn lighten(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is = |ending: &str| path.extension().is_some_and(|extension| extension == ending);
        if path.is_dir() {
            lighten(&path)?;
        } else if is("html") {
            rewrite(&path, |page| with_columns(&without_margins(&without_scripts(page))))?;
        } else if is("js") && name.starts_with("highlight-") {
            rewrite(&path, without_languages)?;
        }
    }
    Ok(())
}

fn rewrite(path: &Path, change: impl Fn(&str) -> String) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    fs::write(path, change(&text))
}

/// La página, sin las líneas que piden esos programas: están después de lo que se lee.
fn without_scripts(page: &str) -> String {
    let (content, rest) = page.split_at(page.rfind("</main>").unwrap_or(0));
    let is_unused = |line: &str| {
        let source =
            line.trim().strip_prefix("<script src=\"").and_then(|rest| rest.split('"').next());
        let name = source.and_then(|source| source.rsplit('/').next()).unwrap_or_default();
        UNUSED.iter().any(|unused| name.starts_with(unused))
    };
    let rest: String = rest.split_inclusive('\n').filter(|line| !is_unused(line)).collect();
    content.to_owned() + &rest
}

/// highlight.js, sin los lenguajes de otros libros.
fn without_languages(script: &str) -> String {
    const START: &str = "hljs.registerLanguage(\"";
    let mut pieces = script.split(START);
    let core = pieces.next().unwrap_or_default().to_owned();
    let is_ours = |piece: &&str| LANGUAGES.contains(&piece.split('"').next().unwrap_or_default());
    pieces.filter(is_ours).fold(core, |script, piece| script + START + piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_página_pierde_solo_los_programas_del_otro_buscador() {
        let page = "<script src=\"../mark-09e8.min.js\"></script>\n<p>mark-x</p>\n\
                    <script src=\"theme/search-a7.js\"></script>\n";
        assert_eq!(
            without_scripts(page),
            "<p>mark-x</p>\n<script src=\"theme/search-a7.js\"></script>\n"
        );
    }

    #[test]
    fn los_colores_se_quedan_con_los_lenguajes_del_libro() {
        let script =
            "var hljs=1;\nhljs.registerLanguage(\"nim\",n);\nhljs.registerLanguage(\"rust\",r);\n";
        assert_eq!(without_languages(script), "var hljs=1;\nhljs.registerLanguage(\"rust\",r);\n");
    }
}
