//! Lo que escribe un proceso, sin que llenar la memoria ni no cerrar nunca la salida sirva de nada.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Las líneas que se guardan: las últimas.
const KEPT: usize = 40;

/// Lo más largo que se guarda de una línea, en bytes.
const LONGEST: u64 = 1 << 12;

/// Lo que se espera, una vez terminado el proceso, a leer lo que quede en la tubería.
const REST: Duration = Duration::from_millis(100);

/// Lo último que va saliendo por una tubería.
#[derive(Debug)]
pub struct Printed {
    lines: Arc<Mutex<Lines>>,
    ended: Receiver<()>,
}

#[derive(Debug, Default)]
struct Lines {
    last: VecDeque<String>,
    omitted: bool,
}

impl Printed {
    /// Lee `pipe` en otro hilo, hasta que se acabe.
    pub fn from(pipe: impl Read + Send + 'static) -> Printed {
        let lines = Arc::new(Mutex::new(Lines::default()));
        let (end, ended) = mpsc::channel();
        let theirs = Arc::clone(&lines);
        thread::spawn(move || {
            read(pipe, &theirs);
            drop(end);
        });
        Printed { lines, ended }
    }

    /// Lo último que se escribió, con un renglón delante si hubo más.
    ///
    /// No espera a que la tubería se cierre: puede tenerla alguien que sobrevivió al proceso.
    pub fn collect(self) -> String {
        let _ = self.ended.recv_timeout(REST);
        let lines = locked(&self.lines);
        let before = if lines.omitted { "… (antes escribió más)\n" } else { "" };
        before.to_owned() + &lines.last.iter().map(String::as_str).collect::<String>()
    }
}

fn read(pipe: impl Read, lines: &Mutex<Lines>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = pipe.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
        let mut lines = locked(lines);
        lines.last.push_back(String::from_utf8_lossy(&line).into_owned());
        if lines.last.len() > KEPT {
            lines.last.pop_front();
            lines.omitted = true;
        }
        line.clear();
    }
}

fn locked(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};

    #[test]
    fn de_mucho_queda_lo_último() {
        let all: Vec<_> = (1..=500).map(|number| format!("línea {number}\n")).collect();
        let printed = Printed::from(io::Cursor::new(all.concat())).collect();
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(lines.len(), KEPT + 1);
        assert_eq!((lines[0], lines[KEPT]), ("… (antes escribió más)", "línea 500"));
    }

    #[test]
    fn una_tubería_que_nadie_cierra_no_hace_esperar() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"hola\n").unwrap();
        assert_eq!(Printed::from(reader).collect(), "hola\n");
        drop(writer);
    }

    #[test]
    fn una_línea_sin_final_no_llena_la_memoria() {
        let endless = io::repeat(b'a').take(1 << 22);
        assert!(Printed::from(endless).collect().len() < (KEPT + 2) << 12);
    }
}
