//! El glosario: cada término se usa, y su enlace lleva a donde se explica.

use std::collections::BTreeMap;

use roxmltree::Node;

use crate::book::{each_page, elements, text};

/// Un término, y la página y el título a los que lleva.
struct Term {
    name: String,
    file: String,
    anchor: String,
}

/// Un texto del libro: dónde está, y sus palabras sin tildes ni terminación.
struct Prose {
    file: String,
    /// El título de cada sección que lo contiene.
    anchors: Vec<String>,
    words: Vec<String>,
    /// Si destaca: va en negrita, o es el título.
    stands_out: bool,
}

/// La raíz de un verbo que cambia en sus formas.
const IRREGULAR: [(&str, &str); 1] = [("cierr", "cerr")];

const GLOSSARY: &str = "glosario.html";

#[test]
fn cada_término_del_glosario_se_explica_donde_dice_su_enlace() {
    let (mut terms, mut proses) = (Vec::new(), Vec::new());
    each_page(|page, root| {
        if page.file == GLOSSARY {
            terms = elements(root, "tr").filter_map(term).collect();
        } else {
            proses.extend(read(&page.file, root));
        }
    });
    assert!(terms.len() > 20, "no se encuentran los términos");
    let faults: Vec<String> = terms.iter().filter_map(|term| fault(term, &proses)).collect();
    assert!(faults.is_empty(), "en book/src/glosario.md:\n{}", faults.join("\n"));
}

/// La primera celda de una fila: `[término](página#título)`.
fn term(row: Node<'_, '_>) -> Option<Term> {
    let link = elements(elements(row, "td").next()?, "a").next()?;
    let address = link.attribute("href")?.replace(".xhtml", ".html");
    let (file, anchor) = address.split_once('#').unwrap_or((&address, ""));
    Some(Term { name: text(link), file: file.to_owned(), anchor: anchor.to_owned() })
}

fn fault(term: &Term, proses: &[Prose]) -> Option<String> {
    let Term { name, file, anchor } = term;
    let wanted = stems(name);
    let uses: Vec<&Prose> = proses.iter().filter(|prose| prose.says(&wanted)).collect();
    let here = |prose: &&&Prose| prose.file == *file && prose.anchors.contains(anchor);
    let places = |wanted: &dyn Fn(&Prose) -> bool| {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for prose in uses.iter().filter(|prose| wanted(prose)) {
            let anchor = prose.anchors.last().map_or("", String::as_str);
            *count.entry(format!("{}#{anchor}", prose.file)).or_default() += 1;
        }
        let list: Vec<String> =
            count.iter().map(|(place, times)| format!("{place} ({times})")).take(6).collect();
        if list.is_empty() { "en ningún sitio".to_owned() } else { list.join(", ") }
    };
    if uses.is_empty() {
        Some(format!("«{name}» no se usa en ningún otro capítulo"))
    } else if uses.iter().find(here).is_none() {
        Some(format!("«{name}» no está en {file}#{anchor}; está en {}", places(&|_| true)))
    } else if !uses.iter().filter(here).any(|prose| prose.stands_out) {
        let bold = places(&|prose| prose.stands_out);
        Some(format!(
            "«{name}» no va en negrita ni es el título en {file}#{anchor}; destaca: {bold}"
        ))
    } else {
        None
    }
}

/// Los párrafos, celdas y títulos de una página; y, aparte, lo que en ellos va en negrita.
fn read(file: &str, root: Node<'_, '_>) -> Vec<Prose> {
    let mut open: Vec<(u32, String)> = Vec::new();
    let mut proses = Vec::new();
    for node in root.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        let level = name.strip_prefix('h').and_then(|level| level.parse::<u32>().ok());
        if let Some(level) = level {
            open.retain(|(other, _)| *other < level);
            open.push((level, node.attribute("id").unwrap_or_default().to_owned()));
        }
        // El enunciado de una pregunta va siempre en negrita.
        let is_question = |it: Node<'_, '_>| {
            it.attribute("class").is_some_and(|class| class.starts_with("pregunta"))
        };
        if node.ancestors().any(is_question) {
            continue;
        }
        let is_prose = level.is_some() || ["p", "li", "td", "summary", "strong"].contains(&name);
        if is_prose {
            proses.push(Prose {
                file: file.to_owned(),
                anchors: open.iter().map(|(_, anchor)| anchor.clone()).collect(),
                words: stems(&text(node)),
                stands_out: level.is_some() || name == "strong",
            });
        }
    }
    proses
}

impl Prose {
    fn says(&self, wanted: &[String]) -> bool {
        self.words.windows(wanted.len()).any(|words| words == wanted)
    }
}

/// Las palabras de un texto, sin lo que las distingue de sus otras formas: «sondear» y «sondea»,
/// «listo» y «listas», «búfer» y «búferes».
fn stems(text: &str) -> Vec<String> {
    let plain: String = text.to_lowercase().chars().map(without_accent).collect();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(stem).collect()
}

fn without_accent(letter: char) -> char {
    match letter {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        other => other,
    }
}

fn stem(word: &str) -> String {
    const PLURALS: [&str; 2] = ["es", "s"];
    const ENDINGS: [&str; 11] =
        ["ando", "aron", "ado", "ada", "an", "ar", "er", "ir", "a", "e", "o"];
    let root = without(&ENDINGS, without(&PLURALS, word));
    let regular = IRREGULAR.iter().find(|(irregular, _)| *irregular == root);
    regular.map_or(root, |(_, regular)| regular).to_owned()
}

/// Sin la primera de esas terminaciones que deje tres letras o más. En «clientes» sobra una sola
/// letra, pero a «cliente» le sobra otra después.
fn without<'a>(endings: &[&str], word: &'a str) -> &'a str {
    let shortened = endings.iter().find_map(|ending| word.strip_suffix(ending));
    shortened.filter(|root| root.chars().count() >= 3).unwrap_or(word)
}

#[test]
fn una_palabra_se_reconoce_en_sus_formas() {
    for (one, other) in [
        ("petición encadenada", "Peticiones encadenadas"),
        ("búfer", "búferes"),
        ("listo", "listas"),
        ("cliente", "clientes"),
        ("sondear", "sondea"),
        ("cerrar su lado", "cierra su lado"),
    ] {
        assert_eq!(stems(one), stems(other), "{one}");
    }
    assert_ne!(stems("marco"), stems("marca de agua"));
}
