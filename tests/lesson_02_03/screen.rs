//! Una pantalla pequeña: lo justo de una terminal para saber qué vería una persona.

use harness::Running;
use unicode_width::UnicodeWidthChar;

use crate::{LIMIT, Outcome};

/// Lo primero que ve quien entra al chat desde una terminal.
pub(crate) const WELCOME: &str = "(Estás en el chat: Intro envía lo que escribas; Ctrl-D termina.)";

/// Lo que queda en una terminal después de escribir unos bytes en ella.
///
/// Entiende retorno, salto de línea, «borra hasta el final de la línea» (ECMA-48, EL) y el paso a
/// la fila siguiente al llenarse una. Cualquier otra secuencia es una sorpresa, y se enseña.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    /// Lo que queda en la pantalla tras esa salida, sin la bienvenida: tiene su propia prueba.
    pub(crate) fn after(output: &str, columns: usize) -> Screen {
        let output = output.replace(&format!("\r\x1b[K{WELCOME}\r\n"), "");
        let mut screen = Screen { columns, rows: vec![Vec::new()], row: 0, column: 0 };
        let mut rest = output.as_str();
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\u{1b}[K") {
                screen.rows[screen.row].truncate(screen.column);
                rest = after;
                continue;
            }
            screen.put(c);
            rest = &rest[c.len_utf8()..];
        }
        screen
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' => self.go_down(),
            '\u{1b}' => self.put('␛'),
            c => {
                let width = c.width().unwrap_or(1);
                if self.column + width > self.columns {
                    self.go_down();
                    self.column = 0;
                }
                let row = &mut self.rows[self.row];
                row.resize(row.len().max(self.column + width), ' ');
                // Lo que ocupa dos columnas deja en la segunda un hueco que no se ve.
                row[self.column] = c;
                row[self.column + 1..self.column + width].fill('\0');
                self.column += width;
            }
        }
    }

    fn go_down(&mut self) {
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push(Vec::new());
        }
    }

    /// Las filas, sin los espacios del final, y con `▁` donde quedó el cursor.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut rows = self.rows.clone();
        let row = &mut rows[self.row];
        if self.column < row.len() {
            row[self.column] = '▁';
        } else {
            row.resize(self.column, ' ');
            row.push('▁');
        }
        let text = |row: &Vec<char>| row.iter().filter(|c| **c != '\0').collect::<String>();
        rows.iter().map(|row| text(row).trim_end().to_owned()).collect()
    }
}

/// Espera a que la terminal de `program`, de `columns` columnas, muestre exactamente `expected`.
pub(crate) fn shows(program: &Running, columns: usize, expected: &[&str]) -> Outcome {
    let look = || Screen::after(&program.stdout(), columns).lines();
    program.eventually("la pantalla mostrara lo esperado", LIMIT, || look() == expected).map_err(
        |failure| {
            failure
                .section("Se esperaba en la pantalla", expected.iter().map(ToString::to_string))
                .section("Se veía", look())
        },
    )
}
