//! La pantalla del cliente: un mensaje que llega no se mezcla con la línea a medio escribir.
//!
//! Una terminal, por omisión, edita la línea ella misma y no la entrega hasta Intro: el
//! programa no sabe qué hay escrito, y no podría volver a dibujarlo. Aquí se le pide que
//! entregue cada tecla (termios(3), modo no canónico) y la línea la lleva el programa.

use std::io::{self, IsTerminal, Stdout, Write};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

use multiplexacion::cli;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::keyboard::Lines;

/// Vuelve al principio de la línea y la borra (ECMA-48: CR y EL).
const ERASE: &str = "\r\x1b[K";

/// Lo primero que se ve al entrar.
const WELCOME: &str = "(Estás en el chat: Intro envía lo que escribas; Ctrl-D termina.)";

/// Columnas que se suponen si la terminal no lo dice.
const COLUMNS: usize = 80;

/// Columnas que quedan siempre para escribir, aunque el indicador no quepa entero.
const WRITING: usize = 10;

/// Lo que la persona terminó de escribir.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// Líneas completas, en orden.
    pub(crate) lines: Vec<String>,
    /// Si no habrá más: Ctrl-D, o el fin del archivo.
    pub(crate) ended: bool,
}

/// Donde se muestran los mensajes.
#[derive(Debug)]
pub(crate) enum Screen {
    /// Entrada o salida van a un archivo o a una tubería: solo líneas.
    Plain(Lines),
    /// Una persona ante una terminal.
    Terminal(Box<Terminal>),
}

impl Screen {
    /// Mira qué hay al otro lado de la entrada y de la salida.
    pub(crate) fn new() -> Screen {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            Screen::Terminal(Box::default())
        } else {
            Screen::Plain(Lines::default())
        }
    }

    /// Empieza la conversación: desde aquí hay línea que editar.
    pub(crate) fn start(&mut self, prompt: &str) -> io::Result<()> {
        match self {
            Screen::Plain(_) => Ok(()),
            Screen::Terminal(terminal) => terminal.start(prompt),
        }
    }

    /// Un descriptor que avisa de que otro programa usó la terminal, o de que cambió.
    pub(crate) fn disturbed(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Screen::Plain(_) => None,
            Screen::Terminal(terminal) => {
                terminal.modes.as_ref().map(|modes| modes.disturbed.as_fd())
            }
        }
    }

    /// Vuelve a poner la terminal como la queremos.
    pub(crate) fn restore(&self) -> io::Result<()> {
        match self {
            Screen::Plain(_) => Ok(()),
            Screen::Terminal(terminal) => terminal.restore(),
        }
    }

    /// Muestra un mensaje.
    pub(crate) fn show(&mut self, text: &str) -> io::Result<()> {
        match self {
            Screen::Plain(_) => cli::say(text),
            Screen::Terminal(terminal) => terminal.show(text),
        }
    }

    /// Añade lo que llegó del teclado.
    pub(crate) fn typed(&mut self, bytes: &[u8]) -> io::Result<Typed> {
        match self {
            Screen::Plain(lines) => Ok(Typed { lines: lines.push(bytes), ended: false }),
            Screen::Terminal(terminal) => terminal.typed(bytes),
        }
    }

    /// El teclado se acabó.
    pub(crate) fn finish(&mut self) -> Typed {
        let lines = match self {
            Screen::Plain(lines) => lines.finish().into_iter().collect(),
            Screen::Terminal(_) => Vec::new(),
        };
        Typed { lines, ended: true }
    }
}

/// Una terminal que entrega cada tecla; al soltarla, vuelve a como estaba.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    modes: Option<Modes>,
    prompt: String,
    editor: Editor,
}

/// Cómo estaba la terminal, cómo la queremos, y un aviso de cuándo hay que volver a quererla.
#[derive(Debug)]
struct Modes {
    original: Termios,
    ours: Termios,
    /// SIGCONT, tras Ctrl-Z y `fg`: el intérprete dejó la terminal a su manera. SIGWINCH:
    /// cambió de tamaño.
    disturbed: SignalFd,
}

impl Modes {
    fn new() -> io::Result<Modes> {
        let original = tcgetattr(io::stdin())?;
        let mut ours = original.clone();
        // Sin ISIG no habría Ctrl-C ni Ctrl-Z: las señales se quedan.
        ours.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN);
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCONT);
        signals.add(Signal::SIGWINCH);
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Modes { original, ours, disturbed: SignalFd::with_flags(&signals, flags)? })
    }
}

impl Terminal {
    fn start(&mut self, prompt: &str) -> io::Result<()> {
        let modes = self.modes.insert(Modes::new()?);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &modes.ours)?;
        prompt.clone_into(&mut self.prompt);
        self.show(WELCOME)
    }

    fn restore(&self) -> io::Result<()> {
        let Some(modes) = &self.modes else { return Ok(()) };
        while modes.disturbed.read_signal()?.is_some() {}
        tcsetattr(io::stdin(), SetArg::TCSANOW, &modes.ours)?;
        self.draw(ERASE)
    }

    fn show(&mut self, text: &str) -> io::Result<()> {
        self.draw(&format!("{ERASE}{text}\n"))
    }

    fn typed(&mut self, bytes: &[u8]) -> io::Result<Typed> {
        let mut typed = Typed::default();
        for key in bytes {
            match self.editor.press(*key) {
                Edit::Continue => {}
                Edit::End => typed.ended = true,
                Edit::Line(line) => typed.lines.push(line),
            }
        }
        let sent = |line: &String| format!("{ERASE}{}{line}\n", self.prompt);
        let mut above: String = typed.lines.iter().map(sent).collect();
        above.push_str(ERASE);
        if typed.ended {
            emit(&above)?;
        } else {
            self.draw(&above)?;
        }
        Ok(typed)
    }

    /// Todo en una escritura: lo que va antes, el indicador y la línea a medio escribir.
    fn draw(&self, before: &str) -> io::Result<()> {
        let columns = terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| width.0.into());
        let prompt = tail(&self.prompt, columns.saturating_sub(WRITING + 1));
        let room = columns.saturating_sub(prompt.width() + 1);
        emit(&format!("{before}{prompt}{}", tail(&self.editor.line, room)))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(modes) = &self.modes {
            let _ = emit(ERASE);
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &modes.original);
        }
    }
}

