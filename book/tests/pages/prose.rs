//! La ortografía, con hunspell y el diccionario de Debian.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use harness::tools;
use roxmltree::Node;

use crate::book::{book, each_page};

/// Lo que no es prosa: código y, en cursiva, palabras de otra lengua.
const NOT_PROSE: [&str; 5] = ["code", "pre", "kbd", "em", "style"];

fn is_prose(node: &Node<'_, '_>) -> bool {
    node.ancestors().all(|around| {
        !NOT_PROSE.contains(&around.tag_name().name()) && around.attribute("class") != Some("mono")
    })
}

/// Las palabras de un texto. No lo son los números, las rutas ni los identificadores, como
/// `select(2)` o `https://…`; las siglas no se miran.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .filter(|word| !word.contains(|c: char| c.is_ascii_digit() || "_/@=<>|\\".contains(c)))
        .filter(|word| !word.contains("::"))
        .flat_map(|word| word.split(|c: char| !c.is_alphabetic()))
        .filter(|word| word.chars().count() > 1 && word.chars().any(char::is_lowercase))
}

/// Las que hunspell no conoce.
fn unknown(words: &[String]) -> std::io::Result<Vec<String>> {
    let mut hunspell = Command::new("hunspell")
        .args(["-d", "es_ES", "-i", "utf-8", "-l"])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = hunspell.stdin.take().unwrap();
    let list = words.join("\n");
    let writer = std::thread::spawn(move || input.write_all(list.as_bytes()));
    let output = hunspell.wait_with_output()?;
    writer.join().unwrap()?;
    assert!(output.status.success(), "hunspell: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn vocabulary() -> Vec<String> {
    let text = fs::read_to_string(book().join("vocabulario.txt")).unwrap();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn la_ortografía_es_impecable() {
    let accepted = vocabulary();
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    each_page(|page, root| {
        for node in root.descendants().filter(|node| node.is_text() && is_prose(node)) {
            for word in words(node.text().unwrap_or_default()) {
                places.entry(word.to_owned()).or_insert_with(|| page.file.clone());
            }
        }
    });
    assert!(places.len() > 1000, "¿solo {} palabras en todo el libro?", places.len());
    let known = |word: &str| accepted.iter().any(|term| term.to_lowercase() == word.to_lowercase());
    let asked: Vec<String> = places.keys().filter(|word| !known(word)).cloned().collect();
    // Su diccionario es el de hunspell-es.
    if !tools::available("hunspell", "la ortografía").unwrap() {
        return;
    }
    let wrong: Vec<String> = unknown(&asked)
        .unwrap()
        .iter()
        .map(|word| format!("{word} ({})", places.get(word).map_or("?", String::as_str)))
        .collect();
    assert!(
        wrong.is_empty(),
        "palabras desconocidas; corrígelas, o añádelas a book/vocabulario.txt:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn el_vocabulario_está_en_orden_y_sin_repetidas() {
    let words = vocabulary();
    let mut sorted = words.clone();
    sorted.sort_by_key(|word| (word.to_lowercase(), word.clone()));
    sorted.dedup_by_key(|word| word.to_lowercase());
    assert_eq!(words, sorted);
}
