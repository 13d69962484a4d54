//! La pantalla del cliente: un mensaje que llega no se mezcla con la línea a medio escribir.
//!
//! Una terminal, por omisión, edita la línea ella misma y no la entrega hasta Intro: el
//! programa no sabe qué hay escrito, y no podría volver a dibujarlo. Aquí se le pide que
//! entregue cada tecla (termios(3), modo no canónico) y la línea la lleva el programa.

use std::env;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};

use multiplexacion::output::Output;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use rustix::termios::tcgetwinsize;
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

/// Donde se muestran los mensajes y, si hay una persona delante, se dibuja lo que escribe.
pub(crate) struct Screen {
    /// Una salida es un descriptor más: mostrar algo es encolarlo, y el bucle escribe lo que quepa.
    pub(crate) out: Output,
    /// Lo que llega por líneas: de un archivo, de una tubería o de la edición del núcleo.
    lines: Lines,
    editor: Editor,
    prompt: String,
    /// La terminal, mientras es nuestra.
    terminal: Option<Terminal>,
}

impl Screen {
    pub(crate) fn new() -> Screen {
        Screen {
            out: Output::stdout(),
            lines: Lines::default(),
            editor: Editor::default(),
            prompt: String::new(),
            terminal: None,
        }
    }

    /// Empieza la conversación: desde aquí, ante una terminal, hay línea que editar. Si ya había
    /// empezado con otro servidor, sigue la misma línea.
    pub(crate) fn start(&mut self, prompt: String) -> io::Result<()> {
        if self.terminal.is_some() {
            self.prompt = prompt;
        } else if understands_sequences() {
            self.prompt = prompt;
            self.terminal = Some(Terminal::new()?);
            self.show(WELCOME);
        }
        Ok(())
    }

    /// Muestra un mensaje.
    pub(crate) fn show(&mut self, text: &str) {
        self.draw(&format!("{text}\n"));
    }

    /// Añade lo que llegó del teclado; `None`, si se acabó.
    pub(crate) fn typed(&mut self, bytes: Option<&[u8]>) -> Typed {
        let Some(bytes) = bytes else {
            return Typed { lines: self.lines.finish().into_iter().collect(), ended: true };
        };
        if self.terminal.is_none() {
            return Typed { lines: self.lines.push(bytes), ended: false };
        }
        let typed = self.editor.press(bytes);
        let sent = typed.lines.iter().map(|line| format!("{}{line}\n", self.prompt));
        let sent: String = sent.collect();
        if typed.ended {
            self.prompt.clear();
        }
        self.draw(&sent);
        typed
    }

    /// El descriptor que avisa de que hay que dejar la terminal, o de que cambió.
    pub(crate) fn signals(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.as_ref().map(|terminal| terminal.signals.as_fd())
    }

    /// Llegaron señales: las que detienen o terminan el programa encuentran la terminal como
    /// estaba. De SIGTSTP se vuelve, con `fg`.
    pub(crate) fn on_signals(&mut self) -> io::Result<()> {
        while let Some(signal) = self.terminal.as_ref().and_then(Terminal::next_signal) {
            if !matches!(signal, Signal::SIGCONT | Signal::SIGWINCH) {
                // Si ya no hay terminal, la señal hace lo suyo igual.
                let _ = self.leave();
                raise(signal)?;
                self.terminal = Some(Terminal::new()?);
            }
        }
        self.terminal.as_ref().map_or(Ok(()), Terminal::deliver_each_key)?;
        self.draw("");
        Ok(())
    }

    /// Deja la terminal como estaba, y la línea limpia. Errores: los de [`Output::flush`].
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        if self.terminal.take().is_some() {
            self.out.push(ERASE.as_bytes());
        }
        self.out.flush()
    }

    /// Encola lo que va antes, el indicador y la línea a medio escribir.
    fn draw(&mut self, above: &str) {
        if self.terminal.is_none() {
            return self.out.push(above.as_bytes());
        }
        // Quien no sabe su tamaño dice cero.
        let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0);
        let columns = size.map_or(COLUMNS, |size| size.ws_col.into());
        let prompt = tail(&self.prompt, columns.saturating_sub(WRITING + 1));
        let line = self.editor.tail(columns.saturating_sub(prompt.width() + 1));
        self.out.push(format!("{ERASE}{above}{prompt}{line}").as_bytes());
    }
}

/// Si entrada y salida son de una terminal que entiende secuencias: las que no, se llaman `dumb`.
fn understands_sequences() -> bool {
    let kind = env::var_os("TERM").unwrap_or_default();
    io::stdin().is_terminal() && io::stdout().is_terminal() && !kind.is_empty() && kind != "dumb"
}

/// Una terminal que entrega cada tecla; al soltarla, vuelve a como estaba.
struct Terminal {
    before: Termios,
    mask: SigSet,
    /// SIGTSTP (Ctrl-Z), SIGQUIT (Ctrl-\) y SIGHUP: antes, hay que dejarla. SIGCONT: la usó otro
    /// programa. SIGWINCH: cambió de tamaño.
    signals: SignalFd,
}

impl Terminal {
    fn new() -> io::Result<Terminal> {
        use Signal::{SIGCONT, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
        let before = tcgetattr(io::stdin())?;
        let mask: SigSet = [SIGTSTP, SIGQUIT, SIGHUP, SIGCONT, SIGWINCH].into_iter().collect();
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        mask.thread_block()?;
        let terminal = Terminal { before, mask, signals };
        terminal.deliver_each_key()?;
        Ok(terminal)
    }

    fn deliver_each_key(&self) -> io::Result<()> {
        let mut modes = self.before.clone();
        // Sin ISIG no habría Ctrl-C ni Ctrl-Z: las señales se quedan.
        modes.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN);
        Ok(tcsetattr(io::stdin(), SetArg::TCSANOW, &modes)?)
    }

    fn next_signal(&self) -> Option<Signal> {
        let received = self.signals.read_signal().ok()??;
        Signal::try_from(received.ssi_signo.cast_signed()).ok()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
        // En este orden: una señal que esperase encuentra ya la terminal en su sitio.
        let _ = self.mask.thread_unblock();
    }
}