fn emit(text: &str) -> io::Result<()> {
    let mut out: Stdout = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// El final de la línea, lo que quepa en `room` columnas: así siempre ocupa una sola fila, y
/// borrarla es fácil.
fn tail(line: &str, room: usize) -> String {
    let mut used = 0;
    let start = line.char_indices().rev().find(|(_, c)| {
        used += c.width().unwrap_or(1);
        used > room
    });
    let shown = start.map_or(line, |(index, c)| &line[index + c.len_utf8()..]);
    shown.replace('\t', " ")
}

/// Qué pasó con una tecla.
#[derive(Debug, PartialEq, Eq)]
enum Edit {
    Continue,
    Line(String),
    End,
}

/// Una línea que se escribe de izquierda a derecha, como la que edita el núcleo: borrar letra
/// (Retroceso), palabra (Ctrl-W) o todo (Ctrl-U), enviar (Intro) y terminar (Ctrl-D).
#[derive(Debug, Default)]
struct Editor {
    line: String,
    /// Bytes de una letra que aún no ha llegado entera.
    partial: Vec<u8>,
    escape: Escape,
}

/// Las teclas de flechas y similares llegan como una secuencia: ESC, `[`, parámetros y una
/// letra (ECMA-48). Se pasan por alto enteras.
#[derive(Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Started,
    Parameters,
}

impl Editor {
    fn press(&mut self, byte: u8) -> Edit {
        if self.skips(byte) {
            return Edit::Continue;
        }
        match byte {
            b'\n' | b'\r' => return Edit::Line(mem::take(&mut self.line)),
            0x04 if self.line.is_empty() => return Edit::End,
            0x7F | 0x08 => self.erase_letter(),
            0x15 => self.line.clear(),
            0x17 => self.erase_word(),
            0x1B => self.escape = Escape::Started,
            0..0x20 if byte != b'\t' => {}
            _ => self.insert(byte),
        }
        Edit::Continue
    }

    fn skips(&mut self, byte: u8) -> bool {
        self.escape = match (&self.escape, byte) {
            (Escape::None, _) => return false,
            (Escape::Started, b'[' | b'O') | (Escape::Parameters, 0x20..=0x3F) => {
                Escape::Parameters
            }
            _ => Escape::None,
        };
        true
    }

    fn insert(&mut self, byte: u8) {
        self.partial.push(byte);
        match str::from_utf8(&self.partial) {
            Ok(text) => {
                self.line.push_str(&text.replace(|c: char| c.is_control() && c != '\t', ""));
            }
            // Sin `error_len`, lo que hay es el principio de una letra: falta el resto.
            Err(error) if error.error_len().is_none() => return,
            Err(_) => {}
        }
        self.partial.clear();
    }

    /// La última letra, con los acentos sueltos que lleve encima.
    fn erase_letter(&mut self) {
        while let Some(letter) = self.line.pop() {
            if letter.width() != Some(0) {
                break;
            }
        }
    }

    fn erase_word(&mut self) {
        let mut letters = self.line.trim_end().char_indices();
        let space = letters.rfind(|(_, letter)| letter.is_whitespace());
        self.line.truncate(space.map_or(0, |(index, letter)| index + letter.len_utf8()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(keys: &[u8]) -> String {
        let mut editor = Editor::default();
        for key in keys {
            editor.press(*key);
        }
        editor.line
    }

    #[test]
    fn se_escribe_y_se_borra() {
        assert_eq!(line("año\x7f\x7f".as_bytes()), "a");
        assert_eq!(line("e\u{301}\x7f".as_bytes()), "");
        assert_eq!(line(b"uno dos  \x17"), "uno ");
        assert_eq!(line("uno\u{3000}dos\x17".as_bytes()), "uno\u{3000}");
        assert_eq!(line(b"uno\x15dos"), "dos");
        assert_eq!(line(b"\x7f\x17a"), "a");
    }

    #[test]
    fn las_flechas_no_escriben_nada() {
        assert_eq!(line(b"a\x1b[D\x1b[1;5Cb\x1bOPc"), "abc");
    }

    #[test]
    fn intro_entrega_la_línea_y_ctrl_d_solo_termina_si_está_vacía() {
        let mut editor = Editor::default();
        assert_eq!(editor.press(b'a'), Edit::Continue);
        assert_eq!(editor.press(0x04), Edit::Continue);
        assert_eq!(editor.press(b'\r'), Edit::Line("a".to_owned()));
        assert_eq!(editor.press(0x04), Edit::End);
    }

    #[test]
    fn de_una_línea_larga_se_ve_el_final() {
        assert_eq!(tail("abcdef", 3), "def");
        assert_eq!(tail("abc", 3), "abc");
        assert_eq!(tail("a漢字", 3), "字");
        assert_eq!(tail("a\tb", 9), "a b");
    }

    proptest! {
        #[test]
        fn ninguna_tecla_provoca_un_pánico(keys in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(!line(&keys).contains(|c: char| c.is_control() && c != '\t'));
        }
    }
}
