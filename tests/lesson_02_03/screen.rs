//! Lo que vería una persona en la terminal de un programa.

use std::num::NonZeroU16;

use harness::Running;
use vt100::Parser;

use super::{LIMIT, Outcome};

/// Lo primero que ve quien entra al chat desde una terminal.
pub(crate) const WELCOME: &str = "(Estás en el chat: Intro envía lo que escribas; Ctrl-D termina.)";

/// Las filas que quedan en una terminal de `columns` columnas tras esa salida, con `▁` donde quedó
/// el cursor. Sin la bienvenida, que tiene su propia prueba.
///
/// La única secuencia que se espera es «borra hasta el final de la línea» (ECMA-48, EL): cualquier
/// otra es una sorpresa, y se enseña.
pub(crate) fn rows(output: &str, columns: u16) -> Vec<String> {
    let output = output.replace(&format!("\r\x1b[K{WELCOME}\r\n"), "");
    let output = output.replace('\x1b', "␛").replace("␛[K", "\x1b[K");
    let size = |count| NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN);
    let mut terminal = Parser::new(size(24), size(columns), 0);
    terminal.process(output.as_bytes());
    let screen = terminal.screen();
    let (row, column) = screen.cursor_position();
    let mut rows: Vec<String> = screen.rows(0, columns).collect();
    let written = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
    rows.truncate(written.max(usize::from(row) + 1));
    let before: String = screen.rows(0, column).nth(usize::from(row)).unwrap_or_default();
    let after: String = screen.rows(column + 1, columns).nth(usize::from(row)).unwrap_or_default();
    rows[usize::from(row)] = format!("{before}▁{after}");
    rows
}

/// Espera a que la terminal de `program`, de `columns` columnas, muestre exactamente `expected`.
pub(crate) fn shows(program: &Running, columns: u16, expected: &[&str]) -> Outcome {
    let look = || rows(&program.stdout(), columns);
    program.eventually("la pantalla mostrara lo esperado", LIMIT, || look() == expected).map_err(
        |failure| {
            failure
                .section("Se esperaba en la pantalla", expected.iter().map(ToString::to_string))
                .section("Se veía", look())
        },
    )
}
