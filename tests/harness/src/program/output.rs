//! Lo que un programa escribe: se lee sin parar en un hilo, y se puede esperar a que diga algo.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::waiting::Deadline;

/// Cuántas líneas del final se enseñan en un informe.
const LAST_LINES: usize = 15;

/// Por dónde escribe un programa.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// La salida estándar.
    Stdout,
    /// La salida de errores.
    Stderr,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "la salida estándar",
            Self::Stderr => "la salida de errores",
        })
    }
}

/// Por qué no apareció lo que se esperaba.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// El programa cerró esa salida: ya no puede aparecer.
    Ended,
    TimedOut,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    text: Mutex<Text>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    ended: bool,
    /// Tras la primera línea, no se lee más.
    held: bool,
}

impl Output {
    /// Lee hasta el final en un hilo propio, para que el programa nunca espere a que lo lean; con
    /// `held`, solo la primera línea, hasta que se [siga](Self::read_on).
    pub(super) fn drain(reader: impl Read + Send + 'static, held: bool) -> io::Result<Self> {
        let output = Self::default();
        output.lock().held = held;
        let writer = output.clone();
        thread::Builder::new()
            .name("lee un programa".to_owned())
            .spawn(move || writer.fill_from(reader))?;
        Ok(output)
    }

    /// Una salida por la que no llegará nada.
    pub(super) fn ended() -> Self {
        let output = Self::default();
        output.lock().ended = true;
        output
    }

    fn fill_from(&self, mut reader: impl Read) {
        let mut chunk = [0; 4096];
        loop {
            match reader.read(&mut chunk) {
                Ok(count) if count > 0 => self.lock().bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Una terminal que cierra el programa no da un final, da EIO.
                Ok(_) | Err(_) => break,
            }
            self.0.changed.notify_all();
            self.wait_while_held();
        }
        self.lock().ended = true;
        self.0.changed.notify_all();
    }

    fn wait_while_held(&self) {
        let has_to_wait = |text: &mut Text| text.held && text.bytes.contains(&b'\n');
        drop(self.0.changed.wait_while(self.lock(), has_to_wait));
    }

    /// Desde ahora se lee todo.
    pub(super) fn read_on(&self) {
        self.lock().held = false;
        self.0.changed.notify_all();
    }

    /// Lo escrito hasta ahora.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Las últimas líneas, para un informe.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(LAST_LINES);
        if lines.is_empty() {
            return vec!["(nada)".to_owned()];
        }
        lines[start..].iter().map(ToString::to_string).collect()
    }

    /// Espera a que `find` encuentre lo suyo en todo lo escrito desde el comienzo.
    pub(super) fn wait_for<T>(
        &self,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Missing> {
        let deadline = Deadline::after(limit);
        let mut text = self.lock();
        loop {
            if let Some(found) = find(&String::from_utf8_lossy(&text.bytes)) {
                return Ok(found);
            }
            if text.ended {
                return Err(Missing::Ended);
            }
            let remaining = deadline.remaining().ok_or(Missing::TimedOut)?;
            text = self
                .0
                .changed
                .wait_timeout(text, remaining)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Espera a que el programa (y quien la haya heredado) cierre esta salida.
    pub(super) fn wait_for_end(&self, limit: Duration) {
        // Si alguien la mantiene abierta, basta con lo que haya.
        let _ = self.wait_for(limit, |_| None::<()>);
    }

    fn lock(&self) -> MutexGuard<'_, Text> {
        self.0.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
