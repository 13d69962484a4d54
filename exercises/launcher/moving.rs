//! Una línea que avanza mientras cargo compila: quien espera ve que algo se mueve.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Cada cuánto se escribe otra vez.
const BEAT: Duration = Duration::from_millis(250);

/// La línea, que se borra al descartarla.
#[derive(Debug)]
pub struct Moving {
    compiled: Option<Sender<String>>,
    writer: Option<JoinHandle<()>>,
}

impl Moving {
    /// Si pasa `patience` y hay alguien mirando la salida de errores, empieza a escribirla.
    pub fn after(patience: Duration) -> Option<Moving> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let (compiled, news) = mpsc::channel::<String>();
        let started = Instant::now();
        let writer = thread::spawn(move || {
            let (mut count, mut last, mut shown) = (0_usize, String::new(), false);
            loop {
                match news.recv_timeout(BEAT) {
                    Ok(name) => (count, last) = (count + 1, name),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if started.elapsed() >= patience {
                    shown = true;
                    write(&line(started.elapsed(), count, &last));
                }
            }
            if shown {
                write("");
            }
        });
        Some(Moving { compiled: Some(compiled), writer: Some(writer) })
    }

    /// Cuenta lo que dice una línea de `cargo build --message-format json`, si es que algo se compiló.
    pub fn saw(&self, message: &str) {
        if let (Some(name), Some(compiled)) = (compiled(message), &self.compiled) {
            // Si ya nadie la escribe, tampoco hay a quién contárselo.
            let _ = compiled.send(name.to_owned());
        }
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        drop(self.compiled.take());
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

/// Sustituye la línea por otra.
fn write(line: &str) {
    let mut terminal = io::stderr().lock();
    let _ = write!(terminal, "\r\x1b[2K{line}");
    let _ = terminal.flush();
}

fn line(elapsed: Duration, count: usize, last: &str) -> String {
    let seconds = elapsed.as_secs();
    match count {
        0 => format!("Compilando… {seconds} s"),
        1 => format!("Compilando… {seconds} s · 1 pieza ({last})"),
        _ => format!("Compilando… {seconds} s · {count} piezas ({last})"),
    }
}

/// El nombre de lo que acaba de compilarse, si el mensaje dice eso.
fn compiled(message: &str) -> Option<&str> {
    let fresh = message.contains("\"fresh\":true");
    if fresh || !message.contains("\"reason\":\"compiler-artifact\"") {
        return None;
    }
    let (_, target) = message.split_once("\"target\":")?;
    target.split_once("\"name\":\"")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuenta_lo_que_se_compila_y_no_lo_que_ya_estaba() {
        let message = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"nix"},"fresh":false}"#;
        assert_eq!(compiled(message), Some("nix"));
        assert_eq!(compiled(&message.replace("false", "true")), None);
        assert_eq!(compiled(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn la_línea_dice_cuánto_lleva() {
        let second = Duration::from_secs(1);
        assert_eq!(line(second, 0, ""), "Compilando… 1 s");
        assert_eq!(line(second * 12, 34, "nix"), "Compilando… 12 s · 34 piezas (nix)");
    }
}
