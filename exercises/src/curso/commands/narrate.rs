//! `relatar`, que nadie escribe: lo arranca strace en `ejecutar -v`, y le da en su entrada lo que ve.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::stop::Stop;

use ventana::calls::Calls;
use ventana::narrator::Narrator;
use ventana::recording::{self, Record};
use ventana::strace::{Call, Event, Reader};

/// Las llamadas que hay que pedir a strace: las que cuenta `-v` de las lecciones.
pub(super) const CALLS: &str = "trace=listen,connect,accept,accept4,recvfrom,recvmsg,sendto,sendmsg,\
    shutdown,read,write,readv,writev,close,\
    ?select,?pselect6,?poll,?ppoll,?epoll_ctl,?epoll_wait,?epoll_pwait,?epoll_pwait2";

/// Lo que ha de durar una llamada para decir que su hilo duerme en ella.
const DROWSY: Duration = Duration::from_millis(50);

/// Una llamada que no ha terminado, desde cuándo, y si ya se ha contado.
type Waiting = (Call, Instant, bool);

/// Cuenta en la salida de errores lo que llegue por la entrada, hasta que acabe.
pub(crate) fn narrate() -> Result<(), Trouble> {
    // Ctrl-C es para el servidor: quien lo cuenta termina cuando él.
    let _deaf = Stop::on_signals()?;
    let pieces = pieces();
    let (mut reader, mut teller) = (Reader::default(), Teller::default());
    let mut waiting: BTreeMap<u32, Waiting> = BTreeMap::new();
    loop {
        let piece = match pieces.recv_timeout(DROWSY) {
            Ok(piece) => piece,
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        for event in reader.feed(&piece) {
            match &event {
                Event::Begun(call) => {
                    let new = || (call.clone(), Instant::now(), false);
                    waiting.entry(call.thread).or_insert_with(new).0.clone_from(call);
                }
                Event::Ended(call) => {
                    waiting.remove(&call.thread);
                }
                _ => {}
            }
            teller.happened(&event);
        }
        for (call, since, told) in waiting.values_mut().filter(|(_, _, told)| !told) {
            if since.elapsed() >= DROWSY {
                *told = true;
                teller.slept(call);
            }
        }
    }
}

/// Escribe las frases, con su momento y su hilo.
#[derive(Default)]
struct Teller {
    calls: Calls,
    narrator: Narrator,
    /// Cuándo ocurrió lo primero que se cuenta.
    origin: Option<u64>,
}

impl Teller {
    fn happened(&mut self, event: &Event) {
        for record in self.calls.read(event) {
            let Some(call) = on_sockets(&record) else { continue };
            let (at, thread) = (call.us + call.took.unwrap_or_default(), call.thread);
            for sentence in self.narrator.tell(&record).say {
                self.line(at, thread, &sentence);
            }
        }
    }

    fn slept(&mut self, call: &Call) {
        for record in self.calls.asleep(call) {
            let Some(call) = on_sockets(&record) else { continue };
            let (at, thread) = (call.us, call.thread);
            if let Some(sentence) = self.narrator.tell(&record).asleep {
                self.line(at, thread, &sentence);
            }
        }
    }

    /// `[   0.001234] hilo 2: read(5): 5 bytes`.
    fn line(&mut self, at: u64, thread: u32, sentence: &str) {
        let since = Duration::from_micros(at.saturating_sub(*self.origin.get_or_insert(at)));
        let thread = if thread == 1 { String::new() } else { format!("hilo {thread}: ") };
        cli::complain(&format!("[{:11.6}] {thread}{sentence}", since.as_secs_f64()));
    }
}

/// Las llamadas que cuenta `-v`: como en las lecciones, ni la entrada estándar ni las que una señal
/// corta y el núcleo repite.
fn on_sockets(record: &Record) -> Option<&recording::Call> {
    match record {
        Record::Call(call) if !call.is_of_stdin() && !call.is_cut() => Some(call),
        _ => None,
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
