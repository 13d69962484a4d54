//! Las piezas de un programa en Rust: qué líneas son de cada función y de cada tipo.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// El principio del archivo: lo que dice de sí mismo y lo que trae de fuera.
const START: &str = "principio";

const KEYWORDS: [&str; 12] = [
    "const", "enum", "extern", "fn", "impl", "mod", "static", "struct", "trait", "type", "union",
    "use",
];

/// Lo que acaba en un punto y coma aunque lleve llaves.
const UP_TO_SEMICOLON: [&str; 4] = ["const", "static", "type", "use"];

/// Las de un programa, en orden.
pub(super) type Pieces = Vec<Piece>;

/// Una pieza.
#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    name: String,
    /// El tipo de cuyo `impl` es.
    owner: String,
    lines: Vec<String>,
    /// La primera de un `impl` lleva la línea que lo abre; la última, la que lo cierra.
    opening: Vec<String>,
    closing: Vec<String>,
    /// La línea que abre su `impl`, sea la primera o no.
    block: String,
}

/// Las piezas de un programa. Error: en qué línea no es Rust.
pub(super) fn of(text: &str) -> Result<Pieces, String> {
    let tokens: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| format!("línea {}", error.span().start().line))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    for tokens in items(tokens) {
        let end = last_line(&tokens);
        let here = &lines[start..end];
        let (keyword, name) = described(&tokens);
        match (keyword.as_str(), body(&tokens)) {
            ("impl", Some(body)) => pieces.extend(methods(&name, body, start, &lines)),
            ("" | "use" | "mod" | "extern", _) => pieces.push(Piece::new(START, here)),
            _ => pieces.push(Piece::new(&name, here)),
        }
        start = end;
    }
    Ok(pieces)
}

/// Las de un `impl`, que empieza después de la línea `start`.
fn methods(owner: &str, body: &Group, start: usize, lines: &[&str]) -> Pieces {
    let (open, close) = (body.span_open().start().line, body.span_close().end().line);
    let opening = trimmed(&lines[start..open]);
    let block = opening.last().cloned().unwrap_or_default();
    let mut pieces = Vec::new();
    let mut from = open;
    for tokens in items(body.stream()) {
        let end = last_line(&tokens);
        let piece = Piece::new(&described(&tokens).1, &lines[from..end]);
        pieces.push(Piece { owner: owner.to_owned(), block: block.clone(), ..piece });
        from = end;
    }
    if pieces.is_empty() {
        pieces.push(Piece { block, ..Piece::new(&format!("impl-{owner}"), &[]) });
    }
    let last = pieces.len() - 1;
    if close > open {
        pieces[last].closing = trimmed(&lines[from..close]);
    }
    pieces[0].opening = opening;
    pieces
}

impl Piece {
    fn new(name: &str, lines: &[&str]) -> Piece {
        Piece { name: name.to_owned(), lines: trimmed(lines), ..Piece::default() }
    }

    /// Sus líneas. Las que abren y cierran su `impl`, solo si `other` no lo tiene.
    fn lines_beside(&self, other: &[Piece]) -> Vec<String> {
        let known = other.iter().any(|piece| piece.block == self.block);
        if known || self.block.is_empty() {
            return self.lines.clone();
        }
        [self.opening.clone(), self.lines.clone(), self.closing.clone()].concat()
    }
}

/// Cada pieza de los dos programas, con su nombre y sus líneas en uno y en otro.
pub(super) fn paired(old: &[Piece], new: &[Piece]) -> Vec<(String, Vec<String>, Vec<String>)> {
    let repeated: BTreeSet<&str> =
        [old, new].iter().flat_map(|pieces| names_of_several(pieces)).collect();
    let (was, is) = (named(old, new, &repeated), named(new, old, &repeated));
    let lines = |pieces: &[(String, Vec<String>)], name: &str| {
        let found = pieces.iter().find(|(other, _)| other == name);
        found.map(|(_, lines)| lines.clone()).unwrap_or_default()
    };
    let mut pairs: Vec<_> =
        is.iter().map(|(name, now)| (name.clone(), lines(&was, name), now.clone())).collect();
    let gone = was.iter().filter(|(name, _)| is.iter().all(|(other, _)| other != name));
    pairs.extend(gone.map(|(name, before)| (name.clone(), before.clone(), Vec::new())));
    pairs
}

/// Los nombres que llevan piezas de dueños distintos.
fn names_of_several(pieces: &[Piece]) -> impl Iterator<Item = &str> {
    let differ = |one: &Piece, other: &Piece| one.name == other.name && one.owner != other.owner;
    pieces
        .iter()
        .filter(move |one| pieces.iter().any(|other| differ(one, other)))
        .map(|piece| piece.name.as_str())
}

