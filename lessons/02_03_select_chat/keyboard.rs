//! La entrada estándar, leída como un descriptor más.

use std::io::{self, IsTerminal, Stdin};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use multiplexacion::chat::printable;
use multiplexacion::cli;
use multiplexacion::frame::MAX_TEXT;
use multiplexacion::steps::Step;
use nix::errno::Errno;
use nix::sys::select::FdSet;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd;

/// Una lectura de la entrada estándar, cuando `select` ya dijo que hay algo. `None` es su fin.
///
/// Sin búfer intermedio: el de `Stdin` lee de más y guarda lo que sobra donde `select` no puede
/// verlo. Con tres líneas ya leídas y una entregada, diría que no hay nada y dos se quedarían dentro.
pub(crate) fn read<'a>(keyboard: &Stdin, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    match unistd::read(keyboard, buffer) {
        // EIO: la terminal ya no es nuestra (el programa pasó a segundo plano, o se cerró).
        Ok(0) | Err(Errno::EIO) => Ok(None),
        Ok(count) => Ok(Some(&buffer[..count])),
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(Some(&[])),
        Err(error) => Err(error.into()),
    }
}

/// Lo que se escribe en la terminal del servidor.
pub(crate) struct Console {
    pub(crate) keyboard: Stdin,
    /// Desde cuándo se vigila; `None` si la entrada estándar terminó: el servidor sigue.
    since: Option<Instant>,
    lines: Lines,
}

impl Console {
    /// Lo que se espera a que la terminal, que es de otro, vuelva a ser nuestra. Hasta entonces,
    /// lo que se escriba en ella la tiene «lista»: vigilarla sería no dormir nunca.
    const RETRY: Duration = Duration::from_secs(1);

    /// Con SIGTTIN apartada, leer una terminal que es de otro programa, porque a este lo arrancaron
    /// con `&`, no detiene el proceso: es EIO (termios(3)).
    pub(crate) fn new() -> io::Result<Console> {
        SigSet::from(Signal::SIGTTIN).thread_block()?;
        let since = Some(Instant::now());
        Ok(Console { keyboard: io::stdin(), since, lines: Lines::default() })
    }

    /// Se apunta a lo que vigila `select`. Si aún no toca, devuelve desde cuándo.
    pub(crate) fn watch<'a>(&'a self, reading: &mut FdSet<'a>) -> Option<Instant> {
        let since = self.since?;
        if since > Instant::now() {
            return Some(since);
        }
        reading.insert(self.keyboard.as_fd());
        None
    }

    /// Lee lo que haya, cuando `select` ya lo dijo. Devuelve si pide terminar.
    ///
    /// Si se acabó la entrada o no se puede leer, los clientes ni se enteran.
    pub(crate) fn asks_to_stop(&mut self, scratch: &mut [u8]) -> bool {
        let Ok(Some(bytes)) = read(&self.keyboard, scratch) else {
            let terminal = self.keyboard.is_terminal();
            Step::Stdin { result: if terminal { "terminal" } else { "fin" } }.tell();
            self.since = terminal.then(|| Instant::now() + Console::RETRY);
            return false;
        };
        for line in self.lines.push(bytes) {
            match line.trim() {
                "salir" => return true,
                "" => {}
                other => {
                    let hint = "para terminar, escribe «salir».";
                    let _ = cli::say(&format!("No conozco «{}»; {hint}", printable(other)));
                }
            }
        }
        false
    }
}

/// Bytes sueltos que se van juntando en líneas.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Añade bytes y devuelve las líneas que quedaron completas, sin su fin de línea.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let whole = piece.strip_suffix(b"\n");
            // Una línea que no cabe en un mensaje no se guarda entera: basta con saber que no cabe.
            let room = (MAX_TEXT + 1).saturating_sub(self.partial.len());
            self.partial.extend(whole.unwrap_or(piece).iter().take(room));
            lines.extend(whole.map(|_| self.take()));
        }
        lines
    }

    /// Al terminar la entrada: la última línea, si le faltaba su fin.
    pub(crate) fn finish(&mut self) -> Option<String> {
        (!self.partial.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.partial);
        String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(&bytes)).into_owned()
    }
}
