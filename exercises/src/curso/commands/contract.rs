//! `contrato`: lo que ha de hacer un servidor de una lección, regla a regla. Es la página del libro.

use multiplexacion::cli::Trouble;

use crate::markdown;
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
    paint::say(&markdown::rendered(page, paint::width()));
    Ok(())
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
}