/// El nombre y las líneas de cada pieza; las que se llaman igual son una sola.
fn named(
    pieces: &[Piece],
    other: &[Piece],
    repeated: &BTreeSet<&str>,
) -> Vec<(String, Vec<String>)> {
    let mut named: Vec<(String, Vec<String>)> = Vec::new();
    for piece in pieces {
        let lines = piece.lines_beside(other);
        let needs_owner = repeated.contains(piece.name.as_str()) && !piece.owner.is_empty();
        let name = if needs_owner {
            format!("{}-{}", piece.owner, piece.name)
        } else {
            piece.name.clone()
        };
        match named.iter_mut().find(|(other, _)| *other == name) {
            Some((_, more)) => more.extend(lines),
            None => named.push((name, lines)),
        }
    }
    named
}

/// Sin líneas vacías al principio ni al final.
fn trimmed(lines: &[&str]) -> Vec<String> {
    let is_full = |line: &&str| !line.trim().is_empty();
    let start = lines.iter().position(is_full).unwrap_or(lines.len());
    let end = lines.iter().rposition(is_full).map_or(start, |last| last + 1);
    lines[start..end].iter().map(|line| (*line).to_owned()).collect()
}

/// Lo que hay en un archivo o en un `impl`: funciones, tipos, constantes…
fn items(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut items = Vec::new();
    let mut item: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let ends = match &token {
            TokenTree::Punct(mark) => mark.as_char() == ';',
            TokenTree::Group(group) => match group.delimiter() {
                Delimiter::Brace => !UP_TO_SEMICOLON.contains(&&*described(&item).0),
                // `#![…]` y `//!`, que para el compilador es lo mismo.
                Delimiter::Bracket => item.len() == 2 && item[1].to_string() == "!",
                _ => false,
            },
            _ => false,
        };
        item.push(token);
        if ends {
            items.push(std::mem::take(&mut item));
        }
    }
    items
}

/// La palabra que dice qué es, y su nombre: el de un `impl` es el de su tipo.
fn described(item: &[TokenTree]) -> (String, String) {
    let words: Vec<String> = item.iter().map(word).collect();
    let is_keyword = |word: &String| KEYWORDS.contains(&word.as_str());
    let Some(mut place) = words.iter().position(is_keyword) else { return Default::default() };
    // De `const fn` y de `unsafe extern "C" fn`, la última.
    while let Some(next) = words[place + 1..].iter().take(2).position(is_keyword) {
        place += next + 1;
    }
    let rest = &words[place + 1..];
    let name = match words[place].as_str() {
        "impl" => implemented(rest),
        _ => rest.first().cloned().unwrap_or_default(),
    };
    (words[place].clone(), name)
}

/// Una palabra o un signo; lo que va entre paréntesis o entre llaves no dice qué es.
fn word(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(_) => String::new(),
        token => token.to_string(),
    }
}

/// El tipo de `impl<T> Trait for Type<T>`.
fn implemented(words: &[String]) -> String {
    let is_name = |word: &&String| word.starts_with(|first: char| first.is_alphabetic());
    let after_for = words.iter().skip_while(|word| *word != "for").skip(1).find(is_name);
    let mut depth = 0;
    let outside = words.iter().filter(|word| {
        depth += i32::from(*word == "<") - i32::from(*word == ">");
        depth == 0
    });
    after_for.or_else(|| outside.into_iter().find(is_name)).cloned().unwrap_or_default()
}

fn body(item: &[TokenTree]) -> Option<&Group> {
    match item.last()? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

fn last_line(item: &[TokenTree]) -> usize {
    item.last().map_or(0, |token| token.span().end().line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "//! Un paso.\nuse a::{b, c};\n\n/// Una cosa.\npub(crate) struct Thing {\n    \
        a: u8,\n}\n// El tope.\nconst MOST: u8 = { 3 };\nimpl<'a> Thing {\n    /// Uno.\n    \
        const fn one() {}\n\n    fn two() {\n    }\n}\nimpl Drop for Other<'_> {\n    fn one() {}\n}\n";

    fn names(pairs: &[(String, Vec<String>, Vec<String>)]) -> Vec<&str> {
        pairs.iter().map(|(name, ..)| name.as_str()).collect()
    }

    #[test]
    fn cada_línea_es_de_una_pieza() {
        let pieces = of(PROGRAM).unwrap();
        let pairs = paired(&pieces, &pieces);
        assert_eq!(names(&pairs), ["principio", "Thing", "MOST", "Thing-one", "two", "Other-one"]);
        assert_eq!(pairs[0].2, ["//! Un paso.", "use a::{b, c};"]);
        assert_eq!(pairs[2].2, ["// El tope.", "const MOST: u8 = { 3 };"]);
        assert_eq!(pairs[3].2, ["    /// Uno.", "    const fn one() {}"]);
    }

    #[test]
    fn un_impl_nuevo_se_abre_y_se_cierra() {
        let (old, new) = (of("fn main() {}\n").unwrap(), of(PROGRAM).unwrap());
        let pairs = paired(&old, &new);
        assert_eq!(pairs[3].2[0], "impl<'a> Thing {");
        assert_eq!(pairs[4].2, ["    fn two() {", "    }", "}"]);
        assert_eq!(pairs.last().unwrap().0, "main");
    }

    #[test]
    fn lo_que_no_es_rust_dice_su_línea() {
        assert_eq!(of("fn a() {}\nfn b() {").unwrap_err(), "línea 2");
    }
}
