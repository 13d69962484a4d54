//! Lo mismo que una lista por comprensión, pedido valor a valor.

use ejemplos::tell;

fn main() {
    for line in count() {
        tell(line);
    }
}

fn count() -> Vec<String> {
    // ANCHOR: chain
    let names = ["ana", "beto", "eva"];
    let long: Vec<_> = names.into_iter().filter(|it| it.len() > 3).collect();
    let letters: usize = names.iter().map(|it| it.len()).sum();
    let pairs = names.iter().enumerate();
    let numbered: Vec<_> = pairs.map(|(id, it)| format!("{id}:{it}")).collect();
    let anybody = names.iter().any(|it| it.starts_with('e'));
    // ANCHOR_END: chain
    vec![
        format!("largos: {}", long.join(" ")),
        format!("letras: {letters}"),
        format!("numerados: {}", numbered.join(" ")),
        format!("¿alguno con e? {}", if anybody { "sí" } else { "no" }),
    ]
}
