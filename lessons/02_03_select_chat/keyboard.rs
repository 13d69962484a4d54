//! La entrada estándar, leída como un descriptor más.

use std::io::{self, Stdin};
use std::os::fd::{AsFd, BorrowedFd};

use multiplexacion::chat::printable;
use multiplexacion::cli;
use multiplexacion::frame::MAX_TEXT;
use multiplexacion::steps::Step;
use nix::errno::Errno;
use nix::unistd;

/// La entrada estándar, sin búfer intermedio.
///
/// `std::io::stdin` lee de más y guarda lo que sobra donde `select` no puede verlo: con tres
/// líneas ya leídas y una entregada, `select` diría que no hay nada y dos se quedarían dentro.
#[derive(Debug)]
pub(crate) struct Keyboard {
    stdin: Stdin,
}

impl Keyboard {
    pub(crate) fn new() -> Keyboard {
        Keyboard { stdin: io::stdin() }
    }

    /// Si es una terminal que ahora usa otro programa, porque a este lo arrancaron con `&`.
    /// Leerla detendría el proceso con SIGTTIN (termios(3)).
    pub(crate) fn belongs_to_another(&self) -> bool {
        unistd::tcgetpgrp(&self.stdin).is_ok_and(|foreground| foreground != unistd::getpgrp())
    }

    /// Una lectura, cuando `select` ya dijo que hay algo. `None` es el fin de la entrada.
    pub(crate) fn read<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        match unistd::read(&self.stdin, buffer) {
            // EIO: la terminal ya no es nuestra (el programa pasó a segundo plano o se cerró).
            Ok(0) | Err(Errno::EIO) => Ok(None),
            Ok(count) => Ok(Some(&buffer[..count])),
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(Some(&[])),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }
}

/// Lo que se escribe en la terminal del servidor.
pub(crate) struct Console {
    /// `None` cuando la entrada estándar terminó: el servidor sigue.
    keyboard: Option<Keyboard>,
    lines: Lines,
}

impl Default for Console {
    fn default() -> Console {
        Console { keyboard: Some(Keyboard::new()), lines: Lines::default() }
    }
}

impl Console {
    /// El descriptor que vigilar, mientras haya algo que leer.
    pub(crate) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.keyboard.as_ref().map(AsFd::as_fd)
    }

    /// Lee lo que haya, cuando `select` ya lo dijo. Devuelve si pide terminar.
    ///
    /// La terminal es de otro, se acabó la entrada o no se puede leer: no se mira más, y los
    /// clientes ni se enteran.
    pub(crate) fn asks_to_stop(&mut self, scratch: &mut [u8]) -> bool {
        let keyboard = self.keyboard.as_ref().filter(|keyboard| !keyboard.belongs_to_another());
        let Some(Ok(Some(bytes))) = keyboard.map(|keyboard| keyboard.read(scratch)) else {
            Step::Stdin { result: "fin" }.tell();
            self.keyboard = None;
            return false;
        };
        for line in self.lines.push(bytes) {
            match line.trim() {
                "salir" => return true,
                "" => {}
                other => {
                    let other = printable(other);
                    let _ =
                        cli::say(&format!("No conozco «{other}»; para terminar, escribe «salir»."));
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
        let mut pieces = bytes.split(|&byte| byte == b'\n');
        let mut lines = Vec::new();
        // Lo que va tras el último fin de línea (quizá nada) es el principio de otra.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.extend(piece);
            lines.push(self.take());
        }
        self.extend(last);
        lines
    }

    /// Al terminar la entrada: la última línea, si le faltaba su fin.
    pub(crate) fn finish(&mut self) -> Option<String> {
        (!self.partial.is_empty()).then(|| self.take())
    }

    /// Una línea que no cabe en un mensaje no se guarda entera: basta con saber que no cabe.
    fn extend(&mut self, piece: &[u8]) {
        let room = (MAX_TEXT + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.partial);
        String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(&bytes)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t3_18_de_tres_líneas_leídas_de_golpe_salen_tres() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"uno\ndos\r\ntres\ncua"), ["uno", "dos", "tres"]);
        assert_eq!(lines.push(b"tro"), [""; 0]);
        assert_eq!(lines.finish().as_deref(), Some("cuatro"));
        assert_eq!(lines.finish(), None);
    }

    proptest! {
        #[test]
        fn cualquier_corte_da_las_mismas_líneas(text in "[añ\n]{0,40}", size in 1_usize..10) {
            let mut lines = Lines::default();
            let mut seen: Vec<String> =
                text.as_bytes().chunks(size).flat_map(|piece| lines.push(piece)).collect();
            seen.extend(lines.finish());
            let expected: Vec<String> = text.lines().map(str::to_owned).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
