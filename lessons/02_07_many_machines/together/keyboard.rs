//! Lo que se le pide a «juntos» por el teclado.

use multiplexacion::chat::printable;
use multiplexacion::cli;
use nix::errno::Errno;
use nix::unistd;

/// Una orden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Leave,
    Drain(usize),
}

/// La entrada estándar, sin búfer: se lee cuando `poll` dijo que hay algo.
#[derive(Default)]
pub(crate) struct Keyboard {
    partial: Vec<u8>,
    closed: bool,
}

/// Lo que puede ocupar una línea sin terminar.
const LONGEST: usize = 4096;

impl Keyboard {
    /// Si aún puede llegar algo.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed
    }

    /// Lee lo que haya. Que se acabe la entrada no detiene nada.
    pub(crate) fn read(&mut self) -> Vec<Order> {
        let mut buffer = [0; 1024];
        match unistd::read(std::io::stdin(), &mut buffer) {
            Ok(count) if count > 0 => self.typed(&buffer[..count]),
            Err(Errno::EINTR | Errno::EAGAIN) => Vec::new(),
            Ok(_) | Err(_) => {
                self.closed = true;
                Vec::new()
            }
        }
    }

    fn typed(&mut self, bytes: &[u8]) -> Vec<Order> {
        self.partial.extend(bytes);
        let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') else {
            self.partial.truncate(LONGEST);
            return Vec::new();
        };
        let rest = self.partial.split_off(end + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        String::from_utf8_lossy(&whole).lines().filter_map(understand).collect()
    }
}

fn understand(line: &str) -> Option<Order> {
    let words: Vec<_> = line.split_whitespace().collect();
    let order = match words.as_slice() {
        [] => return None,
        ["salir"] => Some(Order::Leave),
        ["drenar", number] => number.parse().ok().map(Order::Drain),
        _ => None,
    };
    if order.is_none() {
        let line = printable(line.trim());
        let _ = cli::say(&format!("No conozco «{line}»; prueba «drenar 2» o «salir»."));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_órdenes_pueden_llegar_a_trozos_y_juntas() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.typed(b"drenar"), []);
        assert_eq!(keyboard.typed(b" 2\n\nsalir\r\notra"), [Order::Drain(2), Order::Leave]);
        assert_eq!(keyboard.typed(b" cosa\ndrenar x\n"), []);
    }
}
