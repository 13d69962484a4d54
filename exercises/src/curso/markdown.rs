//! El Markdown de enunciados y pistas, como se lee en una terminal: sin sus signos, y con las líneas
//! partidas entre palabras.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use textwrap::core::display_width;
use textwrap::{WordSplitter, wrap};

use crate::paint;

/// Lo más estrecha que se deja una columna de una tabla.
const NARROWEST: usize = 8;

/// Lo que separa dos columnas.
const GAP: &str = "  ";

/// Lo que se lee donde el libro tiene un dibujo.
const DRAWING: &str = "(Aquí hay un dibujo: se ve en el libro, con `cargo libro`.)";

/// `text`, para una terminal de `width` columnas. El código no se parte: se copia.
pub(crate) fn rendered(text: &str, width: usize) -> String {
    let mut page = Page::new(width);
    let is_drawing = |line: &&str| line.starts_with("{{#include ") && line.ends_with(".svg}}");
    let lines = text.lines().map(|line| if is_drawing(&line) { DRAWING } else { line });
    let text = lines.collect::<Vec<_>>().join("\n");
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.done.trim_end().to_owned()
}

/// Lo ya escrito, y lo que se está escribiendo.
struct Page {
    done: String,
    width: usize,
    /// El párrafo, la celda o el código que aún no ha terminado.
    piece: String,
    /// Lo que va delante de la próxima línea: el punto o el número de una lista.
    marker: String,
    /// Cuánto se sangra lo que va dentro de cada lista.
    margins: Vec<usize>,
    /// El próximo número de cada lista, si está numerada.
    numbers: Vec<Option<u64>>,
    table: Vec<Vec<String>>,
    strong: bool,
    emphasis: bool,
    /// Si el código es una sesión de terminal.
    code: Option<bool>,
}

impl Page {
    fn new(width: usize) -> Page {
        Page {
            done: String::new(),
            width,
            piece: String::new(),
            marker: String::new(),
            margins: Vec::new(),
            numbers: Vec::new(),
            table: Vec::new(),
            strong: false,
            emphasis: false,
            code: None,
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code.is_some() => self.piece.push_str(&text),
            Event::Text(text) => self.piece.push_str(&self.styled(&text)),
            Event::Code(code) => self.piece.push_str(&paint::code(&code)),
            Event::SoftBreak => self.piece.push(' '),
            Event::HardBreak => self.piece.push('\n'),
            _ => {}
        }
    }

    fn styled(&self, text: &str) -> String {
        match (self.strong, self.emphasis) {
            (true, _) => paint::bold(text),
            (_, true) => paint::italic(text),
            _ => text.to_owned(),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::Strong => self.strong = true,
            Tag::Emphasis => self.emphasis = true,
            Tag::List(number) => {
                self.close_piece();
                self.numbers.push(number);
            }
            Tag::Item => {
                let margin = self.margin();
                let number = self.numbers.last_mut().and_then(Option::as_mut);
                let bullet = number.map_or_else(
                    || "• ".to_owned(),
                    |number| {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    },
                );
                self.margins.push(display_width(&bullet));
                self.marker = format!("{margin}{bullet}");
            }
            Tag::CodeBlock(kind) => {
                let session =
                    matches!(&kind, CodeBlockKind::Fenced(language) if &**language == "console");
                self.code = Some(session);
            }
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.strong = false;
                self.close_piece();
                self.gap();
            }
            TagEnd::Strong => self.strong = false,
            TagEnd::Emphasis => self.emphasis = false,
            TagEnd::Paragraph => {
                self.close_piece();
                self.gap();
            }
            TagEnd::Item => {
                self.close_piece();
                self.margins.pop();
            }
            TagEnd::List(_) => {
                self.numbers.pop();
                if self.numbers.is_empty() {
                    self.gap();
                }
            }
            TagEnd::CodeBlock => self.close_code(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.piece);
                self.table.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
            }
            TagEnd::Table => self.close_table(),
            _ => {}
        }
    }

    fn margin(&self) -> String {
        " ".repeat(self.margins.iter().sum())
    }

    /// Termina un párrafo.
    fn close_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        if piece.is_empty() {
            return;
        }
        let (margin, marker) = (self.margin(), std::mem::take(&mut self.marker));
        let first = if marker.is_empty() { &margin } else { &marker };
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(&margin)
            // El guion de `--port` no es sitio donde partir.
            .word_splitter(WordSplitter::NoHyphenation);
        self.lines(wrap(&piece, options).iter().map(|line| line.trim_end()));
    }

    fn close_code(&mut self) {
        let code = std::mem::take(&mut self.piece);
        let (margin, session) = (self.margin(), self.code.take().unwrap_or(false));
        let painted = |line: &str| match line.strip_prefix("$ ").filter(|_| session) {
            Some(command) => format!("{margin}    $ {}", paint::order(command)),
            None => format!("{margin}    {line}"),
        };
        let lines: Vec<_> = code.lines().map(painted).collect();
        self.lines(lines.iter().map(|line| line.trim_end()));
        self.gap();
    }

    fn close_table(&mut self) {
        let table = std::mem::take(&mut self.table);
        let widths = widths(&table, self.width);
        for (number, row) in table.iter().enumerate() {
            let cells: Vec<Vec<_>> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    let options =
                        textwrap::Options::new(*width).word_splitter(WordSplitter::NoHyphenation);
                    wrap(cell, options)
                })
                .collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            let line = |at: usize| {
                let pieces = cells.iter().zip(&widths).map(|(cell, width)| {
                    let piece = cell.get(at).map_or("", |piece| piece);
                    format!("{piece}{}", " ".repeat(width.saturating_sub(display_width(piece))))
                });
                pieces.collect::<Vec<_>>().join(GAP)
            };
            let lines: Vec<_> = (0..height).map(line).collect();
            self.lines(lines.iter().map(|line| line.trim_end()));
            if number == 0 {
                let rule: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
                self.lines([paint::dim(&rule.join(GAP)).as_str()]);
            }
        }
        self.gap();
    }

    fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        for line in lines {
            self.done.push_str(line);
            self.done.push('\n');
        }
    }

    /// Una línea en blanco.
    fn gap(&mut self) {
        if !self.done.ends_with("\n\n") {
            self.done.push('\n');
        }
    }
}

