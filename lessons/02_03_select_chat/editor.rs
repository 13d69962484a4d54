//! La línea que escribe una persona, tecla a tecla.
//!
//! Una terminal envía bytes: letras en UTF-8, controles (Intro, Retroceso) y, por flechas, teclas
//! de función y demás, secuencias que empiezan por ESC (ECMA-48 §5). Los separa `vte`, el
//! analizador de la terminal Alacritty; aquí se decide qué hace cada cosa.

use std::mem;

use multiplexacion::frame::MAX_TEXT;
use unicode_width::UnicodeWidthChar;
use vte::{Params, Parser, Perform};

/// Lo que la persona terminó de escribir.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// Líneas completas, en orden.
    pub(crate) lines: Vec<String>,
    /// Si no habrá más: Ctrl-D, o el fin del archivo.
    pub(crate) ended: bool,
}

/// Una línea que se escribe de izquierda a derecha, como la que edita el núcleo: borrar letra
/// (Retroceso), palabra (Ctrl-W) o todo (Ctrl-U), enviar (Intro) y terminar (Ctrl-D).
#[derive(Default)]
pub(crate) struct Editor {
    keys: Parser,
    after_escape: bool,
    line: Line,
}

#[derive(Default)]
struct Line {
    text: String,
    typed: Typed,
    /// Si lo que sigue es el resto de una tecla.
    skipping: bool,
}

impl Editor {
    /// Añade lo que se tecleó. Devuelve lo que se terminó de escribir.
    pub(crate) fn press(&mut self, bytes: &[u8]) -> Typed {
        for &byte in bytes {
            // Intro acaba con lo que esté a medias, sea lo que sea. Y tras ESC, `vte` solo cuenta
            // con ASCII: Alt+ñ, Alt+Retroceso o Esc y Ctrl-U le harían comerse la tecla siguiente.
            let unexpected = self.after_escape && !matches!(byte, 0x1B | b' '..=b'~');
            if unexpected || matches!(byte, b'\n' | b'\r') {
                self.keys = Parser::new();
                self.line.skipping = true;
            }
            self.after_escape = byte == 0x1B;
            self.keys.advance(&mut self.line, &[byte]);
        }
        mem::take(&mut self.line.typed)
    }

    /// El final de la línea, lo que quepa en `room` columnas.
    pub(crate) fn tail(&self, room: usize) -> String {
        tail(&self.line.text, room)
    }
}

impl Perform for Line {
    fn print(&mut self, letter: char) {
        match letter {
            _ if self.skipping => self.skipping = matches!(letter, '0'..='9' | ';'),
            '\x7F' => self.erase_letter(),
            // Lo que no era UTF-8, de una terminal que usa otro juego de letras; y los controles C1.
            char::REPLACEMENT_CHARACTER | '\u{80}'..='\u{9F}' => {}
            _ => self.insert(letter),
        }
    }

    fn execute(&mut self, control: u8) {
        self.skipping = false;
        match control {
            b'\n' | b'\r' => self.typed.lines.push(mem::take(&mut self.text)),
            b'\t' => self.insert('\t'),
            0x04 => self.typed.ended |= self.text.is_empty(),
            0x08 => self.erase_letter(),
            0x15 => self.text.clear(),
            0x17 => self.erase_word(),
            _ => {}
        }
    }

    /// `ESC O P` es F1; `vte` da por terminada la secuencia en la O.
    fn esc_dispatch(&mut self, _: &[u8], _: bool, last: u8) {
        self.skipping = last == b'O';
    }

    /// `ESC [ [ A` es F1 en la consola de Linux; `vte` la da por terminada en el segundo corchete.
    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, last: char) {
        self.skipping = last == '[';
    }
}

impl Line {
    /// Una línea que no cabe en un mensaje no se guarda entera: basta con saber que no cabe.
    fn insert(&mut self, letter: char) {
        if self.text.len() <= MAX_TEXT {
            self.text.push(letter);
        }
    }

    /// La última letra, con los acentos sueltos que lleve encima.
    fn erase_letter(&mut self) {
        while self.text.pop().is_some_and(|letter| letter.width() == Some(0)) {}
    }

    fn erase_word(&mut self) {
        let mut letters = self.text.trim_end().char_indices();
        let space = letters.rfind(|(_, letter)| letter.is_whitespace());
        self.text.truncate(space.map_or(0, |(index, letter)| index + letter.len_utf8()));
    }
}

/// El final de un texto, lo que quepa en `room` columnas: así siempre ocupa una sola fila, y
/// borrarla es fácil.
pub(crate) fn tail(text: &str, room: usize) -> String {
    let mut used = 0;
    let start = text.char_indices().rev().find(|(_, c)| {
        used += c.width().unwrap_or(1);
        used > room
    });
    let shown = start.map_or(text, |(index, c)| &text[index + c.len_utf8()..]);
    shown.replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn con_cualquier_corte_sale_lo_mismo_y_sin_controles(
            keys in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..80
        ) {
            let (mut whole, mut cut_in_two) = (Editor::default(), Editor::default());
            let (first, rest) = keys.split_at(cut.min(keys.len()));
            let typed = whole.press(&keys);
            let (mut before, after) = (cut_in_two.press(first), cut_in_two.press(rest));
            before.lines.extend(after.lines);
            before.ended |= after.ended;
            prop_assert_eq!(&typed, &before);
            prop_assert_eq!(&whole.line.text, &cut_in_two.line.text);
            prop_assert!(!whole.line.text.contains(|c: char| c.is_control() && c != '\t'));
        }
    }
}
