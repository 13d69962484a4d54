//! La pantalla del cliente: un mensaje que llega no se mezcla con la línea a medio escribir.
//!
//! Una terminal, por omisión, edita la línea ella misma y no la entrega hasta Intro: el
//! programa no sabe qué hay escrito, y no podría volver a dibujarlo. Aquí se le pide que
//! entregue cada tecla (termios(3), modo no canónico) y la línea la lleva el programa.

use std::io::{self, IsTerminal, Stdout, Write};
use std::os::fd::{AsFd, BorrowedFd};

use multiplexacion::cli;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use unicode_width::UnicodeWidthStr;

use crate::editor::{Editor, Typed, tail};
use crate::keyboard::Lines;

/// Vuelve al principio de la línea y la borra (ECMA-48: CR y EL).
const ERASE: &str = "\r\x1b[K";

/// Lo primero que se ve al entrar.
const WELCOME: &str = "(Estás en el chat: Intro envía lo que escribas; Ctrl-D termina.)";

/// Columnas que se suponen si la terminal no lo dice.
const COLUMNS: usize = 80;

/// Columnas que quedan siempre para escribir, aunque el indicador no quepa entero.
const WRITING: usize = 10;

/// Donde se muestran los mensajes.
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
#[derive(Default)]
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
        let typed = self.editor.press(bytes);
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
        emit(&format!("{before}{prompt}{}", self.editor.tail(room)))
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
