//! Lo que se escribe en la terminal: colores, marcas y anchos, o nada de eso si no hay terminal.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use crossterm::style::Stylize;
use multiplexacion::cli;

/// Lo más ancho que se escribe una línea propia, aunque quepa más.
const WIDEST: usize = 100;

/// Escribe una línea, o varias, en la salida estándar.
pub(crate) fn say(text: &str) {
    // Si ya nadie lee (`| head -1`), no queda a quién decírselo.
    let _ = cli::say(text);
}

/// Si la salida lleva colores: es una terminal y nadie pidió lo contrario (no-color.org).
pub(crate) fn colours() -> bool {
    static COLOURS: OnceLock<bool> = OnceLock::new();
    *COLOURS.get_or_init(|| {
        let asked = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        asked && io::stdout().is_terminal()
    })
}

pub(crate) fn bold(text: &str) -> String {
    if colours() { text.bold().to_string() } else { text.to_owned() }
}

pub(crate) fn dim(text: &str) -> String {
    if colours() { text.dim().to_string() } else { text.to_owned() }
}

pub(crate) fn good(text: &str) -> String {
    if colours() { text.green().to_string() } else { text.to_owned() }
}

pub(crate) fn bad(text: &str) -> String {
    if colours() { text.red().to_string() } else { text.to_owned() }
}

/// El mismo texto sin colores, para un archivo.
pub(crate) fn plain(text: &str) -> String {
    let mut pieces = text.split('\x1b');
    let first = pieces.next().unwrap_or_default();
    let rest = pieces.map(|piece| piece.split_once('m').map_or(piece, |(_, rest)| rest));
    std::iter::once(first).chain(rest).collect()
}

pub(crate) fn italic(text: &str) -> String {
    if colours() { text.italic().to_string() } else { text.to_owned() }
}

/// Un trozo de código dentro de una frase. Sin colores, entre sus comillas.
pub(crate) fn code(text: &str) -> String {
    if colours() { order(text) } else { format!("`{text}`") }
}

/// Una orden que se puede copiar.
pub(crate) fn order(text: &str) -> String {
    if colours() { text.cyan().to_string() } else { text.to_owned() }
}

/// `  Comprueba:  cargo curso probar`: qué escribir ahora, en columnas.
pub(crate) fn suggest(what: &str, order: &str) -> String {
    format!("  {:<18}{}", format!("{what}:"), self::order(order))
}

/// La marca de lo superado o de lo que falla.
pub(crate) fn mark(passed: bool) -> String {
    if passed { good("✓") } else { bad("✗") }
}

/// Columnas de la terminal, hasta [`WIDEST`].
pub(crate) fn width() -> usize {
    let columns = if io::stdout().is_terminal() { crossterm::terminal::size().ok() } else { None };
    columns.map_or(WIDEST, |(columns, _)| usize::from(columns).clamp(20, WIDEST))
}

/// `████░░░░  2 de 4`, en `cells` casillas.
pub(crate) fn bar(done: usize, total: usize, cells: usize) -> String {
    let filled = (done * cells).checked_div(total).unwrap_or(0);
    format!("{}{}", good(&"█".repeat(filled)), dim(&"░".repeat(cells - filled)))
}

/// Una línea con un título.
pub(crate) fn rule(title: &str) -> String {
    let used = title.chars().count() + 4;
    let rest = width().saturating_sub(used);
    format!("{} {} {}", dim("──"), bold(title), dim(&"─".repeat(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sin_colores_queda_el_texto() {
        assert_eq!(plain("\x1b[1m\x1b[38;5;9merror\x1b[0m: mal"), "error: mal");
        assert_eq!(plain("nada"), "nada");
    }
}
