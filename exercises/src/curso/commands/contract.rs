//! `contrato`: lo que ha de hacer un servidor de una lección, regla a regla. Es la página del libro.

use multiplexacion::cli::Trouble;

use crate::paint;

const CONTRACTS: [(&str, &str); 3] = [
    ("02_02", include_str!("../../../../book/src/contratos/02_02.md")),
    ("02_03", include_str!("../../../../book/src/contratos/02_03.md")),
    ("02_04", include_str!("../../../../book/src/contratos/02_04.md")),
];

/// Escribe el contrato de esa lección.
pub(crate) fn contract(lesson: &str) -> Result<(), Trouble> {
    let (_, page) = CONTRACTS.iter().find(|(id, _)| *id == lesson).ok_or_else(|| {
        Trouble::new(
            format!("no hay contrato de la lección «{lesson}»"),
            "los hay de 02_02, 02_03 y 02_04",
        )
    })?;
    for line in page.lines() {
        paint::say(&shown(line, paint::width()));
    }
    Ok(())
}

/// Una línea de la página, que es un título, una regla o un párrafo entero, para una terminal.
fn shown(line: &str, width: usize) -> String {
    if let Some(title) =
        line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
    {
        return paint::bold(title);
    }
    let indent = if line.starts_with("- ") { "  " } else { "" };
    wrapped(&without_marks(line), indent, width)
}

/// Sin lo que en el libro son enlaces y cursivas. Las comillas de las órdenes se quedan: se ve dónde
/// empiezan y dónde acaban.
fn without_marks(line: &str) -> String {
    let mut text = line.replace("*(", "(").replace(")*", ")");
    while let Some((before, rest)) = text.split_once("](") {
        let Some((lead, link)) = before.rsplit_once('[') else { break };
        let Some((_, after)) = rest.split_once(')') else { break };
        text = format!("{lead}{link}{after}");
    }
    text
}

/// Partida entre palabras, con sangría desde la segunda línea.
fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        let starts = lines.last().is_some_and(|line| line.trim().is_empty());
        if !starts && line + 1 + word.chars().count() > width {
            lines.push(format!("{indent}{word}"));
        } else if let Some(line) = lines.last_mut() {
            if !starts {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::stages;

    /// Las etapas que nombra una línea.
    fn named(line: &str) -> Vec<&str> {
        let Some((_, rest)) = line.rsplit_once("*(") else { return Vec::new() };
        rest.trim_end_matches(")*").split("; ").collect()
    }

    #[test]
    fn cada_regla_tiene_su_etapa_y_cada_etapa_su_regla() {
        for (lesson, page) in CONTRACTS {
            let all: Vec<String> = stages(lesson).iter().map(ToString::to_string).collect();
            let rules = page.lines().filter(|line| line.starts_with("- "));
            for rule in rules {
                let named = named(rule);
                assert!(!named.is_empty(), "{lesson}: una regla sin etapa: {rule}");
                for stage in named {
                    assert!(all.iter().any(|one| one == stage), "{lesson}: no hay «{stage}»");
                }
            }
            for stage in &all {
                let told = page.lines().any(|line| named(line).contains(&stage.as_str()));
                assert!(told, "{lesson}: ninguna regla nombra «{stage}»");
            }
        }
    }

    #[test]
    fn en_la_terminal_se_lee_sin_marcas_y_partido_entre_palabras() {
        let rule = "- Es [RFC 862](https://a.b) sobre `TCP`. *(etapa 1: acepta)*";
        assert_eq!(shown(rule, 24), "- Es RFC 862 sobre\n  `TCP`. (etapa 1:\n  acepta)");
        assert_eq!(shown("## Al terminar", 24), "Al terminar");
        assert_eq!(shown("", 24), "");
    }
}
