//! «Comprueba lo que sabes»: lo que `theme/questions.js` espera encontrar.

use std::collections::BTreeSet;

use roxmltree::Node;

use crate::book::{each_page, elements, text};

fn is_question(node: &Node<'_, '_>) -> bool {
    node.attribute("class").is_some_and(|class| class.split(' ').any(|one| one == "pregunta"))
}

#[test]
fn cada_pregunta_tiene_una_respuesta_y_una_razón_por_opción() {
    let mut ids = BTreeSet::new();
    each_page(|page, root| {
        for question in root.descendants().filter(is_question) {
            let id = question.attribute("id").unwrap_or_default();
            let place = format!("{}, pregunta «{id}»", page.file);
            assert!(id.starts_with("p-"), "{place}: su id empieza por «p-»");
            assert!(ids.insert(id.to_owned()), "{place}: ese id ya está usado");

            let title = question.children().find(Node::is_element).unwrap();
            assert_eq!(title.tag_name().name(), "p", "{place}: empieza por un párrafo");
            let bold = elements(title, "strong").map(text).collect::<String>();
            assert_eq!(bold.trim(), text(title).trim(), "{place}: el enunciado va en negrita");

            let lists = question.children().filter(|node| node.has_tag_name("ul")).count();
            assert_eq!(lists, 1, "{place}: una sola lista de opciones");
            let options: Vec<Node<'_, '_>> =
                question.children().filter(|node| node.has_tag_name("ul")).collect();
            let options: Vec<Node<'_, '_>> =
                options[0].children().filter(|node| node.has_tag_name("li")).collect();
            assert!((2..=5).contains(&options.len()), "{place}: de dos a cinco opciones");
            let right = options.iter().filter(|option| text(**option).contains('☑')).count();
            assert_eq!(right, 1, "{place}: una opción con [x], y solo una");
            for option in options {
                let whole = text(option);
                assert!(
                    whole.contains('☑') || whole.contains('☐'),
                    "{place}: «{whole}» sin casilla"
                );
                let reasons: Vec<String> = elements(option, "blockquote").map(text).collect();
                assert_eq!(reasons.len(), 1, "{place}: «{}» sin su razón", whole.trim());
                let reason = reasons[0].trim();
                assert!(reason.len() > 20, "{place}: razón muy corta: «{reason}»");
                assert_eq!(
                    whole.contains('☑'),
                    reason.starts_with("Sí"),
                    "{place}: la razón de la buena, y solo ella, empieza por «Sí»: «{reason}»"
                );
            }
        }
    });
    assert!(!ids.is_empty(), "el libro no tiene ninguna pregunta");
}
