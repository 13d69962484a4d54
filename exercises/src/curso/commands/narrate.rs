//! `relatar`, que nadie escribe: lo arranca strace en `ejecutar -v`, y le da en su entrada lo que ve.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::stop::Stop;

use ventana::narrator::Narrator;
use ventana::strace::{Call, Reader};

/// Lo que ha de durar una llamada para decir que su hilo duerme en ella.
const DROWSY: Duration = Duration::from_millis(50);

/// Una llamada que no ha terminado, desde cuándo, y si ya se ha contado.
type Waiting = (Call, Instant, bool);

/// Cuenta en la salida de errores lo que llegue por la entrada, hasta que acabe.
pub(crate) fn narrate() -> Result<(), Trouble> {
    // Ctrl-C es para el servidor: quien lo cuenta termina cuando él.
    let _deaf = Stop::on_signals()?;
    let pieces = pieces();
    let (mut reader, mut narrator) = (Reader::default(), Narrator::default());
    let mut waiting: BTreeMap<u32, Waiting> = BTreeMap::new();
    let mut pending = Vec::new();
    loop {
        match pieces.recv_timeout(DROWSY) {
            Ok(piece) => pending.extend(piece),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = pending.drain(..=end).collect();
            let Some(call) = reader.read(String::from_utf8_lossy(&line).trim_end()) else {
                continue;
            };
            if call.outcome.is_some() {
                waiting.remove(&call.thread);
                narrator.ended(&call).iter().for_each(|line| cli::complain(line));
            } else {
                waiting.entry(call.thread).or_insert((call, Instant::now(), false));
            }
        }
        if let Some(call) = Reader::begun(&String::from_utf8_lossy(&pending)) {
            waiting.entry(call.thread).or_insert((call, Instant::now(), false));
        }
        for (call, since, told) in waiting.values_mut().filter(|(_, _, told)| !told) {
            if since.elapsed() >= DROWSY {
                *told = true;
                narrator.sleeping(call).iter().for_each(|line| cli::complain(line));
            }
        }
    }
}

/// Lo que llega por la entrada, según llega: strace no termina una línea hasta que termina la llamada.
fn pieces() -> Receiver<Vec<u8>> {
    let (sender, pieces) = mpsc::channel();
    thread::spawn(move || {
        let (mut input, mut buffer) = (io::stdin().lock(), [0; 8192]);
        while let Ok(count @ 1..) = input.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}
