//! Las preguntas: lo que `theme/questions.js` espera encontrar en cada una, según su clase.

use std::collections::BTreeSet;

use roxmltree::Node;

use crate::book::{each_page, elements, text};

/// Las clases de pregunta, además de la de elegir una opción.
const KINDS: [&str; 3] = ["salida", "orden", "linea"];

/// Una pregunta del libro.
struct Question<'a, 'input> {
    root: Node<'a, 'input>,
    /// Cómo se contesta: una de [`KINDS`], o nada si se elige.
    kind: &'static str,
    /// Dónde está, para decirlo.
    place: String,
}

/// Pasa cada pregunta por una comprobación, y las cuenta.
fn each_question(mut check: impl FnMut(&Question<'_, '_>)) -> usize {
    let mut count = 0;
    each_page(|page, root| {
        for root in root.descendants() {
            let mut classes = root.attribute("class").unwrap_or_default().split(' ');
            if classes.next() == Some("pregunta") {
                let id = root.attribute("id").unwrap_or_default();
                let place = format!("{}, pregunta «{id}»", page.file);
                let kind = classes.next().map_or("", |class| {
                    let known = KINDS.iter().find(|kind| **kind == class);
                    known.unwrap_or_else(|| panic!("{place}: no hay preguntas «{class}»"))
                });
                check(&Question { root, kind, place });
                count += 1;
            }
        }
    });
    count
}

impl<'a, 'input> Question<'a, 'input> {
    fn children(&self, name: &str) -> Vec<Node<'a, 'input>> {
        self.root.children().filter(|node| node.has_tag_name(name)).collect()
    }

    /// Los elementos de su lista, que es la única.
    fn items(&self) -> Vec<Node<'a, 'input>> {
        let (list, other) = if self.kind == "orden" { ("ol", "ul") } else { ("ul", "ol") };
        assert_eq!(self.children(list).len(), 1, "{}: una sola lista", self.place);
        assert!(self.children(other).is_empty(), "{}: una sola lista, «{list}»", self.place);
        self.children(list)[0].children().filter(|node| node.has_tag_name("li")).collect()
    }
}

/// La razón de una opción, o de un sitio.
fn reason(item: Node<'_, '_>, place: &str) -> String {
    let reasons: Vec<String> = elements(item, "blockquote").map(text).collect();
    assert_eq!(reasons.len(), 1, "{place}: «{}» sin su razón", text(item).trim());
    let reason = reasons[0].trim().to_owned();
    assert!(reason.len() > 20, "{place}: razón muy corta: «{reason}»");
    reason
}

fn is_right(item: Node<'_, '_>) -> bool {
    text(item).contains('☑')
}

/// El código de una opción.
fn code(item: Node<'_, '_>) -> String {
    elements(item, "code").next().map(text).unwrap_or_default()
}

#[test]
fn cada_pregunta_tiene_su_nombre_y_su_enunciado() {
    let mut ids = BTreeSet::new();
    let count = each_question(|Question { root, place, .. }| {
        let id = root.attribute("id").unwrap_or_default();
        assert!(id.starts_with("p-"), "{place}: su id empieza por «p-»");
        assert!(ids.insert(id.to_owned()), "{place}: ese id ya está usado");
        let title = root.children().find(Node::is_element).unwrap();
        assert_eq!(title.tag_name().name(), "p", "{place}: empieza por un párrafo");
        let bold = elements(title, "strong").map(text).collect::<String>();
        assert_eq!(bold.trim(), text(title).trim(), "{place}: el enunciado va en negrita");
    });
    assert!(count > 0, "el libro no tiene ninguna pregunta");
}

#[test]
fn cada_pregunta_con_opciones_tiene_una_respuesta_y_una_razón_por_opción() {
    each_question(|question| {
        let place = &question.place;
        if question.kind == "orden" {
            return;
        }
        let options = question.items();
        let most = if question.kind == "linea" { 8 } else { 5 };
        assert!((2..=most).contains(&options.len()), "{place}: de dos a {most} opciones");
        let right = options.iter().filter(|option| is_right(**option)).count();
        assert_eq!(right, 1, "{place}: una opción con [x], y solo una");
        for option in options {
            let whole = text(option);
            assert!(is_right(option) || whole.contains('☐'), "{place}: «{whole}» sin casilla");
            let reason = reason(option, place);
            assert_eq!(
                is_right(option),
                reason.starts_with("Sí"),
                "{place}: la razón de la buena, y solo ella, empieza por «Sí»: «{reason}»"
            );
        }
    });
}

#[test]
fn lo_que_se_escribe_como_salida_no_se_confunde() {
    each_question(|question| {
        let place = &question.place;
        if question.kind != "salida" {
            return;
        }
        assert_eq!(question.children("pre").len(), 1, "{place}: un listado, y uno solo");
        let mut outputs = BTreeSet::new();
        for option in question.items() {
            let separated = code(option).to_lowercase();
            let words = separated.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
            let output: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            assert!(!output.is_empty(), "{place}: cada opción es lo que sale, como código");
            let output = output.join(" ");
            assert!(outputs.insert(output.clone()), "{place}: «{output}» está dos veces");
        }
    });
}

#[test]
fn lo_que_se_ordena_tiene_su_razón() {
    each_question(|question| {
        let place = &question.place;
        if question.kind != "orden" {
            return;
        }
        let items = question.items();
        assert!((3..=8).contains(&items.len()), "{place}: de tres a ocho cosas que ordenar");
        let mut names = BTreeSet::new();
        for item in items {
            reason(item, place);
            let name: String =
                item.children().filter(|node| !node.has_tag_name("blockquote")).map(text).collect();
            assert!(!name.contains(['☐', '☑']), "{place}: «{name}» no lleva casilla");
            assert!(names.insert(name.trim().to_owned()), "{place}: «{name}» está dos veces");
        }
    });
}

#[test]
fn cada_línea_de_la_que_se_sospecha_está_en_su_listado() {
    each_question(|question| {
        let place = &question.place;
        if question.kind != "linea" {
            return;
        }
        let listings = question.children("pre");
        assert_eq!(listings.len(), 1, "{place}: un listado, y uno solo");
        let listing = text(listings[0]);
        let mut lines = BTreeSet::new();
        for option in question.items() {
            let first = option.children().find(|node| {
                node.is_element()
                    || node.text().is_some_and(|text| !text.trim_matches(BOXES).is_empty())
            });
            let first = first.filter(Node::is_element).unwrap_or(option);
            assert!(elements(first, "code").next().is_some(), "{place}: cada opción es una línea");
            let line = code(option);
            let times = listing.lines().filter(|other| other.trim() == line).count();
            assert_eq!(times, 1, "{place}: «{line}» es una línea del listado, y solo una");
            assert!(lines.insert(line.clone()), "{place}: «{line}» está dos veces");
        }
    });
}

/// Lo que precede al texto de una opción.
const BOXES: [char; 4] = ['☐', '☑', ' ', '\n'];
