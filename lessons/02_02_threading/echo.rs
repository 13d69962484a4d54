//! Lo que se hace con un cliente.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use multiplexacion::socketserver::{Request, RequestHandler};

use crate::threads::tell;

/// Lo que cabe en una lectura. Está en la pila del hilo: leer no reserva memoria.
const BUFFER: usize = 16 * 1024;

const EVERYBODY: &str =
    "ya están todos los hilos dentro de handle() a la vez: cada uno responde al suyo";

// ANCHOR: handler
/// Devuelve cada byte, en orden, hasta que el cliente cierra su lado.
///
/// Hay uno por cliente, en su hilo: solo comparte lo que es un `Arc`.
pub(crate) struct EchoHandler {
    pub(crate) meeting: Arc<Meeting>,
}

impl RequestHandler for EchoHandler {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        let peer = request.client_address();
        let mut buffer = [0; BUFFER];
        let mut total = 0;
        loop {
            // Este hilo duerme aquí hasta que su cliente envía algo; los
            // demás, no. Una lectura puede ser un mensaje, medio o dos:
            // solo cero bytes son el final.
            let count = request.recv(&mut buffer)?;
            if count == 0 {
                break;
            }
            if total == 0 {
                let text = preview(&buffer[..count]);
                tell(&format!("{peer} envía {count} bytes: {text}"));
                self.meeting.arrive();
            }
            request.send_all(&buffer[..count])?;
            total += count;
        }
        tell(&format!("{peer} terminó; recibió de vuelta {total} bytes"));
        Ok(())
    }
}
// ANCHOR_END: handler

// ANCHOR: meeting
/// Un punto de encuentro: nadie responde hasta que todos están dentro de `handle()`.
///
/// Solo para la demostración. Si se atendiera a uno tras otro no se abriría nunca: que se
/// abra es la prueba de que los hilos están vivos a la vez.
pub(crate) struct Meeting {
    missing: Mutex<usize>,
    complete: Condvar,
}

impl Meeting {
    /// Espera a tantos; con cero, está abierto desde el principio.
    pub(crate) fn of(members: usize) -> Meeting {
        Meeting { missing: Mutex::new(members), complete: Condvar::new() }
    }

    /// Llega uno. Duerme hasta que no falte nadie.
    fn arrive(&self) {
        let mut missing = self.missing();
        if *missing == 1 {
            tell(EVERYBODY);
        }
        *missing = missing.saturating_sub(1);
        self.complete.notify_all();
        // `wait_while` suelta el cerrojo mientras duerme: si no, nadie más podría llegar.
        drop(self.complete.wait_while(missing, |missing| *missing > 0));
    }

    /// Que nadie espere más: alguno no vendrá.
    pub(crate) fn open(&self) {
        *self.missing() = 0;
        self.complete.notify_all();
    }

    fn missing(&self) -> MutexGuard<'_, usize> {
        // Un número no se queda a medias aunque un hilo muera con el cerrojo echado.
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
// ANCHOR_END: meeting

/// El principio de unos bytes, entre comillas y sin nada que una terminal pueda obedecer.
pub(crate) fn preview(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    // Un carácter ocupa cuatro bytes como mucho: con estos hay de sobra.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * (SHOWN + 1))]);
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start:?}{}", if start.len() < text.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn lo_que_se_muestra_es_corto_y_una_terminal_no_lo_obedece() {
        assert_eq!(preview("añ\n".as_bytes()), r#""añ\n""#);
        assert_eq!(preview(b"\x1b[2J"), r#""\u{1b}[2J""#);
        assert_eq!(preview(&[0xFF; 2]), "\"\u{FFFD}\u{FFFD}\"");
        assert_eq!(preview(&[b'x'; 41]), format!("\"{}\"…", "x".repeat(40)));
        assert_eq!(preview("ñ".repeat(40).as_bytes()), format!("\"{}\"", "ñ".repeat(40)));
    }

    #[test]
    fn el_encuentro_se_puede_abrir_aunque_falte_alguien() {
        let meeting = Meeting::of(2);
        thread::scope(|scope| {
            scope.spawn(|| meeting.arrive());
            meeting.open();
        });
        meeting.arrive();
    }
}
