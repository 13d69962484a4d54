//! Los términos del glosario, para el buscador: quien escribe *thread* busca «hilo».

use std::fs;
use std::io;
use std::path::Path;

use super::file::Generated;

/// Un término: una fila de la tabla de `src/glosario.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    spanish: String,
    english: String,
    /// Dónde se explica: `antes_de_empezar.html#esperar-es-dormir`.
    address: String,
    /// Qué es, sin marcas.
    meaning: String,
}

/// `theme/glosario.js`, con los términos.
pub(super) fn all(book: &Path) -> io::Result<Vec<Generated>> {
    let text = fs::read_to_string(book.join("src/glosario.md"))?;
    let lines: Vec<String> = terms(&text)?.iter().map(line).collect();
    let text = format!(
        "// Lo escribe `cargo libro` con los términos de src/glosario.md.\n\
         'use strict';\n\nwindow.glosario = [\n{}];\n",
        lines.concat()
    );
    Ok(vec![Generated { path: book.join("theme/glosario.js"), text }])
}

fn terms(text: &str) -> io::Result<Vec<Term>> {
    text.lines().filter(|line| line.starts_with("| [")).map(term).collect()
}

fn term(row: &str) -> io::Result<Term> {
    let wrong = || {
        let says = format!(
            "en src/glosario.md, «{row}» no es «| [término](enlace) | *inglés* | qué es |»"
        );
        io::Error::new(io::ErrorKind::InvalidData, says)
    };
    let inside =
        row.strip_prefix("| [").and_then(|row| row.strip_suffix(" |")).ok_or_else(wrong)?;
    let (spanish, rest) = inside.split_once("](").ok_or_else(wrong)?;
    let (address, rest) = rest.split_once(") | ").ok_or_else(wrong)?;
    let (english, meaning) = rest.split_once(" | ").ok_or_else(wrong)?;
    Ok(Term {
        spanish: spanish.to_owned(),
        english: plain(english),
        address: address.replacen(".md", ".html", 1),
        meaning: plain(meaning),
    })
}

fn plain(markdown: &str) -> String {
    markdown.replace(['*', '`', '\\'], "")
}

fn line(term: &Term) -> String {
    let Term { spanish, english, address, meaning } = term;
    // Las cadenas de Rust se escriben como las de JavaScript; no hay caracteres de control.
    format!(
        "    {{spanish: {spanish:?}, english: {english:?}, \
         address: {address:?}, meaning: {meaning:?}}},\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_fila_del_glosario() {
        let row = "| [tubería](a/b.md#c-d) | *pipe* | Se escribe con `\\|`. Véase *canal*. |";
        assert_eq!(
            term(row).ok(),
            Some(Term {
                spanish: "tubería".into(),
                english: "pipe".into(),
                address: "a/b.html#c-d".into(),
                meaning: "Se escribe con |. Véase canal.".into(),
            })
        );
        assert!(term("| [x](y) sin más |").is_err());
    }
}