/// Lo que ocupa cada columna; si no caben, ceden las más anchas.
fn widths(table: &[Vec<String>], room: usize) -> Vec<usize> {
    let columns = table.first().map_or(0, Vec::len);
    let widest = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells.map(|cell| display_width(cell)).max().unwrap_or(0)
    };
    let mut widths: Vec<_> = (0..columns).map(widest).collect();
    let room = room.saturating_sub(GAP.len() * columns.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Título\n\nUn párrafo con `código`, **fuerza** y una orden con `--port`, que no cabe entero.\n\n\
        - uno, que tampoco cabe en una sola línea;\n- dos:\n  1. dentro;\n  2. también.\n\n\
        | bandera | qué dice |\n|---|---|\n| EPOLLIN | que hay algo que leer, o el final |\n\n\
        ```console\n$ cargo curso ejecutar 02_02_1_eco --port 8802\n```\n\nFin.\n";

    #[test]
    fn se_lee_en_una_terminal_estrecha() {
        insta::assert_snapshot!(rendered(TEXT, 30), @r"
        Título

        Un párrafo con `código`,
        fuerza y una orden con
        `--port`, que no cabe entero.

        • uno, que tampoco cabe en una
          sola línea;
        • dos:
          1. dentro;
          2. también.

        bandera  qué dice
        ───────  ─────────────────────
        EPOLLIN  que hay algo que
                 leer, o el final

            $ cargo curso ejecutar 02_02_1_eco --port 8802

        Fin.
        ");
    }

    #[test]
    fn de_un_dibujo_se_dice_dónde_verlo() {
        let text = "Uno.\n\n{{#include ../../book/src/dibujos/turno.svg}}\n\nDos.\n";
        assert_eq!(rendered(text, 80), format!("Uno.\n\n{DRAWING}\n\nDos."));
    }

    #[test]
    fn ninguna_línea_de_prosa_se_sale_de_los_enunciados() {
        let course = crate::course::Course::open().unwrap();
        for exercise in &course.exercises {
            let statement = exercise.statement().unwrap();
            for width in [40, 60, 100] {
                let text = rendered(&statement, width);
                // El código se copia como está, y va sangrado.
                let prose = text.lines().filter(|line| !line.starts_with("    "));
                for line in prose {
                    assert!(display_width(line) <= width, "{}: {line:?}", exercise.id);
                }
                assert!(!text.contains("**") && !text.contains("```"), "{text}");
            }
        }
    }
}
